"""What the client suites saw, for the table in docs/clients.md: `pytest tests/interop --record-clients FILE`.

A suite names its client by a mark, `pytestmark = pytest.mark.client("Apache CXF", version="4.1.5")`, and what that
client did is what the STS's own log says of the time of each test that passed. Where a suite has several clients, each
mark's `when` is the fixture or parameter by which a test is one of it. What becomes of tokens at their consumers a test
tells the fixture `consumed`.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import pytest

from tests.running import Prepared
from wstrust_sts.config import load_config
from wstrust_sts.endpoint_section import TRUST_VERSIONS

_TRUST = {version: name for name, version in TRUST_VERSIONS.items()}
_LINE = re.compile(r'(?:operation=(?P<operation>\w+) )?outcome=(?P<outcome>\w+|"[^"]+") .*?endpoint=(?P<endpoint>\S+) ')
_SOAP = re.compile(r"(?:soap|[\[-])(1\.[12])(?=[\]-])")


@dataclass(frozen=True)
class Exchange:
    """One operation of one client at one endpoint, and how it ended."""

    client: str
    version: str
    suite: str
    policy: str
    trust: str
    settings: str  # what the endpoint has beside its policy
    soap: str
    operation: str
    outcome: str


@dataclass(frozen=True)
class Consumption:
    """One kind of token before one consumer, and whether it was taken."""

    consumer: str
    version: str
    suite: str
    what: str
    taken: bool


class Recorder:
    """Collects while the tests run."""

    def __init__(self, file: Path | None):
        self._file = file
        self._exchanges: set[Exchange] = set()
        self._consumptions: set[Consumption] = set()

    def consumed(self, consumption: Consumption) -> None:
        """Raises AssertionError where the same was seen to end otherwise."""
        assert replace(consumption, taken=not consumption.taken) not in self._consumptions
        self._consumptions.add(consumption)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Iterator[None]:
        prepared = next((value for value in item.funcargs.values() if isinstance(value, Prepared)), None)
        before = prepared.log.stat().st_size if prepared else 0
        yield  # a test that fails ends here
        if prepared is None:
            return
        with prepared.log.open("rb") as log:
            log.seek(before)
            lines = log.read().decode()
        for mark in item.iter_markers("client"):
            if _concerns(mark, item):
                self._exchanges.update(_exchanges(mark, item, prepared, lines))

    def pytest_sessionfinish(self) -> None:
        if self._file is None:
            return
        records = {
            "exchanges": sorted(map(asdict, self._exchanges), key=str),
            "consumptions": sorted(map(asdict, self._consumptions), key=str),
        }
        self._file.write_text(json.dumps(records, indent=1) + "\n")


def _concerns(mark: pytest.Mark, item: pytest.Item) -> bool:
    when = mark.kwargs.get("when")
    return when is None or when in item.funcargs or when in re.split(r"[\[\]-]", item.name)


def _exchanges(mark: pytest.Mark, item: pytest.Item, prepared: Prepared, lines: str) -> Iterator[Exchange]:
    endpoints = {endpoint.path: endpoint for endpoint in load_config(prepared.config).endpoint_sections}
    soap = _SOAP.search(item.name)
    for found in _LINE.finditer(lines):
        endpoint = endpoints.get(found["endpoint"])
        if endpoint is None:
            continue
        settings = [f"layout {endpoint.layout}"] if endpoint.layout != "default" else []
        settings += [f"algorithms {endpoint.algorithms}"] if endpoint.algorithms != "default" else []
        settings += ["signature_confirmation"] if endpoint.signature_confirmation else []
        settings += [f"tolerance {name}" for name in endpoint.tolerances]
        yield Exchange(
            client=mark.args[0],
            version=mark.kwargs["version"],
            suite=item.path.name,
            policy=endpoint.policy,
            trust=_TRUST[endpoint.trust],
            settings=", ".join(settings),
            soap=soap[1] if soap else "",
            operation=found["operation"] or "",  # refused before it was known
            outcome=found["outcome"].strip('"'),
        )
