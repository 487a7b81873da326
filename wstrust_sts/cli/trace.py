"""A record of one exchange for people: both messages, decrypted and indented, with their secrets blanked.

The octets that went are kept as well, for other tools; but not where they show a secret as they are.
"""

import base64
import copy
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from lxml import etree

from wstrust_sts import ns
from wstrust_sts.cli.exchanges.unverified import parse_unverified
from wstrust_sts.cli.output import Refusal
from wstrust_sts.wire.xml import Element

_BLANK = "(secret)"
_USERNAME_TOKEN = f"{{{ns.WSSE}}}UsernameToken"
_NONCE = f"{{{ns.WSSE}}}Nonce"
_SECRET_NAMES = frozenset({"BinarySecret", "Password", "PrivateKey", "RSAKeyPair", "DSAKeyPair", "SecretKey"})
_WRAPPED = f"{{{ns.XENC}}}EncryptedKey"
_CIPHER_VALUE = f"{{{ns.XENC}}}CipherValue"


@dataclass(slots=True)
class Trace:
    """Writes the record to `path`, mode 0600, anew with every message. Raises Refusal: it cannot be written."""

    path: Path
    _messages: list[Element] = field(default_factory=list)

    def sent(self, octets: bytes, readable: Element) -> None:
        self._keep("request", octets, readable)

    def received(self, octets: bytes, readable: Element | None) -> None:
        """`readable` is the envelope as far as it could be opened; None where there is none."""
        self._keep("answer", octets, readable)

    def _keep(self, direction: str, octets: bytes, readable: Element | None) -> None:
        message = etree.Element("message", direction=direction)
        if readable is not None:
            message.append(blanked(readable))
        message.append(_octets(octets))
        self._messages.append(message)
        self._write()

    def _write(self) -> None:
        record = etree.Element("trace")
        record.extend(copy.deepcopy(message) for message in self._messages)
        etree.indent(record)
        written: bytes = etree.tostring(record, xml_declaration=True, encoding="utf-8")
        try:
            write_private_file(self.path, written + b"\n")
        except OSError as error:
            raise Refusal(f"The trace cannot be written to {self.path}: {error.strerror}") from None


def write_private_file(path: Path, octets: bytes) -> None:
    """For its owner's eyes only, whatever was at `path`. Raises OSError."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(descriptor, 0o600)
        file.write(octets)


def _octets(octets: bytes) -> Element:
    element = etree.Element("octets", encoding="base64")
    shown = parse_unverified(octets)
    if shown is not None and any(True for _ in _secrets(shown)):
        element.set("left-out", "as they went they show a secret")
    else:
        element.text = base64.b64encode(octets).decode("ascii")
    return element


def blanked(envelope: Element) -> Element:
    """A copy without secrets: passwords and what would let them be guessed, keys, and what keys are encrypted in."""
    shown = copy.deepcopy(envelope)
    shown.tail = None
    for element in [*_secrets(shown), *_wrapped_keys(shown)]:
        del element[:]
        element.text = _BLANK
    return shown


def _secrets(root: Element) -> Iterator[Element]:
    """Whatever its namespace: what only looks like a secret is blanked rather than shown."""
    for element in root.iter(etree.Element):
        if etree.QName(element).localname in _SECRET_NAMES:
            yield element
    for token in root.iter(_USERNAME_TOKEN):
        yield from token.iter(_NONCE)


def _wrapped_keys(root: Element) -> Iterator[Element]:
    for wrapped in root.iter(_WRAPPED):
        yield from wrapped.iter(_CIPHER_VALUE)
