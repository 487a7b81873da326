"""How an input is changed: octet by octet, as a tree of XML, and as a request of HTTP around either.

Each mutation is a plain function in a table; a new one is one more line there. All chance comes from the one
generator that is passed in, so a seed tells the whole run.
"""

import copy
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

from lxml import etree

from tests.assertions import ID_ATTRIBUTE
from tests.forgery import ID_NAMES, sign_again
from tests.fuzz import steady
from wstrust_sts import ns
from wstrust_sts.model import TokenType

MAX_INPUT = 160 * 1024  # a little more than a message may have

URIS = tuple(sorted({value for name, value in vars(ns).items() if name.isupper() and isinstance(value, str)}))
TEXTS = (
    "", " ", "\t\n ", "0", "1", "-1", "+1", "00", "2147483648", "9" * 40, "1e9", "0x10", "NaN", "true", "false",
    "TRUE", "alice", "ALICE", "bob", "nobody", "ab", "\u202ealice", "ali\u200bce", "ﬁ",
    "\U0001f511", "\ufffd", "é", "e\u0301", "2026-11-23T12:00:00Z", "2026-11-23T12:00:00.0000000Z",
    "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59.9999999-14:00", "2026-11-23T24:00:00Z", "2026-02-30T00:00:00Z",
    "2026-11-23T12:00:00.12345678Z", "-2026-11-23T12:00:00Z", "12026-11-23T12:00:00Z", "2026-11-23T12:00:60Z",
    "2026-11-23T12:00:00+99:99", "#", "#x", "#xpointer(/)", f"#_20{0:030}", "file:///etc/passwd",
    "http://127.0.0.1:1/", "https://rp.example.test/svc", "https://rp.example.test/svc/../x",
    "HTTPS://RP.EXAMPLE.TEST/svc",
    "https://rp.example.test:443/svc", "https://rp.example.test/svc%2f", "//rp", "urn:x", "c2l4dGVlbiBvY3RldHMuLg==",
    "====", "A" * 65, "A" * 1025, "A" * 8193, "&<>'\"]]>", "{x}y", "a:b", "xs:string", "http://[::1", "%00", "ß" * 600,
)  # fmt: skip
NAMES = (
    "ActAs", "OnBehalfOf", "RequestSecurityTokenCollection", "RenewTarget", "DelegateTo", "Encryption",
    "BinaryExchange", "InteractiveChallenge", "Policy", "PolicyReference", "AdditionalContext", "Password", "Nonce",
    "Assertion", "Signature", "Object", "Manifest", "ProofEncryption", "EncryptedKey", "BinarySecurityToken",
    "ProxyRestriction", "OneTimeUse", "InclusiveNamespaces", "EncryptedData",
    "Header", "Body", "Fault", "Security", "Timestamp", "Identifier",
)  # fmt: skip
DICTIONARY = (
    b"<", b">", b"/", b"&", b";", b'"', b"'", b"=", b":", b"#", b"\x00", b"\x0b", b"\x7f", b"\xff", b"\xc0\xbc",
    b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff", b"<!-- x -->", b"<!--", b"-->",
    b"<![CDATA[x]]>", b"<![CDATA[", b"]]>", b"<?x y?>", b"<?xml version='1.0' encoding='utf-16'?>", b"<?xml ?>",
    b"<?xml version='1.1'?>", b"<?xml version='1.0' encoding='latin-1' standalone='yes'?>", b"<!DOCTYPE s>",
    b'<!DOCTYPE s [<!ENTITY x "y">]>', b'<!ENTITY x SYSTEM "file:///etc/passwd">', b"&x;", b"&amp;", b"&#0;", b"&#65;",
    b"&#x1F511;", b"&#xD800;", b"xmlns=''", b" xmlns:x='urn:x'", b" xml:lang='en'", b" xml:id='_0'", b" Id='_0'",
    b" ID='x'", b" href='#x'", b" xsi:type='x'", b"<x/>", b"<x>", b"</x>", b"\r\n", b"\r", b"\n", b"\t", b" ",
    b"\xe2\x80\xa8", b"\xc2\x85", b"[", b"]", b"{", b"}", b"[[", b"\\", b"%", b",", b"1979-05-27T07:32:00", b"inf",
    b"x = " + b"[" * 3000, b"9" * 5000,
    b"1_000", b"true", b'"""', b"\\u0000", b"\\uD800",
)  # fmt: skip
HEADERS = (
    b"Content-Length: 0", b"Content-Length: 5", b"Content-Length: +5", b"Content-Length: 99999999999999999999",
    b"Transfer-Encoding: chunked", b"Transfer-Encoding: gzip, chunked", b"Transfer-Encoding : chunked",
    b"Content-Encoding: gzip", b"Content-Type: multipart/related; boundary=x", b"Content-Type: text/xml",
    b"Content-Type: text/xml; charset=utf-16", b"Content-Type: text/xml; charset=utf-7", b"Content-Type: TEXT/XML",
    b"Content-Type: application/soap+xml", b'Content-Type: application/soap+xml; action="urn:x"; charset="UTF-8"',
    b"Content-Type: text/xml; charset*=utf-8''x", b"Content-Type:", b"Expect: 100-continue", b"Expect: x", b"Host: x",
    b"Host:", b'SOAPAction: ""', b"SOAPAction: x", b"Connection: close", b"Connection: upgrade\r\nUpgrade: h2c",
    b"A: b\r\n c",
    b"X-Correlation-Id: x", b"X: \x00", b"X: \xff", b": x", b"X", b"X-Long: " + b"x" * 9000,
    b"Authorization: Basic eDp5", b"If-None-Match: *", b'If-None-Match: W/"x", ,"', b"Host: attacker.example.test",
)  # fmt: skip
TARGETS = (
    b"/trust/13/usernamemixed", b"/trust/2005/usernamemixed", b"/gsoap", b"/no-applies-to", b"/strict-to", b"/healthz",
    b"/trust/13/usernamemixed/mex", b"/trust/13/usernamemixed?wsdl", b"/", b"*", b"//", b"/..", b"/%2e",
    b"/FederationMetadata/2007-06/FederationMetadata.xml", b"http://x/gsoap",
    b"http:///gsoap", b"https://h?/x", b"/gsoap?" + b"x" * 300, b"/gsoap#x", b"/\xc3\xa9", b"",
)  # fmt: skip

