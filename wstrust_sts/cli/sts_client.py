"""A small WS-Trust client of any STS. It sends text, so that tokens stay as signed.

How messages are protected is the binding's (cli/exchanges); what is asked and what an answer says stands here. Tokens
are not trusted: a token is shown, kept and presented again as it is.
"""

import http.client
import uuid
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal, Protocol
from xml.sax.saxutils import escape, quoteattr

from lxml import etree

from wstrust_sts import ns
from wstrust_sts.cli.contexts import demand_context, demand_renewed, is_context
from wstrust_sts.cli.exchanges.exchange import Binding, Sent, explain_refused_answer
from wstrust_sts.cli.exchanges.unverified import Fault, body_of, find_fault, read_soap
from wstrust_sts.cli.key_wishes import NO_KEY, HeldKey, KeyWish, read_key, read_renewed_key, write_key_wish
from wstrust_sts.cli.output import Refusal, in_one_line
from wstrust_sts.cli.sts_connection import NoAnswer
from wstrust_sts.cli.token_markup import as_text, refer_to
from wstrust_sts.cli.trace import Trace
from wstrust_sts.errors import StsError
from wstrust_sts.model import TrustVersion
from wstrust_sts.wire.seal import Unsealed
from wstrust_sts.wire.times import read_time

SoapVersion = Literal["1.1", "1.2"]

_ENVELOPES = {"1.1": ns.SOAP11, "1.2": ns.SOAP12}
_STATUS_TYPES = {version: f"{version.namespace}/RSTR/Status" for version in TrustVersion}


