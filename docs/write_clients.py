"""Writes what a run of the client suites saw into docs/clients.md: `make docs-clients`, or

python -m pytest tests/interop --record-clients FILE && python -m docs.write_clients FILE
"""

import json
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

DOCUMENT = Path(__file__).parent / "clients.md"
CLIENTS, CONSUMERS = "clients", "consumers"
OPERATIONS = ("Issue", "Validate", "Renew", "Cancel")
CLIENT_COLUMNS = ("client", "policy", "the endpoint has", "WS-Trust", "SOAP", *OPERATIONS, "faults", "tests")
CONSUMER_COLUMNS = ("consumer", "takes", "decrypts", "does not decrypt", "refuses", "takes all the same", "tests")
KINDS = {"saml20": "SAML 2.0", "saml11": "SAML 1.1"}
ENCRYPTIONS = ("aes256-gcm", "aes128-gcm", "aes256-cbc", "rsa-oaep-mgf1p-sha256", "rsa-oaep-sha256")
WRONG = (
    *("changed", "wrapped", "another key"),
    *("expired", "another audience", "another recipient", "no recipient", "five minutes old", "two methods"),
)
Record = Mapping[str, Any]


def render(records: Mapping[str, Sequence[Record]]) -> dict[str, str]:
    """The tables, by the names of their places in the document."""
    return {
        CLIENTS: _table(CLIENT_COLUMNS, _client_rows(records["exchanges"])),
        CONSUMERS: _table(CONSUMER_COLUMNS, _consumer_rows(records["consumptions"])),
    }


def place(document: str, tables: Mapping[str, str]) -> str:
    """The document with each table between its marks. Raises ValueError where a mark is missing."""
    for name, table in tables.items():
        begin, end = marks(name)
        head, _, rest = document.partition(begin)
        _, found, tail = rest.partition(end)
        if not found:
            raise ValueError(f"no {begin} ... {end}")
        document = f"{head}{begin}\n{table}{end}{tail}"
    return document


def marks(name: str) -> tuple[str, str]:
    return f"<!-- {name}: written by docs/write_clients.py -->", f"<!-- end of {name} -->"


def _client_rows(exchanges: Sequence[Record]) -> Iterator[list[str]]:
    """One for each client, policy and setting of an endpoint."""
    for (client, policy, settings), seen in _grouped(exchanges, "client", "policy", "settings"):
        versions, trusts = _values(seen, "version"), _values(seen, "trust")
        yield [
            f"{client} {', '.join(versions)}",
            f"`{policy}`",
            settings,
            ", ".join(trusts),
            ", ".join(_values(seen, "soap")),
            *(_result(seen, operation, trusts) for operation in OPERATIONS),
            "yes" if any(map(_was_refused, seen)) else "",
            ", ".join(f"`{suite}`" for suite in _values(seen, "suite")),
        ]


def _result(seen: Sequence[Record], operation: str, trusts: Sequence[str]) -> str:
    """How the operation went: `yes`, in which version of WS-Trust alone, always `refused`, or nothing: not tried."""
    tried = [record for record in seen if record["operation"] == operation]
    done = _values([record for record in tried if not _was_refused(record)], "trust")
    if not done:
        return "refused" if tried else ""
    return "yes" if done == list(trusts) else f"{', '.join(done)} only"


def _was_refused(record: Record) -> bool:
    return str(record["outcome"]).startswith(("refused", "failed"))


def _consumer_rows(consumptions: Sequence[Record]) -> Iterator[list[str]]:
    for (consumer,), seen in _grouped(consumptions, "consumer"):
        taken = {record["what"] for record in seen if record["taken"]}
        refused = {record["what"] for record in seen if not record["taken"]}
        kinds = [title for kind, title in KINDS.items() if {f"{kind} default", f"{kind} adfs"} <= taken]
        yield [
            f"{consumer} {', '.join(_values(seen, 'version'))}",
            ", ".join(kinds),
            _among(ENCRYPTIONS, taken),
            _among(ENCRYPTIONS, refused),
            _among(WRONG, refused),
            _among(WRONG, taken),
            ", ".join(f"`{suite}`" for suite in _values(seen, "suite")),
        ]


def _among(names: Iterable[str], chosen: set[str]) -> str:
    return ", ".join(name for name in names if name in chosen)


def _grouped(records: Sequence[Record], *keys: str) -> list[tuple[tuple[str, ...], list[Record]]]:
    groups: dict[tuple[str, ...], list[Record]] = defaultdict(list)
    for record in records:
        groups[tuple(record[key] for key in keys)].append(record)
    return sorted(groups.items(), key=lambda group: [part.lower() for part in group[0]])


def _values(records: Sequence[Record], key: str) -> list[str]:
    return sorted({record[key] for record in records} - {""})


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "".join(f"| {' | '.join(line)} |\n".replace("|  |", "| |").replace("|  |", "| |") for line in lines)


def main(file: str) -> None:
    tables = render(json.loads(Path(file).read_text(encoding="utf-8")))
    DOCUMENT.write_text(place(DOCUMENT.read_text(encoding="utf-8"), tables), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