_TOKEN_TYPES = {
    f"{{{ns.SAML20}}}Assertion": TokenType.SAML20,
    f"{{{ns.SAML11}}}Assertion": TokenType.SAML11,
}

Change = Callable[[bytes, Random, Sequence[bytes]], bytes]
"""One change: the input, chance, and other inputs to take parts from."""


# -- octets --------------------------------------------------------------------------------------------------------


def _place(octets: bytes, chance: Random) -> int:
    return chance.randrange(len(octets) + 1)


def _span(octets: bytes, chance: Random) -> tuple[int, int]:
    start = _place(octets, chance)
    return start, min(len(octets), start + 1 + int(chance.random() ** 3 * 200))


def _flip(octets: bytes, chance: Random, _: Sequence[bytes]) -> bytes:
    at = _place(octets, chance)
    return octets[:at] + bytes(octet ^ 1 << chance.randrange(8) for octet in octets[at : at + 1]) + octets[at + 1 :]


def _delete(octets: bytes, chance: Random, _: Sequence[bytes]) -> bytes:
    start, end = _span(octets, chance)
    return octets[:start] + octets[end:]


def _repeat(octets: bytes, chance: Random, _: Sequence[bytes]) -> bytes:
    start, end = _span(octets, chance)
    return octets[:end] + octets[start:end] * chance.choice((1, 1, 2, 40, 600)) + octets[end:]


def _insert(octets: bytes, chance: Random, _: Sequence[bytes]) -> bytes:
    at = _place(octets, chance)
    return octets[:at] + chance.choice(DICTIONARY) + octets[at:]


def _insert_at_a_tag(octets: bytes, chance: Random, _: Sequence[bytes]) -> bytes:
    """Right before or behind some tag, or at the end of a name in it: where the grammar has a place for something."""
    places = [found.start() for found in re.finditer(rb"[<>]|(?<=\w)(?=[ />])|\Z", octets)]
    at = chance.choice(places) + chance.randrange(2)
    return octets[:at] + chance.choice(DICTIONARY) + octets[at:]


