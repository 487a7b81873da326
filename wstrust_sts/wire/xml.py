"""The one hardened parse of a message, and the readers of single texts.

Nothing here touches the network or a file, expands an entity, or keeps a comment out of sight. Trees live and
die in the thread that parsed them: a parser belongs to a thread, and no tree is ever cached.
"""

import base64
import binascii
import re
import threading
from collections.abc import Iterator
from typing import TypeAlias

from lxml import etree

from wstrust_sts import ns
from wstrust_sts.errors import FailedCheck, InvalidRequest, NotWellFormed, UnsupportedMediaType

MAX_OCTETS = 128 * 1024
MAX_ELEMENTS = 2000
MAX_ATTRIBUTES = 64
MAX_NAMESPACES = 32  # declared on one element
MAX_DECLARATIONS = 1024  # of namespaces, in one message
MAX_NAMESPACE = 512  # characters of a prefix and its namespace
MAX_TEXT = 8192
MAX_ID = 256  # characters

XML_ID = f"{{{ns.XML}}}id"

Element: TypeAlias = etree._Element

_ID = re.compile(rf"[A-Za-z_][A-Za-z0-9_.-]{{0,{MAX_ID - 1}}}")
# XML 1.0 production 23, of any version; in the verbose form white space stands for nothing
_DECLARATION = re.compile(
    rb"""<\?xml [\x20\t\r\n]+ version [\x20\t\r\n]* = [\x20\t\r\n]* (?P<v>["']) (?P<version> 1\.\d+ ) (?P=v)
    (?: [\x20\t\r\n]+ encoding [\x20\t\r\n]* = [\x20\t\r\n]* (?P<e>["']) (?P<encoding> [A-Za-z][\w.-]* ) (?P=e) )?
    (?: [\x20\t\r\n]+ standalone [\x20\t\r\n]* = [\x20\t\r\n]* (?P<s>["']) (?: yes | no ) (?P=s) )?
    [\x20\t\r\n]* \?>""",
    re.VERBOSE,
)
_DECLARATION_BEGINS = tuple(b"<?xml" + space.encode() for space in " \t\r\n")
_CHARSETS = {
    "utf-8": "utf-8",
    "utf8": "utf-8",
    "us-ascii": "utf-8",
    "utf-16": "utf-16",
    "utf-16le": "utf-16-le",
    "utf-16be": "utf-16-be",
}
# the longer half of a prefix and namespace that are too long together
_LONG_NAME = re.compile(rb"""xmlns(?::[^=\s]{256}|[^=]*=\s*(?:"[^"<]{256}|'[^'<]{256}))""")
_FEW_ATTRIBUTES = 5 * MAX_NAMESPACES  # octets; a tag no longer than this has no more, for each takes ` a=""`
_WHITE_SPACE = " \t\r\n"
_SHORT = 8192  # octets; a message no longer than this cannot repeat a long name often enough to hurt


class _ThreadParser(threading.local):
    def __init__(self) -> None:
        self.parser = etree.XMLParser(
            encoding="utf-8",
            resolve_entities=False,
            no_network=True,
            load_dtd=False,
            dtd_validation=False,
            attribute_defaults=False,
            huge_tree=False,
            recover=False,
            collect_ids=False,
        )


_thread = _ThreadParser()


def parse(octets: bytes, *, charset: str | None = None) -> Element:
    """The root of the document in `octets`, of at most 128 KiB.

    `charset` is the media type's parameter: UTF-8 and UTF-16 are read (WS-I Basic Profile 1.1 R1012), with or
    without a byte-order mark, an XML declaration or leading white space.

    Raises UnsupportedMediaType (another charset), NotWellFormed, InvalidRequest (DTD, entity, processing
    instruction, CDATA, flood, an xml:id that is not a name).
    """
    text = _declared_away(_in_utf8(octets, charset))
    _refuse_by_octets(text)
    try:
        root = etree.fromstring(text, _thread.parser)
    except etree.XMLSyntaxError as error:
        if error.code == etree.ErrorTypes.ERR_RESOURCE_LIMIT:
            raise InvalidRequest("elements nested too deep, or another limit of the parser") from None
        raise NotWellFormed(_describe(error)) from None
    except ValueError:
        raise NotWellFormed("not text that can be parsed") from None
    _refuse_floods(root, text)
    if b"xml:id" in text:
        _refuse_odd_ids(root)
    return root


