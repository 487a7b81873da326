"""A test for each of many cases, and a fixture that is each of many values.

A fixture is called what it is assigned to: `row = each_of(ROWS)` is the fixture `row`.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import pytest

from wstrust_sts import ns


def each(cases: Mapping[str, object], *names: str) -> pytest.MarkDecorator:
    """Runs a test once for each value, as `case` or, where a case is several values, as `names`."""
    arguments = names if len(names) > 1 else (names or ("case",))[0]
    return pytest.mark.parametrize(arguments, list(cases.values()), ids=list(cases))


def each_refused(cases: Mapping[str, tuple[type[Exception], object]]) -> pytest.MarkDecorator:
    """The same for pairs: the refusal that is `expected`, and what does `build` the message."""
    return each(cases, "expected", "build")


each_token_type = each({"saml20": ns.TP11_SAML20, "saml11": ns.TP11_SAML11}, "token_type")


def each_of(values: Iterable[object], *, ids: Callable[[Any], str] = str) -> Any:
    """A fixture that is each of `values` in turn; of a mapping it is each value, under the name that its key is."""
    if isinstance(values, Mapping):
        params, names = list(values.values()), list(values)
    else:
        params = list(values)
        names = [ids(value) for value in params]

    @pytest.fixture(params=params, ids=names)
    def value(request: pytest.FixtureRequest) -> object:
        return request.param

    return value


def dashed(row: Any) -> str:
    """The path of an endpoint, as the ids of tests have it."""
    return row.path.strip("/").replace("/", "-")
