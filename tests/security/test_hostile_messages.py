"""Hostile documents: not XML, more than XML, too much of it, in the wrong encoding, or no SOAP.

Each table maps a name to the refusals that the wire contract allows (row 26) and to what is sent, as a function of
the attack. What holds of every answer is in tests/attack.py.
"""

import gzip
import json
import random
from collections.abc import Callable

import pytest

from tests import messages
from tests.attack import CANARY, Attack
from tests.cases import each
from tests.messages import RP, SOAP
from wstrust_sts import ns
from wstrust_sts.errors import (
    EmptyRequest,
    InvalidRequest,
    InvalidSecurity,
    MethodNotAllowed,
    NotFound,
    NotWellFormed,
    TooLarge,
    UnsupportedMediaType,
    VersionMismatch,
)
from wstrust_sts.wire.xml import MAX_ATTRIBUTES, MAX_ELEMENTS, MAX_NAMESPACE, MAX_NAMESPACES, MAX_OCTETS

Build = Callable[[Attack], bytes | str]


def inside(markup: str) -> Build:
    """The markup in the RST, between its children."""
    return lambda attack: attack.message(attack.rst(markup))


def named(octets: bytes) -> Build:
    """The octets in the name of the user."""
    return lambda attack: attack.message().encode().replace(b">alice<", b">al" + octets + b"ice<")


# -- not well-formed ---------------------------------------------------------------------------------------------