def _overwrite(octets: bytes, chance: Random, _: Sequence[bytes]) -> bytes:
    at, some = _place(octets, chance), chance.choice(DICTIONARY)
    return octets[:at] + some + octets[at + len(some) :]


def _write_text(octets: bytes, chance: Random, _: Sequence[bytes]) -> bytes:
    """Another value for one word or number."""
    words = list(re.finditer(rb"[^\s<>\"'=\[\],;]+", octets))
    if not words:
        return octets + chance.choice(TEXTS).encode()
    word = chance.choice(words)
    return octets[: word.start()] + chance.choice((*TEXTS, *URIS)).encode() + octets[word.end() :]


def _truncate(octets: bytes, chance: Random, _: Sequence[bytes]) -> bytes:
    return octets[: _place(octets, chance)]


def _splice(octets: bytes, chance: Random, others: Sequence[bytes]) -> bytes:
    other = chance.choice(others)
    return octets[: _place(octets, chance)] + other[_place(other, chance) :]


def _encode(octets: bytes, chance: Random, _: Sequence[bytes]) -> bytes:
    """The same text in another encoding, with or without its mark, under a declaration that may be false."""
    declared = chance.choice(("", "", "UTF-8", "utf-16", "UTF-16LE", "latin-1", "x"))
    declaration = f"<?xml version='1.0' encoding='{declared}'?>" if declared else ""
    encoding = chance.choice(("utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-7", "latin-1", "cp037"))
    return (declaration + octets.decode("utf-8", "replace")).encode(encoding, "replace")


OCTETS: tuple[Change, ...] = (
    _flip, _delete, _repeat, _insert, _insert_at_a_tag, _overwrite, _write_text, _truncate, _splice, _encode,
)  # fmt: skip


# -- XML -------------------------------------------------------------------------------------------------------------

Node = etree._Element


@dataclass(frozen=True, slots=True)
class Garden:
    """A tree to change: its elements, chance, and the elements of another tree."""

    elements: list[Node]
    chance: Random
    others: list[Node]

    def pick(self, elements: Sequence[Node] | None = None) -> Node:
        """Any element; now and then rather one of the few with text, which say the most."""
        if elements is None:
            elements = self.elements
            if self.chance.random() < 0.3:
                elements = [element for element in elements if len(element) == 0] or elements
        return self.chance.choice(elements)


def _tree(octets: bytes) -> Node | None:
    parser = etree.XMLParser(resolve_entities=False, no_network=True, strip_cdata=False, huge_tree=False)
    try:
        return etree.fromstring(octets, parser)
    except (etree.XMLSyntaxError, ValueError):
        return None


def _elements(root: Node) -> list[Node]:
    return list(root.iter(etree.Element))


def _duplicate(garden: Garden) -> None:
    one = garden.pick()
    if one.getparent() is not None:
        for _ in range(garden.chance.choice((1, 1, 1, 2, 50))):
            one.addnext(copy.deepcopy(one))


def _move(garden: Garden) -> None:
    one, other = garden.pick(), garden.pick()
    if one not in (other, *other.iterancestors()):
        other.insert(garden.chance.randrange(len(other) + 1), one)


def _remove(garden: Garden) -> None:
    one = garden.pick()
    if one.getparent() is not None:
        one.getparent().remove(one)


def _wrap(garden: Garden) -> None:
    one, parent = garden.pick(), garden.pick().tag
    if one.getparent() is not None:
        wrapper = etree.Element(garden.chance.choice(("x", parent, one.tag)))
        one.getparent().replace(one, wrapper)
        wrapper.append(one)


def _unwrap(garden: Garden) -> None:
    one = garden.pick()
    if one.getparent() is not None:
        for child in list(one):
            one.addprevious(child)
        one.getparent().remove(one)


def _rename(garden: Garden) -> None:
    """As an element of another document, or one that no good message here has."""
    one, chance = garden.pick(), garden.chance
    name = chance.choice((*NAMES, *(etree.QName(garden.pick(garden.others)).localname for _ in NAMES)))
    one.tag = f"{{{etree.QName(one).namespace or 'urn:x'}}}{name}"


