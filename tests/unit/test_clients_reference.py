"""docs/clients.md and what writes its tables; a client or consumer that a suite names is in them."""

import re
from pathlib import Path

import pytest

from docs.write_clients import (
    CLIENT_COLUMNS,
    CLIENTS,
    CONSUMER_COLUMNS,
    CONSUMERS,
    DOCUMENT,
    ENCRYPTIONS,
    WRONG,
    marks,
    place,
    render,
)

ROOT = Path(__file__).parents[2]
INTEROP = ROOT / "tests" / "interop"
COLUMNS = {CLIENTS: CLIENT_COLUMNS, CONSUMERS: CONSUMER_COLUMNS}


def exchange(**changed: str) -> dict[str, str]:
    return {
        "client": "a client",
        "version": "1.2",
        "suite": "test_it.py",
        "policy": "usernamemixed",
        "trust": "1.3",
        "settings": "",
        "soap": "1.1",
        "operation": "Issue",
        "outcome": "issued",
    } | changed


def consumption(what: str, *, taken: bool) -> dict[str, object]:
    return {"consumer": "a library", "version": "3", "suite": "test_it.py", "what": what, "taken": taken}


def rows(table: str) -> list[dict[str, str]]:
    columns, _, *cells = ([cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines())
    return [dict(zip(columns, row, strict=True)) for row in cells]


def client_rows(*exchanges: dict[str, str]) -> list[dict[str, str]]:
    return rows(render({"exchanges": exchanges, "consumptions": []})[CLIENTS])


def written(name: str) -> str:
    """The table that is committed."""
    begin, end = marks(name)
    return DOCUMENT.read_text(encoding="utf-8").partition(begin + "\n")[2].partition(end)[0]


def test_a_row_says_what_a_client_did_at_an_endpoint():
    (row,) = client_rows(exchange(), exchange(soap="1.2"), exchange(operation="Cancel", outcome="cancelled"))
    assert row == {
        "client": "a client 1.2",
        "policy": "`usernamemixed`",
        "the endpoint has": "",
        "WS-Trust": "1.3",
        "SOAP": "1.1, 1.2",
        "Issue": "yes",
        "Validate": "",
        "Renew": "",
        "Cancel": "yes",
        "faults": "",
        "tests": "`test_it.py`",
    }


def test_an_operation_that_one_version_of_ws_trust_alone_saw_done_says_so():
    (row,) = client_rows(
        exchange(), exchange(trust="2005"), exchange(operation="Validate", trust="2005", outcome="valid")
    )
    assert (row["Issue"], row["Validate"], row["WS-Trust"]) == ("yes", "2005 only", "1.3, 2005")


def test_faults_are_told_and_what_never_went_well_is_refused():
    refused = exchange(outcome="refused InvalidSecurity")
    tolerant = exchange(settings="algorithms basic256sha256")
    without, with_it, good = client_rows(refused, tolerant, exchange(client="b"), refused | {"client": "b"})
    assert (without["Issue"], without["faults"]) == ("refused", "yes")
    assert (with_it["Issue"], with_it["the endpoint has"]) == ("yes", "algorithms basic256sha256")
    assert (good["Issue"], good["faults"]) == ("yes", "yes")


def test_a_message_that_was_not_even_read_is_a_fault_alone():
    (row,) = client_rows(exchange(operation="", outcome="refused InvalidSecurity"))
    assert (row["Issue"], row["Validate"], row["faults"]) == ("", "", "yes")


def test_a_consumer_takes_a_version_of_saml_that_it_takes_in_both_layouts():
    seen = [
        consumption("saml20 default", taken=True),
        consumption("saml20 adfs", taken=True),
        consumption("saml11 default", taken=True),
        consumption("aes256-cbc", taken=True),
        consumption("aes256-gcm", taken=False),
        consumption("changed", taken=False),
        consumption("another recipient", taken=True),
    ]
    (row,) = rows(render({"exchanges": [], "consumptions": seen})[CONSUMERS])
    assert row == {
        "consumer": "a library 3",
        "takes": "SAML 2.0",
        "decrypts": "aes256-cbc",
        "does not decrypt": "aes256-gcm",
        "refuses": "changed",
        "takes all the same": "another recipient",
        "tests": "`test_it.py`",
    }


def test_a_table_goes_between_its_marks_and_a_document_without_them_is_refused():
    begin, end = marks(CLIENTS)
    assert (
        place(f"before\n{begin}\nold\n{end}\nbehind\n", {CLIENTS: "new\n"}) == f"before\n{begin}\nnew\n{end}\nbehind\n"
    )
    with pytest.raises(ValueError, match="end of clients"):
        place(f"before {begin} behind", {CLIENTS: "new\n"})


@pytest.mark.parametrize("name", COLUMNS)
def test_the_committed_table_has_the_form(name):
    table = rows(written(name))
    assert table
    assert [tuple(row) for row in table] == [COLUMNS[name]] * len(table)
    for row in table:
        for suite in re.findall(r"`([^`]+)`", row["tests"]):
            assert (INTEROP / suite).is_file(), suite


def test_every_client_that_a_suite_names_is_in_the_committed_table():
    sources = [file.read_text() for file in INTEROP.glob("test_*.py")]
    named = {client for source in sources for client in re.findall(r'mark\.client\(\s*"([^"]+)"', source)}
    assert named
    missing = {name for name in named if not any(row["client"].startswith(name) for row in rows(written(CLIENTS)))}
    assert not missing


VERSIONS = {
    "Apache CXF": "java/cxf/pom.xml",
    "Apache Rampart with Axis2": "java/rampart/pom.xml",
    "MSAL for Java": "java/msal/pom.xml",
    "Metro": "java/metro/pom.xml",
    "node-soap": "node/package.json",
    "node-saml": "node/package.json",
    "crewjam/saml": "go/go.mod",
    "russellhaering/gosaml2": "go/go.mod",
}


@pytest.mark.parametrize("name", VERSIONS)
def test_the_version_in_the_committed_table_is_the_one_that_the_suite_brings(name):
    told = [value for table in COLUMNS for row in rows(written(table)) for value in row.values() if name in value]
    assert told
    pinned = (INTEROP / VERSIONS[name]).read_text()
    for version in {version for value in told for version in re.findall(r"\d+\.\d+\.\d+", value)}:
        assert re.search(rf"[>v\"]{re.escape(version)}[<\"\s]", pinned), version


def test_every_consumer_is_in_the_committed_table_and_refuses_what_is_forged():
    (block,) = re.findall(r"(?ms)^TAKERS = \{(.*?)^\}", (INTEROP / "test_consumers.py").read_text())
    table = rows(written(CONSUMERS))
    assert len(table) == len(re.findall(r'^    "', block, re.MULTILINE))
    for row in table:
        assert row["refuses"].startswith("changed, wrapped, another key")


def test_the_words_of_the_tables_are_those_of_the_suite():
    text = (INTEROP / "consumers" / "trusting.py").read_text() + (INTEROP / "test_consumers.py").read_text()
    assert all(f'"{word}"' in text for word in (*ENCRYPTIONS, *WRONG))