MALFORMED: dict[str, Build] = {
    "plain text": lambda _: "hello",
    "white space": lambda _: " \r\n\t" * 10,
    "a byte-order mark alone": lambda _: b"\xef\xbb\xbf",
    "JSON": lambda _: json.dumps({"username": "alice"}),
    "HTML": lambda _: "<!doctype html><p>hello<br>",
    "a PNG": lambda _: b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR",
    "gzip": lambda attack: gzip.compress(attack.message().encode()),
    "random octets": lambda _: random.Random(1).randbytes(4096),
    "an open element": inside("<x>"),
    "a closed element that was not open": inside("</x>"),
    "crossed elements": inside("<x><y></x></y>"),
    "a start tag without an end": inside("<x "),
    "an attribute without a value": inside("<x y/>"),
    "an attribute without quotes": inside("<x y=1/>"),
    "an attribute twice": inside('<x y="1" y="2"/>'),
    "an attribute twice by two prefixes": inside('<x xmlns:a="urn:x" xmlns:b="urn:x" a:y="1" b:y="2"/>'),
    "an undeclared prefix": inside("<q:x/>"),
    "the prefix xmlns": inside("<xmlns:x/>"),
    "the prefix xml for another namespace": inside('<x xmlns:xml="urn:x"/>'),
    "an empty prefix": inside("<:x/>"),
    "a name that begins with a digit": inside("<1x/>"),
    "a less-than sign in an attribute": inside('<x y="<"/>'),
    "an ampersand": inside("<x>a & b</x>"),
    "an entity without its end": inside("<x>&amp</x>"),
    "an unknown entity": inside("<x>&x;</x>"),
    "an HTML entity": inside("<x>&nbsp;</x>"),
    "two hyphens in a comment": inside("<!-- -- -->"),
    "an open comment": inside("<!-- "),
    "the end of a section in text": inside("<x>]]></x>"),
    "a reference to NUL": inside("<x>&#0;</x>"),
    "a reference to a control character": inside("<x>&#x1;</x>"),
    "a reference to a surrogate": inside("<x>&#xD800;</x>"),
    "a reference to two surrogates": inside("<x>&#xD83D;&#xDE00;</x>"),
    "a reference to U+FFFE": inside("<x>&#xFFFE;</x>"),
    "a reference beyond Unicode": inside("<x>&#x110000;</x>"),
    "a reference that overflows": inside("<x>&#4294967361;&#18446744073709551681;</x>"),
    "NUL in text": named(b"\0"),
    "NUL in a tag": lambda attack: attack.message().encode().replace(b"<o:Username>", b"<o:User\0name>"),
    "NUL at the start": lambda attack: b"\0" + attack.message().encode(),
    "NUL at the end": lambda attack: attack.message().encode() + b"\0",
    "a control character": named(b"\x01"),
    "an escape character": named(b"\x1b[31m"),
    "a vertical tab": named(b"\x0b"),
    "U+FFFF": named("\uffff".encode()),
    "an octet that is never UTF-8": named(b"\xff"),
    "a lonely continuation": named(b"\x80"),
    "a cut sequence": named(b"\xe2\x82"),
    "a broken sequence": named(b"\xc3\x28"),
    "an overlong less-than sign": named(b"\xc0\xbc"),
    "an overlong less-than sign of three": named(b"\xe0\x80\xbc"),
    "an overlong less-than sign of four": named(b"\xf0\x80\x80\xbc"),
    "an overlong NUL": named(b"\xc0\x80"),
    "a surrogate in UTF-8": named(b"\xed\xa0\x80"),
    "two surrogates in UTF-8": named(b"\xed\xa0\xbd\xed\xb8\x80"),
    "beyond Unicode in UTF-8": named(b"\xf4\x90\x80\x80"),
    "five octets": named(b"\xf8\x88\x80\x80\x80"),
    "text behind the root": lambda attack: attack.message() + "x",
    "an element behind the root": lambda attack: attack.message() + "<x/>",
    "a second document": lambda attack: attack.message() * 2,
    "an end tag behind the root": lambda attack: attack.message() + "</s:Envelope>",
    "an overlong sequence behind the root": lambda attack: attack.message().encode() + b"\xc0\xbc",
    "text before the root": lambda attack: "x" + attack.message(),
    "XML 1.1": lambda attack: '<?xml version="1.1"?>' + attack.message(),
    "XML 2.0": lambda attack: '<?xml version="2.0"?>' + attack.message(),
    "a declaration without a version": lambda attack: '<?xml encoding="utf-8"?>' + attack.message(),
    "an open declaration": lambda _: '<?xml version="1.0"',
    "a declared encoding that is not read": lambda attack: '<?xml version="1.0" encoding="utf-7"?>' + attack.message(),
    "EBCDIC": lambda attack: ('<?xml version="1.0" encoding="ibm037"?>' + attack.message()).encode("cp037"),
    "UTF-32 with a mark": lambda attack: attack.message().encode("utf-32"),
    "UTF-32 big-endian with a mark": lambda attack: b"\0\0\xfe\xff" + attack.message().encode("utf-32-be"),
    "UTF-16 without a mark": lambda attack: attack.message().encode("utf-16-le"),
    "UTF-16 big-endian without a mark": lambda attack: attack.message().encode("utf-16-be"),
    "half a character of UTF-16": lambda attack: attack.message().encode("utf-16") + b"<",
    "a lone surrogate in UTF-16": lambda attack: attack.message().encode("utf-16") + b"\x00\xd8",
    "ISO-8859-1": lambda attack: attack.message().replace("alice", "al\xefce").encode("latin-1"),
    "UTF-7": lambda attack: "+ADw-" + attack.message()[1:],
    "no envelope": lambda attack: attack.rst(),
    "an element called envelope": lambda attack: attack.message().replace("s:Envelope", "s:envelope"),
    "a Body alone": lambda attack: f'<s:Body xmlns:s="{attack.soap_namespace}">{attack.rst()}</s:Body>',
}


@each(MALFORMED)
def test_what_is_not_well_formed_is_refused(attack: Attack, case: Build) -> None:
    attack.refused(case(attack), NotWellFormed)


def test_a_message_cut_off_anywhere_is_refused(attack: Attack) -> None:
    octets = attack.message().encode()
    for end in (*range(50, len(octets), 50), len(octets) - 1):
        attack.refused(octets[:end], NotWellFormed)


def test_a_message_without_its_beginning_is_refused(attack: Attack) -> None:
    octets = attack.message().encode()
    for start in range(1, len(octets), 97):
        attack.refused(octets[start:], NotWellFormed)


def test_nothing_at_all_is_refused_without_an_envelope(attack: Attack) -> None:
    attack.refused(b"", EmptyRequest)


# -- more than XML should be -------------------------------------------------------------------------------------

_LAUGHS = "".join(f'<!ENTITY l{i} "{f"&l{i - 1};" * 10 if i else "ha"}">' for i in range(10))

