"""SOAP 1.1 and 1.2 envelopes: reading one into its blocks and its single payload, writing answers and faults."""

import enum
from dataclasses import dataclass, replace
from datetime import datetime

from wstrust_sts import ns
from wstrust_sts.errors import InvalidRequest, MustUnderstand, NotWellFormed, StsError, VersionMismatch
from wstrust_sts.wire.addressing import Addressing, understands
from wstrust_sts.wire.markup import attribute, text
from wstrust_sts.wire.seal import Seal, Unsealed
from wstrust_sts.wire.wsse import write_security
from wstrust_sts.wire.xml import Element, boolean, children

_SECURITY = f"{{{ns.WSSE}}}Security"
_MOST_NAMED = 8
_LONGEST_NAMED = 512
_FAULT_PREFIXES = {"wsse": ns.WSSE, "wsu": ns.WSU}


class SoapVersion(enum.Enum):
    """A SOAP version, by the namespace of its envelope."""

    SOAP11 = ns.SOAP11, "text/xml"
    SOAP12 = ns.SOAP12, "application/soap+xml"

    def __init__(self, namespace: str, media_type: str) -> None:
        self.namespace = namespace
        self.media_type = media_type
        self.content_type = f"{media_type}; charset=utf-8"

    @classmethod
    def of_media_type(cls, media_type: str) -> "SoapVersion | None":
        return _BY_MEDIA_TYPE.get(media_type)


_BY_MEDIA_TYPE = {version.media_type: version for version in SoapVersion}


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """One message: the header blocks addressed to us, its one Body and that one's child; None where it is empty.

    `beside` is a second child of the Body, where it may have one.
    """

    version: SoapVersion
    root: Element
    blocks: tuple[Element, ...]
    body: Element
    payload: Element | None
    beside: Element | None = None


def read_envelope(
    root: Element, *, expected: SoapVersion, may_be_empty: bool = False, beside: str | None = None
) -> Envelope:
    """The envelope in `root`. `expected` is the version that the media type named, `beside` the name of an element that
    may follow the Body's child.

    Raises NotWellFormed, VersionMismatch, InvalidRequest (anything but one Body with one child; an empty Body is
    accepted where it `may_be_empty`).

    Blocks for other SOAP roles are left out.
    """
    namespace, _, name = root.tag[1:].partition("}") if root.tag.startswith("{") else ("", "", root.tag)
    if name != "Envelope":
        raise NotWellFormed("the document element is not an Envelope")
    if namespace != expected.namespace:
        raise VersionMismatch("the envelope is not of the version that the media type names")
    parts = children(root)
    names = [part.tag for part in parts]
    header_name, body_name = f"{{{namespace}}}Header", f"{{{namespace}}}Body"
    if names == [header_name, body_name]:
        blocks = tuple(block for block in children(parts[0]) if _ours(block, expected))
    elif names == [body_name]:
        blocks = ()
    elif body_name not in names:
        raise InvalidRequest("no Body")
    else:
        raise InvalidRequest("an Envelope holds at most one Header and exactly one Body, in this order")
    payloads = children(parts[-1])
    follower = payloads.pop() if len(payloads) == 2 and payloads[1].tag == beside else None
    if len(payloads) != 1 and not (may_be_empty and not payloads):
        raise InvalidRequest("the Body holds not exactly one element")
    payload = payloads[0] if payloads else None
    return Envelope(version=expected, root=root, blocks=blocks, body=parts[-1], payload=payload, beside=follower)


def demand_understood(envelope: Envelope) -> None:
    """Raises MustUnderstand when a mandatory block is neither wsse:Security nor WS-Addressing's.

    The fault names the first few, in short: it must not grow with what an unknown sender wrote.
    """
    missed = {
        block.tag: None
        for block in envelope.blocks
        if _mandatory(block, envelope.version) and not (block.tag == _SECURITY or understands(block.tag))
    }
    if missed:
        raise MustUnderstand(tuple(tag for tag in missed if len(tag) <= _LONGEST_NAMED)[:_MOST_NAMED])


def _ours(block: Element, version: SoapVersion) -> bool:
    """Whether a block is for the ultimate receiver or for everyone (SOAP 1.1 section 4.2.2, SOAP 1.2 section 2.2)."""
    if version is SoapVersion.SOAP11:
        return block.get(f"{{{ns.SOAP11}}}actor", "") in ("", ns.SOAP11_NEXT)
    role = block.get(f"{{{ns.SOAP12}}}role", "")
    return role in ("", ns.SOAP12_NEXT, ns.SOAP12_ULTIMATE_RECEIVER)


