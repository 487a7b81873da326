"""Writes docs/configuration.md from the declarations that read the files: `make docs`. A test compares the two."""

from collections.abc import Iterator
from datetime import timedelta
from inspect import cleandoc
from pathlib import Path
from typing import Any

from wstrust_sts.config import Config
from wstrust_sts.declaration import DeclarationFile
from wstrust_sts.strict_toml import REQUIRED, Key, keys_of
from wstrust_sts.toml_kinds import write_duration

REFERENCE = Path(__file__).parent / "configuration.md"

INTRODUCTION = """\
# Configuration

Two files, both TOML, both read strictly: a key that is not known, a value of the wrong kind or a contradiction is an
error that names the file, the key and the fix, and all errors are told at once.

- [`sts.toml`](#ststoml) describes one process: listener, TLS, database, endpoints. `wstrust-sts init` writes it;
  `wstrust-sts check` looks at everything it names. It is read when the server starts.
- [The declared state](#the-declared-state) says what is in the database: realms, trust anchors, accounts, relying
  parties, delegation rules.
  `wstrust-sts apply -f FILE` brings the database there, and running servers follow at once; `wstrust-sts export` writes
  it back. A plan shows first (`--dry-run`), and applying a file twice changes nothing the second time.

Examples with comments: [examples/sts.toml](../examples/sts.toml), [examples/state.toml](../examples/state.toml).

Durations are written `"90s"`, `"30m"`, `"1h30m"` or `"7d"`, or as a whole number of seconds. A relative path starts at
the folder of the file that names it.
"""
STS_TOML = """\
## sts.toml

A key without a default is required. An endpoint enforces its policy; a tolerance relaxes one thing for a named kind of
client, and the default endpoints have none:

| tolerance | what it allows |
|---|---|
| `no-timestamp` | a message without wsu:Timestamp (stock gSOAP, node clients) |
| `no-applies-to` | a request without AppliesTo, for `default_relying_party` |
| `repeated-signature` | an endorsing signature that came to this endpoint before (WCF, within one tick of its clock) |
| `unsigned-addressing` | WS-Addressing headers that the signature of `certificatesigned` leaves out (zeep, WSS4J) |
| `use-key-beside` | a UseKey behind the request, not in it, under the policy `vmware` (VMware's SDK for Java) |
| `bare-rstr` | WS-Trust 1.3 Issue answered by a bare RequestSecurityTokenResponse (stock gSOAP) |
"""
STATE = """\
## The declared state

Rows are known by their realm and name. What is declared is created or changed; what is not declared is left alone, or
removed with `--prune` (never realms themselves, and only in the realms that the file declares).

An http or https address is compared by scheme, host, port and path, exactly. A `prefix` covers the address and what is
below it, by whole path segments. Where several relying parties cover an address, the exact one goes before a prefix,
and the longer prefix before the shorter.
"""


def render() -> str:
    """The whole reference."""
    parts = [INTRODUCTION, STS_TOML, *_sections(Config, "", array=False), STATE]
    return "\n".join([*parts, *_sections(DeclarationFile, "", array=False)])


def _sections(table: type[Any], path: str, *, array: bool) -> Iterator[str]:
    """The table's own keys, then the tables below it."""
    keys = keys_of(table)
    if path:
        heading = f"[[{path}]]" if array else f"[{path}]"
        doc = cleandoc(table.__doc__ or "")
        rows = [_row(key) for key in keys.values() if key.kind.table is None]
        yield "\n".join(
            [f"### `{heading}`\n", doc, "", "| key | kind | default | meaning |", "|---|---|---|---|", *rows, ""]
        )
    for key in keys.values():
        if key.kind.table is not None:
            below = f"{path}.{key.name}" if path else key.name
            yield from _sections(key.kind.table, below, array=key.kind.name == "tables")


def _row(key: Key) -> str:
    if key.default is REQUIRED:
        default = f"required, like `{key.shown}`" if key.shown else "required"
    else:
        default = "none" if key.default is None else f"`{key.shown or _toml(key.default)}`"
    return f"| `{key.name}` | {key.kind.name} | {default} | {_escape(key.meaning)} |"


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, timedelta):
        return f'"{write_duration(value)}"'
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, int):
        return str(value)
    raise TypeError(f"how is a {type(value).__name__} written? Give the key a `shown`")


def _escape(text: str) -> str:
    return text.replace("|", "\\|")


def write() -> None:
    REFERENCE.write_text(render(), encoding="utf-8")


if __name__ == "__main__":
    write()
