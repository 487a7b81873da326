"""WS-MetadataExchange (2004/09): an endpoint's WSDL, asked for by SOAP (wire contract row 30).

Two questions have one answer: WS-Transfer's Get, with an empty Body, and GetMetadata, which may name a dialect and an
identifier. Neither is secured: what is answered is public, and the same for everyone.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from lxml import etree

from wstrust_sts import ns
from wstrust_sts.errors import ActionNotSupported, InvalidRequest
from wstrust_sts.wire.markup import attribute
from wstrust_sts.wire.xml import Element, children, trimmed

RESPONSES: Mapping[str, str] = {ns.WXF_GET: ns.WXF_GET_RESPONSE, ns.MEX_REQUEST: ns.MEX_RESPONSE}
"""The action of each question, and of its answer."""

_GET_METADATA = f"{{{ns.MEX}}}GetMetadata"
_DIALECT = f"{{{ns.MEX}}}Dialect"
_IDENTIFIER = f"{{{ns.MEX}}}Identifier"


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked for, and the action of the answer. `dialect` and `identifier` None: whatever there is."""

    response: str
    dialect: str | None = None
    identifier: str | None = None


def read_question(action: str | None, payload: Element | None) -> Question:
    """The question in a Body. `payload` is the Body's one child; without an `action` it decides.

    Raises ActionNotSupported (another action, or none and neither question), InvalidRequest (a Body that is not the
    action's).
    """
    if action is None and (payload is None or payload.tag == _GET_METADATA):
        action = ns.WXF_GET if payload is None else ns.MEX_REQUEST
    if action not in RESPONSES:
        raise ActionNotSupported("not a question of WS-MetadataExchange")
    if action == ns.WXF_GET:
        if payload is not None:
            raise InvalidRequest("a Get with something in its Body")
        return Question(response=RESPONSES[action])
    if payload is None or payload.tag != _GET_METADATA:
        raise InvalidRequest("a GetMetadata without mex:GetMetadata in its Body")
    return _read_get_metadata(payload)


def _read_get_metadata(payload: Element) -> Question:
    asked: dict[str, str] = {}
    for child in children(payload):
        if child.tag in asked or child.tag not in (_DIALECT, _IDENTIFIER):
            raise InvalidRequest("GetMetadata holds at most one Dialect and one Identifier")
        asked[child.tag] = trimmed(child)
    return Question(
        response=ns.MEX_RESPONSE, dialect=asked.get(_DIALECT) or None, identifier=asked.get(_IDENTIFIER) or None
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """An endpoint's WSDL as it is handed out: its target namespace, and the MetadataSection around it."""

    namespace: str
    section: bytes


@lru_cache(maxsize=256)  # as many as documents are kept
def describe(wsdl: bytes) -> Description:
    """`wsdl`, our own document, ready to be handed out."""
    document = etree.fromstring(wsdl)
    namespace = document.get("targetNamespace", "")
    opening = f'<m:MetadataSection Dialect="{ns.WSDL}" Identifier="{attribute(namespace)}">'
    markup = b"".join((opening.encode(), etree.tostring(document), b"</m:MetadataSection>"))
    return Description(namespace=namespace, section=markup)


def write_metadata(question: Question, description: Description) -> bytes:
    """The Metadata that answers `question`: the document inline, or nothing where something else was asked for."""
    asked_for = question.dialect in (None, ns.WSDL) and question.identifier in (None, description.namespace)
    section = description.section if asked_for else b""
    return b"".join((f'<m:Metadata xmlns:m="{ns.MEX}">'.encode(), section, b"</m:Metadata>"))