def _mandatory(block: Element, version: SoapVersion) -> bool:
    written = block.get(f"{{{version.namespace}}}mustUnderstand")
    if written is None:
        return False
    try:
        return boolean(written)
    except ValueError:
        raise InvalidRequest("mustUnderstand is not a boolean") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvelopeStyle:
    """The text of an envelope that its infoset leaves open; each layout has one (wire/layouts/).

    `declares_first`: the prefixes of WS-Addressing and wsu are declared on the Envelope, not where they are used.
    `code_prefix`: that of every fault's code; None: the usual one of its namespace.
    `bare_faults`: a fault of SOAP 1.1 is its code and its sentence; there is no other text in the whole document.
    """

    declares_first: bool = False
    code_prefix: str | None = None
    bare_faults: bool = False


PLAIN_STYLE = EnvelopeStyle()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyContext:
    """What every answer, good or bad, needs of the request it answers. `trust` is the WS-Trust namespace.

    `protected`: the binding is a secured one, so its answers carry a Timestamp. `seal`: they are signed and encrypted.
    """

    version: SoapVersion
    trust: str
    correlation_id: str
    now: datetime
    addressing: Addressing | None = None
    protected: bool = True
    seal: Seal | None = None
    style: EnvelopeStyle = PLAIN_STYLE

    @property
    def declares_first(self) -> bool:
        """Whether the Envelope declares prefixes for its header blocks. A sealed one's are signed by themselves."""
        return self.style.declares_first and self.seal is None

    def with_addressing(self, addressing: Addressing | None) -> "ReplyContext":
        return replace(self, addressing=addressing)

    def with_seal(self, seal: Seal | None) -> "ReplyContext":
        return self if seal is self.seal else replace(self, seal=seal)

    def unprotected(self) -> "ReplyContext":
        return replace(self, protected=False)


def write_answer(body: bytes, *, action: str, context: ReplyContext) -> bytes:
    """The envelope around `body`, which is spliced in and never parsed again: its signatures survive."""
    return _write_envelope(_reply_headers(action, context), body, context, mandatory_security=True)


def _write_envelope(headers: str, body: bytes, context: ReplyContext, *, mandatory_security: bool) -> bytes:
    """The envelope with its Security header as the binding wants it: sealed, a Timestamp, or none at all."""
    if context.protected and context.seal is not None:
        return context.seal.protect(
            Unsealed(namespace=context.version.namespace, blocks=headers, body=body, now=context.now)
        )
    if context.protected:
        headers += write_security(context.now, mandatory=mandatory_security, declared=context.declares_first)
    declared = f'xmlns:s="{context.version.namespace}"'
    if context.declares_first:
        declared += _first_declarations(context)
    return b"".join(
        (
            f"<s:Envelope {declared}><s:Header>{headers}</s:Header><s:Body>".encode(),
            body,
            b"</s:Body></s:Envelope>",
        )
    )


def _first_declarations(context: ReplyContext) -> str:
    addressing = "" if context.addressing is None else f' xmlns:a="{context.addressing.namespace}"'
    return addressing + (f' xmlns:u="{ns.WSU}"' if context.protected else "")


def _reply_headers(action: str, context: ReplyContext) -> str:
    addressing = context.addressing
    if addressing is None:
        return ""
    headers = _header("Action", action, context, mandatory=True) if action else ""
    if addressing.namespace == ns.WSA04:
        headers += _header("To", ns.WSA04_ANONYMOUS, context)
    if addressing.message_id is not None:
        headers += _header("RelatesTo", addressing.message_id, context)
    return headers


def _header(name: str, value: str, context: ReplyContext, *, mandatory: bool = False) -> str:
    """One addressing header; with the id that a signature refers to it by, where there is to be one."""
    assert context.addressing is not None
    attributes = ' s:mustUnderstand="1"' if mandatory else ""
    if context.seal is not None:
        attributes += f' xmlns:u="{ns.WSU}" u:Id="_{name}"'
    declared = "" if context.declares_first else f' xmlns:a="{context.addressing.namespace}"'
    return f"<a:{name}{declared}{attributes}>{text(value)}</a:{name}>"