DECLARATIONS = {
    "an empty declaration": ("<!DOCTYPE x>", "alice"),
    "an internal entity": ('<!DOCTYPE x [<!ENTITY e "alice">]>', "&e;"),
    "an unused entity": ('<!DOCTYPE x [<!ENTITY e "alice">]>', "alice"),
    "a file": ('<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>', "&e;"),
    "a URL": ('<!DOCTYPE x [<!ENTITY e SYSTEM "http://127.0.0.1:9/e">]>', "&e;"),
    "a public id": ('<!DOCTYPE x [<!ENTITY e PUBLIC "p" "file:///etc/hostname">]>', "&e;"),
    "an external subset": ('<!DOCTYPE x SYSTEM "file:///etc/passwd">', "alice"),
    "an external subset with a public id": ('<!DOCTYPE x PUBLIC "-//x//EN" "http://127.0.0.1:9/">', "&nbsp;"),
    "a parameter entity": ('<!DOCTYPE x [<!ENTITY % p SYSTEM "file:///etc/passwd"> %p;]>', "alice"),
    "parameter entities that build one": (
        "<!DOCTYPE x [<!ENTITY % a '<!ENTITY &#37; b SYSTEM \"file:///etc/passwd\">'> %a; %b;]>",
        "alice",
    ),
    "a billion laughs": (f"<!DOCTYPE x [{_LAUGHS}]>", "&l9;"),
    "an entity of itself": ('<!DOCTYPE x [<!ENTITY e "&e;">]>', "&e;"),
    "a long entity used often": (f'<!DOCTYPE x [<!ENTITY e "{"a" * 20_000}">]>', "&e;" * 5_000),
    "a default attribute": ('<!DOCTYPE x [<!ATTLIST x y CDATA "z">]>', "alice"),
    "an attribute of type ID": ("<!DOCTYPE x [<!ATTLIST x y ID #IMPLIED>]>", "alice"),
    "a notation": ('<!DOCTYPE x [<!NOTATION n SYSTEM "file:///bin/sh">]>', "alice"),
    "an entity in a default attribute": (f'<!DOCTYPE x [{_LAUGHS}<!ATTLIST x y CDATA "&l9;">]>', "alice"),
}  # fmt: skip
ENCODINGS = {
    "UTF-8": ("utf-8", "utf-8"),
    "UTF-8 with a mark": ("utf-8-sig", "utf-8"),
    "UTF-8 without a charset": ("utf-8", None),
    "UTF-16": ("utf-16", "utf-16"),
    "UTF-16 without a charset": ("utf-16", None),
    "UTF-16 called UTF-8": ("utf-16", "utf-8"),
    "UTF-16LE without a mark": ("utf-16-le", "utf-16le"),
    "UTF-16BE without a mark": ("utf-16-be", "utf-16be"),
}


@each(DECLARATIONS)
def test_a_document_type_declaration_is_refused_in_every_encoding(attack: Attack, case: tuple[str, str]) -> None:
    declaration, name = case
    message = declaration + attack.with_credential(messages.username_token(name))
    for document in (message, '<?xml version="1.0"?>\n' + message, "<!-- x -->" + message):
        for encoding, charset in ENCODINGS.values():
            attack.refused(document.encode(encoding), InvalidRequest, content_type=_content_type(attack, charset))