def parse_part(octets: bytes) -> Element:
    """The root of a document that is to be well-formed and nothing else: one of our own, or a part of a message whose
    whole goes through `parse` before anything of it is used. Raises FailedCheck.
    """
    try:
        return etree.fromstring(octets, _thread.parser)
    except (etree.XMLSyntaxError, ValueError):
        raise FailedCheck("a part of a message that is not well-formed") from None


def _describe(error: etree.XMLSyntaxError) -> str:
    """What is wrong and where. Not the parser's own text, which quotes the message: perhaps half of a password."""
    last = error.error_log.last_error
    line, column = error.position
    return f"not well-formed: {last.type_name if last else 'unknown'} at line {line}, column {column}"


def _in_utf8(octets: bytes, charset: str | None) -> bytes:
    if len(octets) > MAX_OCTETS:
        raise InvalidRequest("the message is over 128 KiB")
    encoding = "utf-8"
    if charset is not None:
        known = _CHARSETS.get(charset.strip().lower())
        if known is None:
            raise UnsupportedMediaType
        encoding = known
    if octets.startswith((b"\xff\xfe", b"\xfe\xff")):
        encoding = "utf-16"
    if encoding == "utf-8":
        return octets.removeprefix(b"\xef\xbb\xbf").lstrip(_WHITE_SPACE.encode())
    try:
        return octets.decode(encoding).lstrip("\ufeff").lstrip(_WHITE_SPACE).encode()
    except UnicodeError:
        raise NotWellFormed(f"the octets are not {encoding}") from None


def _declared_away(text: bytes) -> bytes:
    """The document without its XML declaration, which must not contradict what we read."""
    if not text.startswith(_DECLARATION_BEGINS):
        return text
    declaration = _DECLARATION.match(text)
    if declaration is None:
        raise NotWellFormed("unreadable XML declaration")
    if declaration["version"] != b"1.0":
        raise NotWellFormed("an XML version other than 1.0")
    encoding = declaration["encoding"]
    if encoding is not None and encoding.decode().lower() not in _CHARSETS:
        raise NotWellFormed("a declared encoding other than UTF-8 or UTF-16")
    return text[declaration.end() :]


def _refuse_by_octets(text: bytes) -> None:
    """What can be refused without parsing: cheap counts over the octets, each an upper bound.

    One octet is found ten times as fast as two, and most messages have neither of these.
    """
    if b"!" in text and b"<!" in text:
        if b"<!DOCTYPE" in text or b"<!ENTITY" in text:
            raise InvalidRequest("a document type declaration")
        if b"<![CDATA[" in text:
            raise InvalidRequest("a CDATA section")
    if b"?" in text and b"<?" in text:
        raise InvalidRequest("a processing instruction")
    if text.count(b"<") > 2 * MAX_ELEMENTS + MAX_NAMESPACES:
        raise InvalidRequest("too many elements")


def _refuse_floods(root: Element, text: bytes) -> None:
    """Looks at every element only where the octets leave room for a flood: a tag has an equals sign for each of its
    attributes and declarations, and most messages have few in any."""
    if root.getroottree().docinfo.internalDTD is not None:
        raise InvalidRequest("a document type declaration")
    tags = text.split(b"<")
    if len(tags) > MAX_ELEMENTS and sum(1 for _ in root.iter()) > MAX_ELEMENTS:
        raise InvalidRequest("too many elements")
    most = max((tag.count(b"=") for tag in tags if len(tag) > _FEW_ATTRIBUTES), default=0)
    if most > MAX_ATTRIBUTES and any(len(element.attrib) > MAX_ATTRIBUTES for element in elements(root)):
        raise InvalidRequest("too many attributes")
    many = most > MAX_NAMESPACES or text.count(b"xmlns") > MAX_DECLARATIONS
    if many or (len(text) > _SHORT and _LONG_NAME.search(text)):
        _refuse_namespace_floods(root)