def write_fault(error: StsError, context: ReplyContext) -> bytes:
    """The fault for `error`: its code, its constant sentence and the correlation id; never its detail.

    Its Security header is not mandatory: Rampart leaves that of a fault with a code of WS-Security unread, and a
    mandatory one would then hide the fault from the caller.
    """
    soap11 = context.version is SoapVersion.SOAP11
    if soap11 and context.style.bare_faults:
        context = replace(context, addressing=None, protected=False, seal=None)
    fault = _fault11(error, context) if soap11 else _fault12(error, context)
    headers = _reply_headers(_fault_action(error, context), context)
    if not soap11:
        headers += _explaining_blocks(error)
    return _write_envelope(headers, fault.encode(), context, mandatory_security=False)


def _fault_action(error: StsError, context: ReplyContext) -> str:
    if context.addressing is None:
        return ""
    if context.addressing.namespace == ns.WSA04:
        return ns.WSA04_FAULT
    return ns.WSA_FAULT if error.namespace == "wsa" else ns.WSA_SOAP_FAULT


def _prefixed(error: StsError, context: ReplyContext) -> tuple[str, str]:
    """(prefix, namespace) of the error's own code."""
    match error.namespace:
        case "wst":
            namespace = context.trust
        case "wsc":
            namespace = ns.WSC_OF_TRUST[context.trust]
        case "wsa":
            namespace = context.addressing.namespace if context.addressing else ns.WSA
        case other:
            namespace = _FAULT_PREFIXES[other]
    return context.style.code_prefix or error.namespace, namespace


def _correlation(context: ReplyContext) -> str:
    """What a fault's detail holds. In a protected fault it is in the element that the WSDL declares: Metro looks for a
    declared one to decide whether the fault has to be protected, and refuses it where the two do not agree.
    """
    identifier = text(context.correlation_id)
    if context.seal is None or not context.protected:
        return f'<sts:CorrelationId xmlns:sts="{ns.STS}">{identifier}</sts:CorrelationId>'
    correlated = f"<sts:CorrelationId>{identifier}</sts:CorrelationId>"
    return f'<sts:ProtectedFault xmlns:sts="{ns.STS}">{correlated}</sts:ProtectedFault>'


def _fault11(error: StsError, context: ReplyContext) -> str:
    if error.namespace == "none":
        code = f"<faultcode>s:{'Client' if error.side == 'sender' else 'Server'}</faultcode>"
    elif error.namespace == "soap":
        code = f"<faultcode>s:{error.code}</faultcode>"
    else:
        prefix, namespace = _prefixed(error, context)
        code = f'<faultcode xmlns:{prefix}="{namespace}">{prefix}:{error.code}</faultcode>'
    detail = "" if context.style.bare_faults else f"<detail>{_correlation(context)}</detail>"
    return f'<s:Fault>{code}<faultstring xml:lang="en">{text(error.sentence)}</faultstring>{detail}</s:Fault>'


def _fault12(error: StsError, context: ReplyContext) -> str:
    if error.namespace == "soap":
        code = f"<s:Value>s:{error.code}</s:Value>"
    else:
        code = f"<s:Value>s:{'Sender' if error.side == 'sender' else 'Receiver'}</s:Value>"
        if error.namespace != "none":
            prefix, namespace = _prefixed(error, context)
            code += f'<s:Subcode><s:Value xmlns:{prefix}="{namespace}">{prefix}:{error.code}</s:Value></s:Subcode>'
    return (
        f'<s:Fault><s:Code>{code}</s:Code><s:Reason><s:Text xml:lang="en">{text(error.sentence)}</s:Text></s:Reason>'
        f"<s:Detail>{_correlation(context)}</s:Detail></s:Fault>"
    )


def _explaining_blocks(error: StsError) -> str:
    """The header blocks that SOAP 1.2 sections 5.4.7 and 5.4.8 put beside these two faults."""
    if isinstance(error, VersionMismatch):
        supported = "".join(
            f'<s:SupportedEnvelope xmlns:e="{version.namespace}" qname="e:Envelope"/>' for version in SoapVersion
        )
        return f"<s:Upgrade>{supported}</s:Upgrade>"
    if isinstance(error, MustUnderstand):
        return "".join(_not_understood(tag) for tag in error.headers)
    return ""


def _not_understood(tag: str) -> str:
    if not tag.startswith("{"):
        return f'<s:NotUnderstood qname="{attribute(tag)}"/>'
    namespace, _, name = tag[1:].partition("}")
    if namespace == ns.XML:  # which no other prefix may be declared for
        return f'<s:NotUnderstood qname="xml:{attribute(name)}"/>'
    return f'<s:NotUnderstood xmlns:n="{attribute(namespace)}" qname="n:{attribute(name)}"/>'