def test_a_declaration_is_not_hidden_by_what_the_message_says_of_its_encoding(attack: Attack) -> None:
    """Whichever encoding a reader believes, none finds a token here."""
    declared = '<!DOCTYPE x [<!ENTITY e "alice">]>' + attack.with_credential(messages.username_token("&e;"))
    for encoding in ("utf-8", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp037"):
        for charset in ("utf-8", "utf-16", "utf-16le", "utf-16be", None):
            for prolog in ("", '<?xml version="1.0" encoding="utf-16"?>', '<?xml version="1.0" encoding="utf-8"?>'):
                octets = (prolog + declared).encode(encoding)
                attack.refused(octets, InvalidRequest, NotWellFormed, content_type=_content_type(attack, charset))


def _content_type(attack: Attack, charset: str | None) -> str:
    media_type = messages.MEDIA_TYPE[attack.entrance.soap]
    return media_type if charset is None else f"{media_type}; charset={charset}"


OTHER_MARKUP: dict[str, Build] = {
    "a processing instruction in the RST": inside("<?x y?>"),
    "a processing instruction before the root": lambda attack: "<?x y?>" + attack.message(),
    "a processing instruction behind the root": lambda attack: attack.message() + "<?x?>",
    "a stylesheet": lambda attack: '<?xml-stylesheet href="file:///etc/passwd"?>' + attack.message(),
    "an XML declaration in capitals": lambda attack: '<?XML version="1.0"?>' + attack.message(),
    "an XML declaration that says nothing": lambda attack: "<?xml?>" + attack.message(),
    "a second XML declaration": lambda attack: '<?xml version="1.0"?><?xml version="1.0"?>' + attack.message(),
    "an XML declaration behind a comment": lambda attack: '<!-- --><?xml version="1.0"?>' + attack.message(),
    "an XML declaration behind the root": lambda attack: attack.message() + '<?xml version="1.0"?>',
    "a CDATA section between elements": inside("<![CDATA[ ]]>"),
    "a CDATA section in an unknown element": inside("<x><![CDATA[x]]></x>"),
    "a declaration in the middle": inside("<!DOCTYPE x>"),
    "an entity declaration in the middle": inside('<!ENTITY e "x">'),
    "a declaration in a comment": inside("<!-- <!DOCTYPE x> -->"),
    "text in the RST": inside("text"),
    "text behind a child of the RST": lambda attack: attack.changed("</t:RequestType>", "</t:RequestType>x"),
}


@each(OTHER_MARKUP)
def test_markup_that_a_message_has_no_need_of_is_refused(attack: Attack, case: Build) -> None:
    attack.refused(case(attack), InvalidRequest)


# -- too much ----------------------------------------------------------------------------------------------------


def _attributes(count: int) -> str:
    return "<x " + " ".join(f'a{i}=""' for i in range(count)) + "/>"


def _declarations(count: int) -> str:
    return "<x " + " ".join(f'xmlns:n{i}="urn:{i}"' for i in range(count)) + "/>"


def _chain(depth: int, each_: int, leaves: int) -> str:
    """Elements in each other, every one with declarations of its own, and many in the innermost."""
    opened = "".join(
        "<x " + " ".join(f'xmlns:{chr(97 + level % 26)}{level // 26}{i}="u:"' for i in range(each_)) + ">"
        for level in range(depth)
    )
    return opened + "<y/>" * leaves + "</x>" * depth


_LONG = "urn:" + "n" * 50_000

FLOODS: dict[str, Build] = {
    "one attribute too many": inside(_attributes(MAX_ATTRIBUTES + 1)),
    "5,000 attributes": inside(_attributes(5_000)),
    "12,000 attributes": inside(_attributes(12_000)),
    "one element too many": inside("<x/>" * MAX_ELEMENTS),
    "5,000 elements": inside("<x/>" * 5_000),
    "20,000 elements": inside("<x/>" * 20_000),
    "nested 300 times": inside("<x>" * 300 + "</x>" * 300),
    "nested 1,900 times": inside("<x>" * 1_900 + "</x>" * 1_900),
    "nested 10,000 times": inside("<x>" * 10_000 + "</x>" * 10_000),
    "nested and never closed": inside("<x>" * 10_000),
    "one namespace too many": inside(_declarations(MAX_NAMESPACES + 1)),
    "1,000 namespaces": inside(_declarations(1_000)),
    "namespaces on 200 elements in each other": inside(_chain(200, 30, 1_500)),
    "namespaces on every element": inside('<x xmlns:a="u:a" xmlns:b="u:b"/>' * 1_500),
    "a namespace with a long name": inside(f'<x xmlns="{_LONG}"/>'),
    "a namespace with a long prefix": inside(f'<{_LONG[4:]}:x xmlns:{_LONG[4:]}="urn:x"/>'),
    "a long namespace for many mandatory headers": lambda attack: attack.message(
        None, '<z:x s:mustUnderstand="1"/>' * 1_500
    ).replace("<s:Envelope ", f'<s:Envelope xmlns:z="{_LONG}" '),
    "a long namespace for much in AppliesTo": lambda attack: attack.changed(
        "</a:Address>", "</a:Address>" + "<z:x/>" * 1_500
    ).replace("<s:Envelope ", f'<s:Envelope xmlns:z="{_LONG}" '),
    "an AppliesTo of 100 kB": lambda attack: attack.changed("</a:Address>", f"</a:Address><x>{'x' * 100_000}</x>"),
    "an AppliesTo that grows when it is written": lambda attack: attack.changed(
        "</a:Address>", f"</a:Address><x y='{chr(34) * 10_000}'/>"
    ),
    "a Context of 100 kB": lambda attack: attack.message(attack.rst(attributes=f' Context="{"x" * 100_000}"')),
    "a Context that grows when it is written": lambda attack: attack.message(
        attack.rst(attributes=f" Context='{chr(34) * 50_000}'")
    ),
    "an address of 100 kB": lambda attack: attack.changed(RP, RP + "x" * 100_000),
    "an address with much white space": lambda attack: attack.changed(RP, " " * 50_000 + RP),
    "a MessageID of 100 kB": lambda attack: attack.with_header(
        messages.addressing(f"{attack.trust}/RST/Issue", message_id="x" * 100_000)
    ),
    "a TokenType of 100 kB": inside(f"<t:KeyType>{'x' * 100_000}</t:KeyType>"),
    "a KeySize of 100,000 digits": inside(f"<t:KeySize>{'9' * 100_000}</t:KeySize>"),
    "300 claims": inside(
        f'<t:Claims xmlns:i="{ns.IDENTITY}">' + '<i:ClaimType Uri="x" Optional="true"/>' * 300 + "</t:Claims>"
    ),
    "a claim with a long name": inside(
        f'<t:Claims xmlns:i="{ns.IDENTITY}"><i:ClaimType Uri="{"x" * 50_000}"/></t:Claims>'
    ),
    "many comments": inside("<!---->" * 15_000),
}  # fmt: skip


@each(FLOODS)
def test_a_flood_is_refused(attack: Attack, case: Build) -> None:
    answer = attack.refused(case(attack), InvalidRequest)
    assert len(answer.body) < 2_000


def test_a_fault_does_not_grow_with_what_was_not_understood(attack: Attack) -> None:
    """Short enough not to be looked at as a flood, and with the longest names allowed."""
    from wstrust_sts.errors import MustUnderstand

    many = "".join(
        f'<x{i}:x xmlns:x{i}="urn:{i}:{"n" * (MAX_NAMESPACE - 20)}" s:mustUnderstand="1"/>' for i in range(200)
    )
    assert len(attack.refused(attack.with_header(many), MustUnderstand).body) < 6_000


HEAPS = {
    "a": b"a",
    "<": b"<",
    "&": b"&",
    "<a>": b"<a>",
    "</a>": b"</a>",
    "<a/>": b"<a/>",
    "spaces": b" ",
    "line ends": b"\r\n",
    "NUL": b"\0",
    "0xff": b"\xff",
    "]]>": b"]]>",
    "&#65;": b"&#65;",
    "&lt;": b"&lt;",
    "<!--": b"<!--",
    "comments": b"<!---->",
    "<?": b"<?",
    "<![CDATA[": b"<![CDATA[",
    "a=''": b"a='' ",
    "marks": b"\xef\xbb\xbf",
    "marks of UTF-16": b"\xff\xfe",
    "xmlns": b" xmlns",
    "quotes": b'"',
}


@each(HEAPS)
def test_a_heap_of_anything_is_refused_in_short_time(attack: Attack, case: bytes) -> None:
    heap = case * (MAX_OCTETS // len(case))
    attack.refused(case * (1_000_000 // len(case)), TooLarge)
    attack.refused(heap, NotWellFormed, InvalidRequest)
    attack.refused(b"<a>" + heap[: MAX_OCTETS - 10], NotWellFormed, InvalidRequest)
    attack.refused(b"<a b='" + heap[: MAX_OCTETS - 10], NotWellFormed, InvalidRequest)
    attack.refused(b"<?xml version='1.0'" + heap[: MAX_OCTETS - 30], NotWellFormed, InvalidRequest)
    good = attack.message().encode()
    room = (MAX_OCTETS - len(good)) // len(case)
    refused = attack.send(good.replace(b">alice<", b">" + case * room + b"<"))
    assert refused.fault is not None


def test_valid_xml_of_a_megabyte_is_refused(attack: Attack) -> None:
    attack.refused(attack.changed(RP, RP + "x" * 1_000_000), TooLarge)
    attack.refused(attack.message() + " " * 1_000_000, TooLarge)


def test_the_longest_message_is_read_and_one_octet_more_is_refused(attack: Attack) -> None:
    octets = attack.message().encode()
    attack.issued(octets + b" " * (MAX_OCTETS - len(octets)))
    attack.refused(octets + b" " * (MAX_OCTETS + 1 - len(octets)), TooLarge)


# -- no SOAP, or too much of it ----------------------------------------------------------------------------------


def _envelope(*parts: str) -> Build:
    """An envelope of these parts; H and B stand for a good Header and a good Body."""

    def build(attack: Attack) -> str:
        good = {"H": f"<s:Header>{attack.security()}</s:Header>", "B": f"<s:Body>{attack.rst()}</s:Body>"}
        inner = "".join(good.get(part, part) for part in parts)
        return f'<s:Envelope xmlns:s="{attack.soap_namespace}">{inner}</s:Envelope>'

    return build


ENVELOPES: dict[str, Build] = {
    "nothing in it": _envelope(),
    "no Body": _envelope("H"),
    "two Bodies": _envelope("H", "B", "B"),
    "an empty Body before the Body": _envelope("H", "<s:Body/>", "B"),
    "an empty Body behind the Body": _envelope("H", "B", "<s:Body/>"),
    "two Headers": _envelope("H", "H", "B"),
    "an empty Header before the Header": _envelope("<s:Header/>", "H", "B"),
    "the Body before the Header": _envelope("B", "H"),
    "a Header on both sides": _envelope("H", "B", "H"),
    "an element behind the Body": _envelope("H", "B", "<x/>"),
    "an element before the Header": _envelope("<x/>", "H", "B"),
    "an element between the two": _envelope("H", "<x/>", "B"),
    "text behind the Body": _envelope("H", "B", "x"),
    "text before the Header": _envelope("x", "H", "B"),
    "an empty Body": _envelope("H", "<s:Body/>"),
    "a Body of white space": _envelope("H", "<s:Body> \n </s:Body>"),
    "a Body of text": _envelope("H", "<s:Body>issue</s:Body>"),
    "a Body of a comment": _envelope("H", "<s:Body><!-- x --></s:Body>"),
    "the Header in the Body beside the request": lambda attack: _envelope(
        f"<s:Body><s:Header>{attack.security()}</s:Header>{attack.rst()}</s:Body>"
    )(attack),
    "two requests": lambda attack: attack.message(attack.rst() * 2),
    "a request and something else": lambda attack: attack.message(attack.rst() + "<x/>"),
    "something else and a request": lambda attack: attack.message("<x/>" + attack.rst()),
    "text beside the request": lambda attack: attack.message(attack.rst() + "x"),
    "an envelope in the Body": lambda attack: attack.message(attack.message()),
    "a Fault as request": lambda attack: attack.message(
        "<s:Fault><faultcode>s:Client</faultcode><faultstring>x</faultstring></s:Fault>"
    ),
    "an answer as request": lambda attack: attack.message(
        f'<t:RequestSecurityTokenResponse xmlns:t="{attack.trust}"/>'
    ),
    "a collection of answers as request": lambda attack: attack.message(
        f'<t:RequestSecurityTokenResponseCollection xmlns:t="{attack.trust}"/>'
    ),
    "a Body of the other version of SOAP": lambda attack: (
        _envelope("H", "B")(attack)
        .replace("<s:Body>", f'<b:Body xmlns:b="{SOAP[attack.other_soap]}">')
        .replace("</s:Body>", "</b:Body>")
    ),
    "a Body of no namespace": lambda attack: _envelope("H", "B")(attack).replace("s:Body>", "Body>"),
    "a request by reference": lambda attack: _envelope(
        "<s:Header>", attack.security(), "</s:Header>", '<s:Body><x href="#r"/></s:Body>'
    )(attack),
    "a request by reference, and its target beside it": lambda attack: attack.message(
        '<x href="#r"/>' + attack.rst(attributes=' id="r"')
    ),
    "a request by reference, and its target in the Header": lambda attack: attack.message(
        '<x href="#r"/>', attack.rst(attributes=' id="r"')
    ),
    "a request by a reference of SOAP 1.2": lambda attack: attack.message(
        f'<x s:ref="r"/>{attack.rst(attributes=" s:id=" + chr(34) + "r" + chr(34))}'
    ),
}


@each(ENVELOPES)
def test_an_envelope_of_another_shape_is_refused(attack: Attack, case: Build) -> None:
    attack.refused(case(attack), InvalidRequest)


def test_a_header_in_the_body_protects_nothing(attack: Attack) -> None:
    attack.refused(_envelope("<s:Body>", "H", "</s:Body>")(attack), InvalidSecurity)


def test_an_envelope_of_another_version_is_a_version_mismatch(attack: Attack) -> None:
    good = attack.message()
    for namespace in (
        SOAP[attack.other_soap],
        "http://www.w3.org/2001/12/soap-envelope",
        "http://www.w3.org/2003/05/soap-envelope/",
        attack.soap_namespace.upper(),
        f"urn:{CANARY}",
    ):
        attack.refused(good.replace(attack.soap_namespace, namespace), VersionMismatch)
    attack.refused(good.replace("s:Envelope", "Envelope"), VersionMismatch)


TRICKS: dict[str, Build] = {
    "a href on the request": lambda attack: attack.message(attack.rst(attributes=' href="#x"')),
    "a href to nowhere in AppliesTo": lambda attack: attack.changed("<a:Address>", '<a:Address href="#nowhere">'),
    "two elements of one id": lambda attack: attack.message(attack.rst('<x id="i"/><x id="i"/>')),
    "a href to a user": lambda attack: attack.changed(
        "</o:Security>", "</o:Security>" + '<x id="i">mallory</x>'
    ).replace("<o:Username>", '<o:Username href="#i">'),
    "a type of the request": lambda attack: attack.message(
        attack.rst(attributes=f' xmlns:xsi="{ns.XSI}" xsi:type="t:Cancel"')
    ),
    "a type of the name": lambda attack: attack.changed(
        "<o:Username>", f'<o:Username xmlns:xsi="{ns.XSI}" xsi:type="s:Fault">'
    ),
    "a type that nobody declared": lambda attack: attack.changed(
        "<a:Address>", f'<a:Address xmlns:xsi="{ns.XSI}" xsi:type="nobody:knows">'
    ),
    "nil": lambda attack: attack.changed("<o:Password", f'<o:Password xmlns:xsi="{ns.XSI}" xsi:nil="true"'),
    "an encoding style": lambda attack: attack.message(
        attack.rst(attributes=' s:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/"')
    ),
    "a schema location": lambda attack: attack.message(
        attack.rst(attributes=f' xmlns:xsi="{ns.XSI}" xsi:schemaLocation="urn:x file:///etc/passwd"')
    ),
    "an XInclude": lambda attack: attack.message(
        attack.rst('<i:include xmlns:i="http://www.w3.org/2001/XInclude" href="file:///etc/passwd"/>')
    ),
    "a base": lambda attack: attack.message(attack.rst(attributes=' xml:base="file:///etc/"')),
    "comments between elements": lambda attack: attack.message(attack.rst("<!-- x -->"), "<!-- <x/> -->"),
    "a comment behind the root": lambda attack: attack.message() + "<!-- x -->",
}


@each(TRICKS)
def test_what_has_a_meaning_elsewhere_has_none_here(attack: Attack, case: Build) -> None:
    """Attributes that other stacks act upon change nothing: the token is the one that the message asks for."""
    answer = attack.issued(case(attack))
    assert b"root:" not in answer.body
    assert b"mallory" not in answer.body


# -- the HTTP request --------------------------------------------------------------------------------------------

MEDIA_TYPES = {
    "none": None,
    "empty": " ",
    "application/xml": "application/xml",
    "application/json": "application/json",
    "text/plain": "text/plain; charset=utf-8",
    "text/html": "text/html",
    "text/xml-external-parsed-entity": "text/xml-external-parsed-entity",
    "a form": "application/x-www-form-urlencoded",
    "a form in parts": "multipart/form-data; boundary=x",
    "attachments": 'multipart/related; boundary="x"; type="text/xml"; start="<a>"',
    "XOP": 'multipart/related; boundary="x"; type="application/xop+xml"; start-info="application/soap+xml"',
    "XOP without parts": 'application/xop+xml; type="application/soap+xml"',
    "fast infoset": "application/fastinfoset",
    "binary": "application/octet-stream",
    "two types": "text/xml, application/soap+xml",
    "a wildcard": "*/*",
    "half a type": "text",
    "a slash": "/",
    "a suffix": "text/xml+x",
    "a line end": "text/xml\r\nX-Injected: 1",
    "NUL": "text/xml\0",
    "a long one": "text/xml; x=" + "x" * 5_000,
    "a parameter in the form of RFC 8187": "text/xml; charset*=utf-7''x",
    "numbered parts of a parameter": "text/xml; charset*9999999999999999999999=a; charset*=b",
    "two charsets": "text/xml; charset=utf-8; charset=utf-7",
    "an open quote": 'text/xml; charset="utf-8',
}
CHARSETS = (
    "utf-7", "utf-32", "utf-32le", "ucs-4", "iso-8859-1", "latin1", "windows-1252", "ebcdic-cp-us",
    "ibm037", "shift_jis", "gb18030", "iso-2022-jp", "hz-gb-2312", "idna", "punycode", "base64",
    "zlib", "unicode_escape", "raw_unicode_escape", "rot13", "utf-8-sig", "utf_8", "x", "",
    "../utf-8", "utf-8\0", "mbcs", "undefined",
)  # fmt: skip


@each(MEDIA_TYPES)
def test_a_media_type_that_is_not_soap_is_refused(attack: Attack, case: str | None) -> None:
    attack.refused(attack.message(), UnsupportedMediaType, content_type=case)


@pytest.mark.parametrize("charset", CHARSETS)
def test_a_charset_other_than_utf_8_and_utf_16_is_refused(attack: Attack, charset: str) -> None:
    """Among them codecs of Python that are no encodings of text."""
    attack.refused(attack.message(), UnsupportedMediaType, content_type=_content_type(attack, f'"{charset}"'))


def test_the_right_envelope_under_the_other_media_type_is_a_version_mismatch(attack: Attack) -> None:
    attack.refused(attack.message(), VersionMismatch, content_type=messages.content_type(attack.other_soap))


def test_octets_that_are_not_of_the_charset_are_refused(attack: Attack) -> None:
    good = attack.message()
    for encoding, charset in (
        ("utf-8", "utf-16"),
        ("utf-8", "utf-16le"),
        ("utf-16-le", "utf-16be"),
        ("utf-16-be", "utf-16le"),
        ("utf-16-le", "utf-8"),
        ("utf-32", "utf-16"),
    ):
        octets = good.encode(encoding)
        for odd in (octets, octets + b" "):
            attack.refused(odd, NotWellFormed, content_type=_content_type(attack, charset))


@pytest.mark.parametrize(
    "method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "CONNECT", "post", "X"]
)
def test_another_method_is_refused(attack: Attack, method: str) -> None:
    answer = attack.refused(attack.message(), MethodNotAllowed, method=method)
    assert answer.headers["allow"] == "GET, HEAD, POST"


def test_a_path_that_is_not_exactly_an_endpoint_is_not_found(attack: Attack) -> None:
    path = attack.entrance.path
    in_capitals = () if attack.entrance.layout == "adfs" else (path.upper(),)  # found, as AD FS finds it
    for other in (
        *in_capitals,
        "",
        "/",
        path + "/",
        path + "/.",
        path + "/mex/",
        path + "/mex/mex",
        path + "/MEX",
        "/" + path,
        path + "%00",
        path + "\0",
        path.replace("/", "\\"),
        f"/x/..{path}",
        f"/.{path}",
        "/etc/passwd",
        "/../../etc/passwd",
        path.replace("s", "%73"),
        f"https://sts.example.test{path}",
    ):
        attack.refused(attack.message(), NotFound, path=other)