def _refuse_namespace_floods(root: Element) -> None:
    """Every name is written with its namespace, and a canonical form declares it again and again: a long name used
    by many elements makes megabytes of a message. One walk, because looking upwards from each element is quadratic.
    """
    here = declarations = 0
    for event, declared in etree.iterwalk(root, events=("start-ns", "start")):
        if event == "start":
            here = 0
            continue
        here += 1
        declarations += 1
        if here > MAX_NAMESPACES or declarations > MAX_DECLARATIONS:
            raise InvalidRequest("too many namespace declarations")
        if sum(map(len, declared)) > MAX_NAMESPACE:
            raise InvalidRequest("a namespace with too long a name")


def _refuse_odd_ids(root: Element) -> None:
    """xml:id means something to every parser, and some take no document in which one is not a name: neither ours,
    when it looks for ids, nor a client's, to which AppliesTo goes back as it came (xml:id 1.0 section 4).
    """
    for element in elements(root):
        if not is_id(element.get(XML_ID, "_")):
            raise InvalidRequest("an xml:id that is not a name")


def is_id(value: str) -> bool:
    """Whether `value` may be an id here: an NCName of ASCII, of bounded length, so that `#value` means only it."""
    return _ID.fullmatch(value) is not None


def elements(root: Element) -> Iterator[Element]:
    """Every element of the tree, in document order, without comments."""
    yield from root.iter(etree.Element)


def children(element: Element) -> list[Element]:
    """The child elements. Comments between them are passed over; text between them is refused."""
    if element.text and element.text.strip(_WHITE_SPACE):
        raise InvalidRequest(f"text in {local(element)}")
    found = []
    for child in element:
        if isinstance(child.tag, str):
            found.append(child)
        elif child.tag is not etree.Comment:
            raise InvalidRequest(f"an entity reference in {local(element)}")
        if child.tail and child.tail.strip(_WHITE_SPACE):
            raise InvalidRequest(f"text in {local(element)}")
    return found


def local(element: Element) -> str:
    """The local name, bounded, for operators."""
    tag: str = element.tag
    return tag[tag.rfind("}") + 1 :][:64]


def namespace_of(element: Element) -> str:
    """The namespace of an element's name, empty for none."""
    tag: str = element.tag
    return tag[1 : tag.rfind("}")] if tag.startswith("{") else ""


def text_of(element: Element, *, limit: int = MAX_TEXT) -> str:
    """The text of an element that has nothing but one text node. Not trimmed.

    A comment, element or entity inside is refused: it would hide a part of the text from some readers.
    """
    if len(element):
        raise InvalidRequest(f"{local(element)} holds more than text")
    text: str = element.text or ""
    if len(text) > limit:
        raise InvalidRequest(f"{local(element)} is too long")
    return text


def trimmed(element: Element, *, limit: int = 1024) -> str:
    """The text without white space around it (wire contract row 3)."""
    return text_of(element, limit=limit).strip(_WHITE_SPACE)


def without_white_space(text: str) -> str:
    """The text without the white space of XML, which may stand anywhere in base64. Other spaces are no white space."""
    for space in _WHITE_SPACE:
        text = text.replace(space, "")
    return text


def octets_of(element: Element, *, limit: int) -> bytes:
    """The decoded base64 text, at most `limit` octets. Raises InvalidRequest."""
    compact = without_white_space(text_of(element, limit=2 * limit + 64))
    try:
        octets = base64.b64decode(compact, validate=True)
    except (binascii.Error, ValueError):
        raise InvalidRequest(f"{local(element)} is not base64") from None
    if len(octets) > limit:
        raise InvalidRequest(f"{local(element)} is too long")
    return octets


def boolean(text: str) -> bool:
    """An xs:boolean. Raises ValueError."""
    match text.strip(_WHITE_SPACE):
        case "true" | "1":
            return True
        case "false" | "0":
            return False
    raise ValueError("not an xs:boolean")
