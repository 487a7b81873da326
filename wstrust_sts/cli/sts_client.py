"""A small WS-Trust client: UsernameToken over TLS, against any STS. It sends text, so that tokens stay as signed.

Nothing that comes back is trusted: a token is shown, kept and presented again as it is.
"""

import http.client
import ipaddress
import ssl
import uuid
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit
from xml.sax.saxutils import escape, quoteattr

from lxml import etree

from wstrust_sts import __version__, ns
from wstrust_sts.cli.output import Refusal, in_one_line
from wstrust_sts.model import TrustVersion

SoapVersion = Literal["1.1", "1.2"]

_ENVELOPES = {"1.1": ns.SOAP11, "1.2": ns.SOAP12}
_MAXIMUM_ANSWER = 4 * 2**20  # octets
_MESSAGE_LIFETIME = timedelta(minutes=5)
_STATUS_TYPES = {version: f"{version.namespace}/RSTR/Status" for version in TrustVersion}


class SoapFault(Refusal):
    """The STS refused. `code` is the innermost one, without its prefix."""

    def __init__(self, code: str, reason: str, correlation_id: str) -> None:
        reference = f" (correlation id {correlation_id})" if correlation_id else ""
        super().__init__(f"The STS refused: {in_one_line(code)}: {in_one_line(reason)}{reference}")
        self.code = code.rpartition(":")[2]
        self.reason = reason
        self.correlation_id = correlation_id


