"""The hostile suite against a real server over TLS, with the real database: one entrance of each WS-Trust version.

The tests are those of tests/security; only what they attack is another.
"""

import os
import tempfile
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.attack import ENTRANCES, Attack, attack_of
from tests.harness import ENDPOINTS, PASSWORDS
from tests.messages import Answer
from tests.running import Prepared, prepare, serving
from tests.security.conftest import own
from tests.security.test_hostile_headers import *  # noqa: F403
from tests.security.test_hostile_messages import *  # noqa: F403
from tests.security.test_hostile_requests import *  # noqa: F403
from tests.security.test_hostile_targets import *  # noqa: F403

__all__ = ["own"]

# What a well-behaved HTTP client cannot send, or the front answers by itself: tests/system/server has it.
del test_a_charset_other_than_utf_8_and_utf_16_is_refused  # noqa: F821
del test_a_heap_of_anything_is_refused_in_short_time  # noqa: F821
del test_a_media_type_that_is_not_soap_is_refused  # noqa: F821
del test_a_path_that_is_not_exactly_an_endpoint_is_not_found  # noqa: F821
del test_another_method_is_refused  # noqa: F821
del test_the_longest_message_is_read_and_one_octet_more_is_refused  # noqa: F821
del test_valid_xml_of_a_megabyte_is_refused  # noqa: F821

# What needs a clock that stands still.
del test_a_huge_lifetime_is_cut_or_refused_as_the_relying_party_has_it  # noqa: F821
del test_another_requestor_learns_nothing_by_reference  # noqa: F821
del test_text_is_one_text_node  # noqa: F821

STATE = """
[[realm]]
name = "default"
issuer = "https://sts.example.test/trust"
administrators = ["admin"]

[[relying_party]]
name = "rp"
applies_to = ["https://rp.example.test/svc"]
[[relying_party.claim]]
release = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress"
[[relying_party.claim]]
release = "department"
as = "http://claims.example.test/department"
[[relying_party.claim]]
constant = "http://claims.example.test/orchestra"
values = ["philharmonic"]
[[relying_party.claim]]
group = "players"
as = "http://schemas.microsoft.com/ws/2008/06/identity/claims/role"
values = ["Player"]

[[relying_party]]
name = "strict"
applies_to = ["https://strict.example.test/svc"]
lifetime = { default = "5m", maximum = "10m", on_excess = "refuse" }
validators = ["bob"]
[[relying_party.claim]]
release = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress"
""" + "".join(
    f"""
[[account]]
name = "{name}"
password = "{password}"
groups = ["players"]
[account.claims]
"http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress" = ["{name}@example.test"]
department = ["music", "brass"]
"""
    for name, password in PASSWORDS.items()
)


class OverTls:
    """A server process; each message on a connection of its own."""

    def __init__(self, prepared: Prepared, process: int) -> None:
        self._prepared = prepared
        self._process = process
        self._read = 0

    def send(
        self, octets: bytes, *, path: str, content_type: str | None, method: str, headers: Mapping[str, str]
    ) -> Answer:
        fields = dict(headers) if content_type is None else {"content-type": content_type, **headers}
        return self._prepared.ask(method, path, octets, **fields)

    def now(self) -> datetime:
        return datetime.now(UTC)

    def cpu(self) -> float:
        fields = Path(f"/proc/{self._process}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def logged(self) -> str:
        with self._prepared.log.open() as lines:
            lines.seek(self._read)
            text = lines.read()
            self._read = lines.tell()
        return "\n".join(line for line in text.splitlines() if line.startswith("{"))


def endpoint_tables() -> str:
    """The harness's endpoints as sts.toml writes them."""
    rows = []
    for row in ENDPOINTS:
        version = "2005" if "2005" in row.path else "1.3"
        lines = ["[[endpoint]]", f'path = "{row.path}"', f'trust = "{version}"', f"tolerances = {list(row.tolerances)}"]
        lines.append(f'layout = "{row.layout}"')
        if row.default_relying_party:
            lines.append(f'default_relying_party = "{row.default_relying_party}"')
        if row.strict_to:
            lines.append("strict_to = true")
        rows.append("\n".join(lines))
    return "\n\n".join(rows)


@pytest.fixture(scope="module")
def target() -> Iterator[OverTls]:
    with tempfile.TemporaryDirectory() as directory:
        prepared = prepare(Path(directory), state=STATE)
        text = prepared.config.read_text().replace('format = "text"', 'format = "json"')
        text = text.replace("[server]", "[server]\nworkers = 1")
        prepared.config.write_text(f"{text}\n{endpoint_tables()}\n")
        with serving(prepared) as server:
            yield OverTls(prepared, server.pid)


attack = attack_of(
    Attack,
    [
        entrance
        for entrance in ENTRANCES
        if (entrance.path, entrance.soap) in (("/trust/13/usernamemixed", "1.2"), ("/trust/2005/usernamemixed", "1.1"))
    ],
)