def _to_namespace(garden: Garden) -> None:
    """Another namespace for an element, or for everything of its namespace."""
    one, namespace = garden.pick(), garden.chance.choice((*URIS, "urn:x"))
    earlier = etree.QName(one).namespace
    for element in (one,) if garden.chance.random() < 0.5 else garden.elements:
        if etree.QName(element).namespace == earlier:
            element.tag = f"{{{namespace}}}{etree.QName(element).localname}"


def _swap_texts(garden: Garden) -> None:
    one, other = garden.pick(), garden.pick()
    one.text, other.text = other.text, one.text


def _set_text(garden: Garden) -> None:
    garden.pick().text = garden.chance.choice((*TEXTS, *URIS))


def _set_tail(garden: Garden) -> None:
    garden.pick().tail = garden.chance.choice(TEXTS)


def _set_attribute(garden: Garden) -> None:
    """Of its own, of another element, or an id of any kind; sometimes very many."""
    one, chance = garden.pick(), garden.chance
    names = [*garden.pick().keys(), *ID_NAMES, "Type", "URI", "Algorithm", "PrefixList", "Optional"]
    if one.keys() and chance.random() < 0.5:
        names = one.keys()
    one.set(chance.choice(names), chance.choice((*TEXTS, *URIS)))
    if chance.random() < 0.05:
        for number in range(chance.choice((63, 64, 65, 400))):
            one.set(f"a{number}", "")


def _take_attributes(garden: Garden) -> None:
    one, other = garden.pick(), garden.pick()
    for name, value in other.attrib.items():
        one.set(name, value)


def _drop_attribute(garden: Garden) -> None:
    one = garden.pick()
    if one.keys():
        del one.attrib[garden.chance.choice(one.keys())]


def _graft(garden: Garden) -> None:
    """A part of another document."""
    one, other = garden.pick(), copy.deepcopy(garden.pick(garden.others))
    if garden.chance.random() < 0.5 and one.getparent() is not None:
        one.getparent().replace(one, other)
    else:
        one.insert(garden.chance.randrange(len(one) + 1), other)


def _hide(garden: Garden) -> None:
    """A comment, processing instruction or CDATA section in the middle of a text or between elements."""
    one, chance = garden.pick(), garden.chance
    text = one.text or ""
    at = chance.randrange(len(text) + 1)
    match chance.randrange(3):
        case 0:
            node = etree.Comment("x")
        case 1:
            node = etree.ProcessingInstruction("x", "y")
        case _:
            one.text = etree.CDATA(text)
            return
    one.text, node.tail = text[:at], text[at:]
    one.insert(0, node)


def _deepen(garden: Garden) -> None:
    one = garden.pick()
    for _ in range(garden.chance.choice((3, 60, 255, 600))):
        one = etree.SubElement(one, garden.chance.choice((one.tag, "x")))


def _declare(garden: Garden) -> None:
    """Prefixes, some of them in the way of those in use."""
    one, chance = garden.pick(), garden.chance
    prefixes = {f"p{number}": f"urn:{number}" for number in range(chance.choice((1, 1, 31, 33, 300)))}
    prefixes |= {chance.choice(("s", "ds", "t", "xs", "a")): chance.choice(URIS)}
    fresh = etree.Element(one.tag, dict(one.attrib), nsmap=prefixes)
    fresh.text, fresh.tail = one.text, one.tail
    fresh.extend(list(one))
    if one.getparent() is not None:
        one.getparent().replace(one, fresh)


TREES: tuple[Callable[[Garden], None], ...] = (
    _duplicate, _move, _remove, _wrap, _unwrap, _rename, _to_namespace, _swap_texts, _set_text, _set_text, _set_tail,
    _set_attribute, _set_attribute, _take_attributes, _drop_attribute, _graft, _hide, _deepen, _declare,
)  # fmt: skip