class NoAnswer(Refusal):
    """There was no SOAP answer: no connection, no trust in the certificate, or another kind of answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenWish:
    """What to ask for. `token_type` is a URI; `claims` are types with whether they are optional."""

    applies_to: str | None = None
    token_type: str | None = None
    claims: tuple[tuple[str, bool], ...] = ()
    lifetime: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer to Validate. `token` is the one that was made from a valid one, where that was asked for."""

    valid: bool
    reason: str
    token: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StsClient:
    """One STS endpoint as one user. `ca` is a PEM file of what to trust; without it, what the system trusts."""

    url: str
    user: str
    password: str = field(repr=False)
    trust: TrustVersion = TrustVersion.V13
    soap: SoapVersion = "1.2"
    ca: Path | None = None
    timeout: float = 30.0

    def issue(self, wish: TokenWish, *, now: datetime) -> bytes:
        """The issued token, as it came. Raises SoapFault, NoAnswer."""
        wst = self.trust.namespace
        bearer = f"{ns.WST13}/Bearer" if self.trust is TrustVersion.V13 else ns.NO_PROOF_KEY
        parts = [f"<t:RequestType>{wst}/Issue</t:RequestType>", f"<t:KeyType>{bearer}</t:KeyType>"]
        if wish.token_type is not None:
            parts.append(f"<t:TokenType>{escape(wish.token_type)}</t:TokenType>")
        if wish.applies_to is not None:
            parts.append(
                f'<p:AppliesTo xmlns:p="{ns.WSP04}"><a:EndpointReference><a:Address>{escape(wish.applies_to)}'
                "</a:Address></a:EndpointReference></p:AppliesTo>"
            )
        if wish.claims:
            parts.append(_write_claims(wish.claims))
        if wish.lifetime is not None:
            parts.append(f"<t:Lifetime>{_times(now, now + wish.lifetime)}</t:Lifetime>")
        return self._issued(self._call("Issue", "".join(parts), now=now))

    def validate(self, token: bytes, *, token_type: str | None = None, now: datetime) -> Verdict:
        """What the STS says of the token now; with `token_type`, a URI, and the token of that type that it made of it.

        Raises SoapFault, NoAnswer.
        """
        wst = self.trust.namespace
        answer = self._call(
            "Validate",
            f"<t:RequestType>{wst}/Validate</t:RequestType>"
            f"<t:TokenType>{escape(token_type or _STATUS_TYPES[self.trust])}</t:TokenType>"
            f"<t:ValidateTarget>{_as_text(token)}</t:ValidateTarget>",
            now=now,
        )
        code = (answer.findtext(f".//{{{wst}}}Status/{{{wst}}}Code") or "").strip()
        if code not in (f"{wst}/status/valid", f"{wst}/status/invalid"):
            raise NoAnswer(f"The answer has no status in it that WS-Trust knows: {in_one_line(code)}")
        valid = code.endswith("/valid")
        return Verdict(
            valid,
            answer.findtext(f".//{{{wst}}}Status/{{{wst}}}Reason") or "",
            self._issued(answer) if valid and token_type is not None else None,
        )

    def cancel(self, token: bytes, *, now: datetime) -> None:
        """Returns when the token is cancelled. Raises SoapFault, NoAnswer."""
        wst = self.trust.namespace
        answer = self._call(
            "Cancel",
            f"<t:RequestType>{wst}/Cancel</t:RequestType><t:CancelTarget>{_as_text(token)}</t:CancelTarget>",
            now=now,
        )
        if answer.find(f".//{{{wst}}}RequestedTokenCancelled") is None:
            raise NoAnswer("The answer does not say that the token is cancelled.")

    def _issued(self, answer: etree._Element) -> bytes:
        token = answer.find(f".//{{{self.trust.namespace}}}RequestedSecurityToken/*")
        if token is None:
            raise NoAnswer("The answer has no token in it.")
        markup: bytes = etree.tostring(token, with_tail=False)
        return markup

    def _call(self, operation: str, request: str, *, now: datetime) -> etree._Element:
        """The Body's content of the answer."""
        action = f"{self.trust.namespace}/RST/{operation}"
        message = self._envelope(action, request, now=now)
        if self.soap == "1.1":
            headers = {"Content-Type": "text/xml; charset=utf-8", "SOAPAction": f'"{action}"'}
        else:
            headers = {"Content-Type": f'application/soap+xml; charset=utf-8; action="{action}"'}
        status, octets = self._post(message, headers)
        return _read_answer(status, octets)

    def _envelope(self, action: str, request: str, *, now: datetime) -> bytes:
        return (
            f'<s:Envelope xmlns:s="{_ENVELOPES[self.soap]}" xmlns:a="{ns.WSA}" xmlns:u="{ns.WSU}"><s:Header>'
            f'<a:Action s:mustUnderstand="1">{action}</a:Action><a:MessageID>urn:uuid:{uuid.uuid4()}</a:MessageID>'
            f'<a:To s:mustUnderstand="1">{escape(self.url)}</a:To>'
            f'<o:Security xmlns:o="{ns.WSSE}" s:mustUnderstand="1">'
            f'<u:Timestamp u:Id="time">{_times(now, now + _MESSAGE_LIFETIME)}</u:Timestamp>'
            f'<o:UsernameToken u:Id="user"><o:Username>{escape(self.user)}</o:Username>'
            f'<o:Password Type="{ns.PASSWORD_TEXT}">{escape(self.password)}</o:Password></o:UsernameToken>'
            f'</o:Security></s:Header><s:Body><t:RequestSecurityToken xmlns:t="{self.trust.namespace}">{request}'
            "</t:RequestSecurityToken></s:Body></s:Envelope>"
        ).encode()

    def _post(self, message: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
        connection, path = self._connect()
        try:
            connection.request(
                "POST", path, body=message, headers=headers | {"User-Agent": f"wstrust-sts/{__version__}"}
            )
            response = connection.getresponse()
            return response.status, response.read(_MAXIMUM_ANSWER)
        except ssl.SSLCertVerificationError as error:
            raise NoAnswer(
                f"The certificate of {self.url} is not trusted: {error.verify_message}. --ca names what to trust."
            ) from None
        except (OSError, http.client.HTTPException) as error:
            raise NoAnswer(f"No answer from {self.url}: {error or type(error).__name__}") from None
        finally:
            connection.close()

    def _connect(self) -> tuple[http.client.HTTPConnection, str]:
        parts = urlsplit(self.url)
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        if not parts.hostname or parts.scheme not in ("http", "https"):
            raise Refusal(f"{self.url} is not an address: write https://host:port/path")
        if parts.scheme == "http":
            if not _is_loopback(parts.hostname):
                raise Refusal(f"{self.url} would show the password to the network: use https")
            return http.client.HTTPConnection(parts.hostname, parts.port, timeout=self.timeout), path
        try:
            tls = ssl.create_default_context(cafile=self.ca)
        except (OSError, ssl.SSLError) as error:
            raise Refusal(f"{self.ca} cannot be read as PEM certificates: {error}") from None
        return http.client.HTTPSConnection(parts.hostname, parts.port, timeout=self.timeout, context=tls), path


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


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


def parse_token(octets: bytes) -> etree._Element:
    """A token's element. Raises Refusal for what is not XML, or not plain enough."""
    root = _parse(octets)
    if root is None:
        raise Refusal("This is not a token in XML.")
    return root


def _as_text(token: bytes) -> str:
    """A token's markup without what may stand only at the head of a document."""
    markup: str = etree.tostring(parse_token(token), encoding="unicode", with_tail=False)
    return markup


def _parse(octets: bytes) -> etree._Element | None:
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        root = etree.fromstring(octets.strip(), parser)
    except (etree.XMLSyntaxError, ValueError):
        return None
    return root if root.getroottree().docinfo.doctype == "" else None


def _read_answer(status: int, octets: bytes) -> etree._Element:
    root = _parse(octets)
    body = next((child for child in root if etree.QName(child).localname == "Body"), None) if root is not None else None
    if body is None or root is None or etree.QName(root).namespace not in _ENVELOPES.values():
        said = octets[:200].decode("utf-8", "replace")
        raise NoAnswer(f"The answer is not SOAP: HTTP status {status}: {in_one_line(said)}")
    fault = body.find("{*}Fault")
    if fault is not None:
        raise _fault(fault)
    return body


def _fault(fault: etree._Element) -> SoapFault:
    """The innermost code: SOAP 1.1 has one, SOAP 1.2 may have subcodes."""
    codes = [value.text or "" for value in fault.iter("{*}Value", "faultcode")]
    reason = fault.findtext("faultstring") or fault.findtext(f"{{{ns.SOAP12}}}Reason/{{{ns.SOAP12}}}Text") or ""
    correlation_id = next((element.text or "" for element in fault.iter(f"{{{ns.STS}}}*")), "")
    return SoapFault(codes[-1].strip() if codes else "", reason.strip(), correlation_id.strip())