class SoapFault(Refusal):
    """The STS refused. `code` is the innermost one, without its prefix.

    `proven`: the fault is protected as the binding demands, so that the STS and nobody else wrote it.
    """

    def __init__(self, fault: Fault, *, proven: bool) -> None:
        reference = f" (correlation id {in_one_line(fault.correlation_id)})" if fault.correlation_id else ""
        look = f"\nIts operator sees why: wstrust-sts explain {in_one_line(fault.correlation_id)}" if reference else ""
        doubt = (
            ""
            if proven
            else "\nThe fault is not protected, as when the STS cannot open or trust the request: check "
            "--sts-certificate, --certificate, the security context and the algorithms. Anybody on the way may have "
            "written it."
        )
        super().__init__(
            f"The STS refused: {in_one_line(fault.code)}: {in_one_line(fault.reason)}{reference}{look}{doubt}"
        )
        self.code = fault.code.rpartition(":")[2]
        self.reason = fault.reason
        self.correlation_id = fault.correlation_id
        self.proven = proven


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenWish:
    """What to ask for. `token_type` and `encryption_algorithm` are URIs; `claims` are types with whether they are
    optional; `act_as` and `on_behalf_of` are tokens of whom the new one is to be about.
    """

    applies_to: str | None = None
    token_type: str | None = None
    claims: tuple[tuple[str, bool], ...] = ()
    lifetime: timedelta | None = None
    key: KeyWish = NO_KEY
    encryption_algorithm: str | None = None
    act_as: bytes | None = field(default=None, repr=False)
    on_behalf_of: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Issued:
    """A token as it came. `key` is the one that it is bound to; of a renewed token, only if it got another one.

    `expires` is when, as the STS says, if it does: a security context does not say it itself.
    """

    token: bytes = field(repr=False)
    key: HeldKey | None
    expires: datetime | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer to Validate. `token` is the one that was made from a valid one, where that was asked for."""

    valid: bool
    reason: str
    token: bytes | None = None


class Connection(Protocol):
    """Brings a message to the STS (cli/sts_connection.py)."""

    @property
    def url(self) -> str: ...

    def post(self, message: bytes, headers: dict[str, str], *, hidden: bool) -> tuple[int, bytes]:
        """HTTP status and octets of the answer. Raises Refusal."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class StsClient:
    """One STS endpoint as one requestor. Every operation raises SoapFault, NoAnswer, UnprotectedAnswer, Refusal.

    `shown` is the token that every message brings as the proof of who asks, if one does: it stands in a message once,
    and what is asked about it refers to it.
    """

    connection: Connection
    binding: Binding
    trust: TrustVersion = TrustVersion.V13
    soap: SoapVersion = "1.2"
    trace: Trace | None = None
    shown: bytes | None = field(default=None, repr=False)

    def issue(self, wish: TokenWish, *, now: datetime) -> Issued:
        """The issued token and its key, if it has one. Raises InconsistentAnswer, too."""
        wst = self.trust.namespace
        parts = [f"<t:RequestType>{wst}/Issue</t:RequestType>", write_key_wish(wish.key, self.trust)]
        if wish.token_type is not None:
            parts.append(f"<t:TokenType>{escape(wish.token_type)}</t:TokenType>")
        if wish.applies_to is not None:
            parts.append(
                f'<p:AppliesTo xmlns:p="{ns.WSP04}"><a:EndpointReference xmlns:a="{ns.WSA}"><a:Address>'
                f"{escape(wish.applies_to)}</a:Address></a:EndpointReference></p:AppliesTo>"
            )
        if wish.claims:
            parts.append(_write_claims(wish.claims))
        if wish.lifetime is not None:
            parts.append(f"<t:Lifetime>{_times(now, now + wish.lifetime)}</t:Lifetime>")
        if wish.encryption_algorithm is not None:
            parts.append(f"<t:EncryptionAlgorithm>{escape(wish.encryption_algorithm)}</t:EncryptionAlgorithm>")
        if wish.act_as is not None:
            parts.append(f'<w:ActAs xmlns:w="{ns.WST14}">{as_text(wish.act_as)}</w:ActAs>')
        if wish.on_behalf_of is not None:
            parts.append(f"<t:OnBehalfOf>{as_text(wish.on_behalf_of)}</t:OnBehalfOf>")
        of_context = wish.token_type in ns.SCT_TOKEN_TYPES
        response = self._response(self._call("SCT" if of_context else "Issue", "".join(parts), now=now))
        key = read_key(response, wish.key, trust=self.trust, decrypter=self.binding.decrypter)
        issued = Issued(self._token(response), key, self._expiry(response))
        if of_context and wish.token_type is not None:
            demand_context(issued.token, wish.key, token_type=wish.token_type)
        return issued

    def renew(self, token: bytes, *, now: datetime) -> Issued:
        """The token that takes the place of `token`, and its key if it got another one. Raises InconsistentAnswer."""
        request_type = f"<t:RequestType>{self.trust.namespace}/Renew</t:RequestType>"
        target = f"<t:RenewTarget>{self._target(token)}</t:RenewTarget>"
        response = self._response(self._call(_operation("Renew", token), request_type + target, now=now))
        key = read_renewed_key(response, trust=self.trust, decrypter=self.binding.decrypter)
        renewed = Issued(self._token(response), key, self._expiry(response))
        if is_context(token):
            demand_renewed(renewed.token, key, of=token)
        return renewed

    def validate(self, token: bytes, *, token_type: str | None = None, now: datetime) -> Verdict:
        """What the STS says of the token now; with `token_type`, a URI, also the token of that type made of it."""
        wst = self.trust.namespace
        answer = self._call(
            "Validate",
            f"<t:RequestType>{wst}/Validate</t:RequestType>"
            f"<t:TokenType>{escape(token_type or _STATUS_TYPES[self.trust])}</t:TokenType>"
            f"<t:ValidateTarget>{self._target(token)}</t:ValidateTarget>",
            now=now,
        )
        code = (answer.findtext(f".//{{{wst}}}Status/{{{wst}}}Code") or "").strip()
        if code not in (f"{wst}/status/valid", f"{wst}/status/invalid"):
            raise NoAnswer(f"The answer has no status in it that WS-Trust knows: {in_one_line(code)}")
        valid = code.endswith("/valid")
        return Verdict(
            valid,
            answer.findtext(f".//{{{wst}}}Status/{{{wst}}}Reason") or "",
            self._token(self._response(answer)) if valid and token_type is not None else None,
        )

    def cancel(self, token: bytes, *, now: datetime) -> None:
        """Returns when the token is cancelled."""
        wst = self.trust.namespace
        answer = self._call(
            _operation("Cancel", token),
            f"<t:RequestType>{wst}/Cancel</t:RequestType><t:CancelTarget>{self._target(token)}</t:CancelTarget>",
            now=now,
        )
        if answer.find(f".//{{{wst}}}RequestedTokenCancelled") is None:
            raise NoAnswer("The answer does not say that the token is cancelled.")

    def _target(self, token: bytes) -> str:
        return refer_to(token) if token == self.shown else as_text(token)

    def _response(self, body: etree._Element) -> etree._Element:
        """The one RequestSecurityTokenResponse that has a token in it, in a collection or not."""
        wst = self.trust.namespace
        found = body.findall(f".//{{{wst}}}RequestSecurityTokenResponse/{{{wst}}}RequestedSecurityToken/*")
        if len(found) != 1:
            raise NoAnswer(f"The answer has {'no token' if not found else 'more than one token'} in it.")
        (response,) = found[0].iterancestors(f"{{{wst}}}RequestSecurityTokenResponse")
        return response

    def _token(self, response: etree._Element) -> bytes:
        token = response.find(f"{{{self.trust.namespace}}}RequestedSecurityToken/*")
        markup: bytes = etree.tostring(token, with_tail=False)
        return markup

    def _expiry(self, response: etree._Element) -> datetime | None:
        said = response.findtext(f"{{{self.trust.namespace}}}Lifetime/{{{ns.WSU}}}Expires")
        try:
            return None if said is None else read_time(said.strip())
        except ValueError:
            return None

    def _call(self, operation: str, request: str, *, now: datetime) -> etree._Element:
        """The Body of the answer."""
        action = f"{self.trust.namespace}/RST/{operation}"
        try:
            sent = self.binding.protect(self._message(action, request, now=now))
        except StsError as error:
            raise Refusal(f"The request cannot be written: {in_one_line(error.detail)}") from None
        if self.trace is not None:
            self.trace.sent(sent.octets, sent.readable)
        status, octets = self.connection.post(sent.octets, self._http_headers(action), hidden=self.binding.hides)
        envelope = self._open(sent, status, octets, now=now)
        fault = find_fault(envelope)
        if fault is not None:
            raise SoapFault(fault, proven=True)
        body = body_of(envelope)
        assert body is not None
        return body

    def _http_headers(self, action: str) -> dict[str, str]:
        if self.soap == "1.1":
            return {"Content-Type": "text/xml; charset=utf-8", "SOAPAction": f'"{action}"'}
        return {"Content-Type": f'application/soap+xml; charset=utf-8; action="{action}"'}

    def _message(self, action: str, request: str, *, now: datetime) -> Unsealed:
        """Every header block has an id, so that a signature can cover it."""
        blocks = (
            ("Action", action, ' s:mustUnderstand="1"'),
            ("MessageID", f"urn:uuid:{uuid.uuid4()}", ""),
            ("To", self.connection.url, ' s:mustUnderstand="1"'),
        )
        return Unsealed(
            namespace=_ENVELOPES[self.soap],
            blocks="".join(
                f'<a:{name} xmlns:a="{ns.WSA}" xmlns:u="{ns.WSU}" u:Id="_{name}"{mandatory}>{escape(value)}</a:{name}>'
                for name, value, mandatory in blocks
            ),
            body=(
                f'<t:RequestSecurityToken xmlns:t="{self.trust.namespace}">{request}</t:RequestSecurityToken>'
            ).encode(),
            now=now,
        )

    def _open(self, sent: Sent, status: int, octets: bytes, *, now: datetime) -> etree._Element:
        """The answer's envelope, proven as far as the binding proves it."""
        try:
            unverified = read_soap(octets)
        except StsError:
            self._keep(octets, None)
            said = in_one_line(octets[:200].decode("utf-8", "replace").strip())
            fix = " Correct --url; wstrust-sts check lists the endpoints." if status == http.client.NOT_FOUND else ""
            raise NoAnswer(f"The answer is not SOAP: HTTP status {status}: {said}{fix}") from None
        try:
            envelope = sent.open_answer(octets, now)
        except StsError as error:
            self._keep(octets, unverified)
            fault = find_fault(unverified)
            if fault is not None and self.binding.protects:
                raise SoapFault(fault, proven=False) from None
            raise explain_refused_answer(error) from None
        self._keep(octets, envelope)
        return envelope

    def _keep(self, octets: bytes, readable: etree._Element | None) -> None:
        if self.trace is not None:
            self.trace.received(octets, readable)


def _operation(name: str, token: bytes) -> str:
    """What it is called in the action: for contexts by WS-SecureConversation 1.3 sections 5 and 6."""
    return f"SCT/{name}" if is_context(token) else name


def _times(created: datetime, expires: datetime) -> str:
    written = (
        moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z" for moment in (created, expires)
    )
    return '<u:Created xmlns:u="{2}">{0}</u:Created><u:Expires xmlns:u="{2}">{1}</u:Expires>'.format(*written, ns.WSU)


def _write_claims(claims: tuple[tuple[str, bool], ...]) -> str:
    items = "".join(
        f"<i:ClaimType Uri={quoteattr(type_)} Optional={quoteattr(str(optional).lower())}/>"
        for type_, optional in claims
    )
    return f'<t:Claims Dialect="{ns.IDENTITY}" xmlns:i="{ns.IDENTITY}">{items}</t:Claims>'