def _in_tree(octets: bytes, chance: Random, others: Sequence[bytes]) -> bytes:
    """One to three changes of the tree; assertions in it are then signed again half of the time, so that what
    happens behind the check of a signature is reached, too.
    """
    root = _tree(octets)
    if root is None:
        return chance.choice(OCTETS)(octets, chance, others)
    other = _tree(chance.choice(others))
    others_elements = _elements(root if other is None else other)
    for _ in range(chance.choice((1, 1, 2, 3))):
        try:
            chance.choice(TREES)(Garden(_elements(root), chance, others_elements))
        except ValueError:
            continue  # a text or name that XML does not have
    if chance.random() < 0.5:
        _sign_all(root)
    return etree.tostring(root, encoding=chance.choice(("utf-8", "us-ascii")))


def _sign_all(root: Node) -> None:
    for element in reversed(_elements(root)):
        token_type = _TOKEN_TYPES.get(element.tag)
        if token_type is not None and element.get(ID_ATTRIBUTE[token_type]) is not None:
            try:
                sign_again(element, token_type, steady.signer())
            except (etree.LxmlError, ValueError):
                continue  # no canonical form


# -- HTTP --------------------------------------------------------------------------------------------------------------

_LENGTH = re.compile(rb"(?im)^content-length:[^\r\n]*")


def _in_body(octets: bytes, chance: Random, others: Sequence[bytes]) -> bytes:
    """A change of the body, whose length the head then tells."""
    head, end, body = octets.partition(b"\r\n\r\n")
    other = chance.choice(others).partition(b"\r\n\r\n")[2]
    changed = xml(body, chance, (other,))
    return _LENGTH.sub(b"Content-Length: %d" % len(changed), head) + end + changed


def _in_head(octets: bytes, chance: Random, others: Sequence[bytes]) -> bytes:
    head, end, body = octets.partition(b"\r\n\r\n")
    first, *lines = head.split(b"\r\n")
    match chance.randrange(7):
        case 0:
            lines.insert(chance.randrange(len(lines) + 1), chance.choice(HEADERS))
        case 1 if lines:
            lines[chance.randrange(len(lines))] = chance.choice(HEADERS)
        case 2 if lines:
            lines.append(chance.choice(lines))
        case 3:
            method, _, version = chance.choice((b"POST", b"GET", b"HEAD", b"PUT", b"post")), 0, b"HTTP/1.1"
            first = b" ".join((method, chance.choice(TARGETS), chance.choice((version, version, b"HTTP/1.0"))))
        case 4:
            first = chance.choice(OCTETS)(first, chance, others)
        case 5:
            lines = chance.choice(OCTETS)(b"\r\n".join(lines), chance, others).split(b"\r\n")
        case _:
            lines = [*(line for line in lines if not _LENGTH.match(line)), b"Transfer-Encoding: chunked"]
            body = _in_chunks(body, chance)
    return b"\r\n".join((first, *lines)) + end + body


def _in_chunks(body: bytes, chance: Random) -> bytes:
    size = chance.choice((1, 7, 1000, 100_000))
    size = size if len(body) < 4000 else 1000
    chunks = [body[at : at + size] for at in range(0, len(body), size)]
    return b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in (*chunks, b""))


# -- what a target asks for ----------------------------------------------------------------------------------------


def text(octets: bytes, chance: Random, others: Sequence[bytes]) -> bytes:
    return _some(OCTETS, octets, chance, others)


def xml(octets: bytes, chance: Random, others: Sequence[bytes]) -> bytes:
    if chance.random() < 0.7:
        return _in_tree(octets, chance, others)
    return _some(OCTETS, octets, chance, others)


def http(octets: bytes, chance: Random, others: Sequence[bytes]) -> bytes:
    """A request's head, its body, octets anywhere, or one request behind another."""
    return _some((_in_head, _in_head, _in_body, _flip, _insert, _splice, _pipeline), octets, chance, others)


def message(octets: bytes, chance: Random, others: Sequence[bytes]) -> bytes:
    """A request whose body is changed; now and then its head."""
    return _some((*(_in_body,) * 15, _in_head), octets, chance, others)


def _pipeline(octets: bytes, chance: Random, others: Sequence[bytes]) -> bytes:
    return octets + chance.choice(others)


def _some(changes: Sequence[Change], octets: bytes, chance: Random, others: Sequence[bytes]) -> bytes:
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        octets = chance.choice(changes)(octets, chance, others)[:MAX_INPUT]
    return octets
