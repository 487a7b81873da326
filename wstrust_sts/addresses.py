"""Addresses that AppliesTo names: one canonical form, and which rules cover an address. Pure; no store.

An http or https URL is compared by its parts: scheme and host without case, the default port dropped, the path
exactly as written (RFC 3986 section 6.2.2.1 and 6.2.3). Whatever two readers could understand differently is
refused instead of normalised: user information, query, fragment, percent-encoding, dotted and empty segments,
path parameters, backslashes, other spellings of numbers in host and port.

Any other address (`urn:...`, `spn:...`, plain text) is compared as written. An address that begins like an http
URL and is not an acceptable one is never taken for plain text.

A rule for the path `/svc` covers exactly that. A prefix rule `/svc` covers `/svc` and what begins with `/svc/`,
a prefix rule `/svc/` only the latter, and a prefix rule `/` the whole origin.
"""

import ipaddress
import re
from dataclasses import dataclass

MAXIMUM_OCTETS = 1024  # in UTF-8; an index row of PostgreSQL holds no more than some 2,700
MAXIMUM_SEGMENTS = 64  # bounds the candidates that one address is looked up by

_DEFAULT_PORTS = {"http": 80, "https": 443}
_URL = re.compile(r"(https?)://(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::([0-9]+))?(/.*)?", re.IGNORECASE | re.ASCII)
_PATH = re.compile(r"[A-Za-z0-9._~!$&'()*+,=:@/-]*")  # RFC 3986 section 3.3 without pct-encoded and ";"
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMERIC_LABEL = re.compile(r"[0-9]+|0x[0-9a-f]*")
_DOTS = re.compile(r"\.+")
_REFUSED_IN_URLS = {
    "%": "percent-encoding",
    "?": "a query",
    "#": "a fragment",
    "\\": "a backslash",
    ";": "path parameters",
}


@dataclass(frozen=True, slots=True)
class Address:
    """An address in canonical form. `origin` is `scheme://host[:port]` of an http(s) URL and `path` its path,
    never empty; for any other address `origin` is empty and `path` the whole text.
    """

    origin: str
    path: str

    @property
    def text(self) -> str:
        return self.origin + self.path

    @property
    def is_url(self) -> bool:
        return bool(self.origin)


@dataclass(frozen=True, slots=True)
class Candidate:
    """What a rule of the address's origin must look like to cover the address."""

    path: str
    prefix: bool


def parse_address(unverified_text: str) -> Address:
    """The canonical form. Raises ValueError with a sentence for operators; nothing is trimmed or repaired."""
    if not unverified_text:
        raise ValueError("An address is not empty.")
    if not unverified_text.isprintable():
        raise ValueError("An address has no control characters and no white space but plain spaces.")
    if len(unverified_text.encode()) > MAXIMUM_OCTETS:
        raise ValueError(f"An address is at most {MAXIMUM_OCTETS} octets long.")
    if unverified_text[:6].casefold().startswith(("http:", "https:")):
        return _parse_url(unverified_text)
    if unverified_text.strip(" ") != unverified_text:
        raise ValueError("An address neither begins nor ends with a space.")
    return Address("", unverified_text)


def canonical(unverified_text: str) -> str:
    """The canonical form of an address, and of what is none the text itself; for comparing."""
    try:
        return parse_address(unverified_text).text
    except ValueError:
        return unverified_text


def parse_rule(text: str, *, prefix: bool) -> Address:
    """The canonical form of a rule's address. Raises ValueError; only a URL has paths below it."""
    address = parse_address(text)
    if prefix and not address.is_url:
        raise ValueError(f"Only an http or https address can be a prefix, not {text!r}.")
    return address


def candidates(address: Address) -> tuple[Candidate, ...]:
    """Every rule that covers `address`, the one that goes first at the front: exact, then the longest prefix."""
    exact = Candidate(address.path, prefix=False)
    if not address.is_url:
        return (exact,)
    path = address.path
    slashes = [at for at, character in enumerate(path) if character == "/"]
    prefixes = {path} | {path[: at + 1] for at in slashes} | {path[:at] for at in slashes if at}
    return (exact, *(Candidate(prefix, prefix=True) for prefix in sorted(prefixes, key=len, reverse=True)))


def _parse_url(text: str) -> Address:
    if not text.isascii() or " " in text:
        raise ValueError("An http address consists of visible ASCII characters (other host names are written xn--).")
    for character, name in _REFUSED_IN_URLS.items():
        if character in text:
            raise ValueError(f"An http address with {name} is not accepted.")
    match = _URL.fullmatch(text)
    if match is None:
        raise ValueError("An http address has the form scheme://host[:port][/path], without user information.")
    scheme, host, port, path = match.groups()
    scheme = scheme.lower()
    return Address(f"{scheme}://{_host(host.lower())}{_port(port, scheme)}", _path(path or "/"))


def _host(host: str) -> str:
    if host.startswith("["):
        return _ipv6(host[1:-1])
    labels = host.split(".")
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise ValueError("The host is not a valid host name.")
    if _NUMERIC_LABEL.fullmatch(labels[-1]):
        try:  # refuses the other spellings that resolvers take for numbers: 127.1, 0x7f.1, 010.0.0.1
            return str(ipaddress.IPv4Address(host))
        except ValueError:
            raise ValueError("The host is not a valid IPv4 address of four decimal numbers.") from None
    return host


def _ipv6(text: str) -> str:
    try:
        address = ipaddress.IPv6Address(text)
    except ValueError:
        raise ValueError("The host is not a valid IPv6 address.") from None
    if address.ipv4_mapped is not None:  # two names for one host, and no agreement on how it is written
        raise ValueError("The host is an IPv4 address in IPv6 form; write it as an IPv4 address.")
    return f"[{address.compressed}]"


def _port(port: str | None, scheme: str) -> str:
    if port is None:
        return ""
    if len(port) > 5 or port.startswith("0") or int(port) > 65535:
        raise ValueError("The port is not a number from 1 to 65535.")
    return "" if int(port) == _DEFAULT_PORTS[scheme] else f":{port}"


def _path(path: str) -> str:
    if not _PATH.fullmatch(path):
        raise ValueError("The path has a character that RFC 3986 does not allow there.")
    segments = path.split("/")[1:]
    if len(segments) > MAXIMUM_SEGMENTS:
        raise ValueError(f"The path has at most {MAXIMUM_SEGMENTS} segments.")
    if "" in segments[:-1]:
        raise ValueError("The path has no empty segments (//).")
    if any(_DOTS.fullmatch(segment) for segment in segments):
        raise ValueError("The path has no segments of dots (. and ..).")
    return path
