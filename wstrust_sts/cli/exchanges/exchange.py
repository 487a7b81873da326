"""One request and its answer: how a binding protects the one and what it demands of the other.

What comes back is believed only as far as its protection goes: signed by the STS over all that is read of it, hidden
where the binding hides, and the answer to this request and no other.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Protocol
from xml.sax.saxutils import escape

from wstrust_sts import ns
from wstrust_sts.cli.output import Refusal, in_one_line
from wstrust_sts.errors import (
    InvalidSecurity,
    MessageExpired,
    SecurityTokenUnavailable,
    StsError,
    UnsupportedAlgorithm,
)
from wstrust_sts.ports import Decrypter
from wstrust_sts.wire.addressing import understands
from wstrust_sts.wire.algorithms import DEFAULT, MAC_METHODS, Algorithms
from wstrust_sts.wire.protection import SIGNATURE_CONFIRMATION, ProtectedMessage
from wstrust_sts.wire.seal import Unsealed
from wstrust_sts.wire.sealing import Methods
from wstrust_sts.wire.soap import Envelope, SoapVersion, read_envelope
from wstrust_sts.wire.wsse import in_security_header
from wstrust_sts.wire.xml import Element, local, octets_of, parse, trimmed

_MAX_SIGNATURE = 1024  # octets


class UnprotectedAnswer(Refusal):
    """The answer is not protected as the binding demands: nothing in it was read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A request as it went, the same decrypted, and how to open the answer to it.

    `open_answer` takes the answer as it came and gives the envelope, decrypted and verified. Raises StsError.
    """

    octets: bytes = field(repr=False)
    readable: Element
    open_answer: Callable[[bytes, datetime], Element]


class Binding(Protocol):
    """How messages to one STS are protected, and as whom."""

    @property
    def hides(self) -> bool:
        """Whether nobody on the way can read a message, even without TLS."""
        ...

    @property
    def protects(self) -> bool:
        """Whether an answer proves itself, so that one without protection is none."""
        ...

    @property
    def decrypter(self) -> Decrypter | None:
        """What opens a secret that the STS encrypts for the requestor's certificate."""
        ...

    def protect(self, message: Unsealed) -> Sent:
        """A new exchange. Raises Refusal."""
        ...


def username_token(user: str, password: str) -> str:
    """UsernameToken Profile 1.1 section 3.1, for an Unsealed's `tokens`."""
    return (
        f'<o:UsernameToken xmlns:o="{ns.WSSE}" xmlns:u="{ns.WSU}" u:Id="user"><o:Username>{escape(user)}</o:Username>'
        f'<o:Password Type="{ns.PASSWORD_TEXT}">{escape(password)}</o:Password></o:UsernameToken>'
    )


def accepted_algorithms(methods: Methods) -> Algorithms:
    """What an answer may be protected by: what is sound, and what the caller chose to send with."""
    signatures = {methods.signature} - MAC_METHODS
    return replace(DEFAULT, signatures=DEFAULT.signatures | signatures, digests=DEFAULT.digests | {methods.digest})


def read_octets(octets: bytes) -> Envelope:
    """The envelope in `octets`, of the SOAP version that it is written in. Raises StsError."""
    root = parse(octets)
    namespace = root.tag[1:].partition("}")[0] if root.tag.startswith("{") else ""
    expected = next((version for version in SoapVersion if version.namespace == namespace), SoapVersion.SOAP12)
    return read_envelope(root, expected=expected, may_be_empty=True)


def confirm(message: ProtectedMessage, *, signature: bytes) -> bool:
    """Whether the answer confirms the request's `signature` (WSS 1.1 section 8.4); it need not.

    Raises InvalidSecurity: it confirms another one, or the confirmation is not signed.
    """
    if SIGNATURE_CONFIRMATION not in message.parts:
        return False
    confirmation = message.take_signed(SIGNATURE_CONFIRMATION)
    written = confirmation.get("Value", "")
    with in_security_header():
        value = octets_of(_as_text(confirmation, written), limit=_MAX_SIGNATURE)
    if value != signature:
        raise InvalidSecurity("the answer confirms another request than this")
    return True


def _as_text(element: Element, written: str) -> Element:
    """An element whose text is `written`: the one reader of base64 reads attributes, too."""
    copy = element.makeelement(element.tag)
    copy.text = written
    return copy


def relates(answer: Iterable[Element], *, request: Envelope) -> bool:
    """Whether the header blocks `answer` say that it is one to `request`; they need not.

    Where a signature is to prove it, these are the blocks for us, all of which it covers, and no others.

    Raises InvalidSecurity (to another one), InvalidRequest (unreadable).
    """
    sent, said = _addressed(request.blocks, "MessageID"), _addressed(answer, "RelatesTo")
    if said and said != sent:
        raise InvalidSecurity("the answer is to another request than this")
    return bool(said)


def demand_answer(answer: ProtectedMessage, *, to: ProtectedMessage, has_to_say: bool) -> None:
    """That the answer is one to this request; where its key does not tell that, it `has_to_say` so.

    Raises InvalidSecurity (it is to another, or does not say), InvalidRequest (unreadable).
    """
    confirmed = confirm(answer, signature=to.signature.value)
    answer.demand_nothing_else()
    related = relates(answer.opened.envelope.blocks, request=to.opened.envelope)
    if has_to_say and not related and not confirmed:
        raise InvalidSecurity("the answer does not say to which request it is one")


def _addressed(blocks: Iterable[Element], name: str) -> list[str]:
    return [trimmed(block) for block in blocks if understands(block.tag) and local(block) == name]


def explain_refused_answer(error: StsError) -> UnprotectedAnswer:
    """What was wrong with the answer's protection, and what may help."""
    match error:
        case SecurityTokenUnavailable():
            help_ = "The STS signs with another certificate than --sts-certificate: get its message certificate."
        case MessageExpired():
            help_ = "Compare this machine's clock with the STS's; it may be a replayed answer, too."
        case UnsupportedAlgorithm():
            help_ = "--signature, --mac, --digest and --encryption choose others; what is not sound is not accepted."
        case _:
            help_ = "Check --binding, --sts-certificate and the algorithms; if they are right, somebody else wrote it."
    return UnprotectedAnswer(f"The answer is not protected as it must be: {in_one_line(error.detail)}. {help_}")
