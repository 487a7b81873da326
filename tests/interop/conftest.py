"""One running STS for all client suites."""

import pytest

from tests.running import prepare, serving


@pytest.fixture(scope="session")
def sts(tmp_path_factory):
    prepared = prepare(tmp_path_factory.mktemp("interop"))
    with serving(prepared):
        yield prepared
