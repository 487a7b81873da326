"""Requests as clients write them, and answers as clients read them. Strings on purpose: a test can break them."""

import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from lxml import etree

from wstrust_sts import ns
from wstrust_sts.bindings.http import Response
from wstrust_sts.model import TrustVersion

SOAP = {"1.1": ns.SOAP11, "1.2": ns.SOAP12}
MEDIA_TYPE = {"1.1": "text/xml", "1.2": "application/soap+xml"}
RP = "https://rp.example.test/svc"


def instant(moment: datetime, offset: timedelta = timedelta(0)) -> str:
    return (moment + offset).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def timestamp(now: datetime, *, age=timedelta(0), life=timedelta(minutes=5)) -> str:
    return (
        f'<u:Timestamp xmlns:u="{ns.WSU}" u:Id="_0"><u:Created>{instant(now, -age)}</u:Created>'
        f"<u:Expires>{instant(now, life - age)}</u:Expires></u:Timestamp>"
    )


def username_token(user: str = "alice", password: str = "clarinet", *, more: str = "") -> str:
    return (
        f'<o:UsernameToken xmlns:o="{ns.WSSE}" xmlns:u="{ns.WSU}" u:Id="user"><o:Username>{user}</o:Username>'
        f'<o:Password Type="{ns.PASSWORD_TEXT}">{password}</o:Password>{more}</o:UsernameToken>'
    )


def security(*parts: str) -> str:
    return f'<o:Security xmlns:o="{ns.WSSE}" s:mustUnderstand="1">{"".join(parts)}</o:Security>'


def addressing(action: str, *, message_id: str | None = None, more: str = "") -> str:
    identifier = message_id or f"urn:uuid:{secrets.token_hex(8)}"
    return (
        f'<a:Action xmlns:a="{ns.WSA}" s:mustUnderstand="1">{action}</a:Action>'
        f'<a:MessageID xmlns:a="{ns.WSA}">{identifier}</a:MessageID>{more}'
    )


def applies_to(address: str = RP, *, wsp: str = ns.WSP04, wsa: str = ns.WSA) -> str:
    return (
        f'<p:AppliesTo xmlns:p="{wsp}"><a:EndpointReference xmlns:a="{wsa}"><a:Address>{address}</a:Address>'
        "</a:EndpointReference></p:AppliesTo>"
    )


def rst(operation: str = "Issue", *parts: str, trust: str = ns.WST13, attributes: str = "") -> str:
    return (
        f'<t:RequestSecurityToken xmlns:t="{trust}"{attributes}><t:RequestType>{trust}/{operation}</t:RequestType>'
        f"{''.join(parts)}</t:RequestSecurityToken>"
    )


def issue(
    *more: str, trust: str = ns.WST13, address: str = RP, token_type: str | None = ns.TP11_SAML20, attributes: str = ""
) -> str:
    asked = "" if token_type is None else f"<t:TokenType>{token_type}</t:TokenType>"
    return rst("Issue", asked, applies_to(address), *more, trust=trust, attributes=attributes)


def validate(target: str, *, trust: str = ns.WST13) -> str:
    return rst(
        "Validate",
        f"<t:TokenType>{trust}/RSTR/Status</t:TokenType><t:ValidateTarget>{target}</t:ValidateTarget>",
        trust=trust,
    )


def transform(target: str, *more: str, token_type: str, trust: str = ns.WST13) -> str:
    """A Validate that asks for a token made from its target."""
    asked = f"<t:TokenType>{token_type}</t:TokenType>"
    return rst("Validate", asked, *more, f"<t:ValidateTarget>{target}</t:ValidateTarget>", trust=trust)


def renew(target: str, *more: str, trust: str = ns.WST13) -> str:
    return rst("Renew", f"<t:RenewTarget>{target}</t:RenewTarget>", *more, trust=trust)


def named(user: str) -> str:
    """A UsernameToken that proves nothing."""
    return f'<o:UsernameToken xmlns:o="{ns.WSSE}"><o:Username>{user}</o:Username></o:UsernameToken>'


def act_as(inside: str) -> str:
    return f'<w:ActAs xmlns:w="{ns.WST14}">{inside}</w:ActAs>'


def on_behalf_of(inside: str) -> str:
    return f"<t:OnBehalfOf>{inside}</t:OnBehalfOf>"


def cancel(target: str, *, trust: str = ns.WST13) -> str:
    return rst("Cancel", f"<t:CancelTarget>{target}</t:CancelTarget>", trust=trust)


def envelope(body: str, *headers: str, soap: str = "1.2") -> str:
    header = f"<s:Header>{''.join(headers)}</s:Header>"
    return f'<s:Envelope xmlns:s="{SOAP[soap]}">{header}<s:Body>{body}</s:Body></s:Envelope>'


def content_type(soap: str = "1.2", *, action: str | None = None) -> str:
    written = f"{MEDIA_TYPE[soap]}; charset=utf-8"
    return written if action is None else f'{written}; action="{action}"'


NAMES = {
    "s11": ns.SOAP11,
    "s12": ns.SOAP12,
    "a": ns.WSA,
    "o": ns.WSSE,
    "u": ns.WSU,
    "t": ns.WST13,
    "t05": ns.WST05,
    "saml2": ns.SAML20,
    "saml1": ns.SAML11,
    "ds": ns.DS,
    "e": ns.XENC,
    "p": ns.WSP04,
    "k": ns.WSSE11,
    "sts": ns.STS,
}


@dataclass
class Answer:
    """An answer as a client sees it: status, header fields, and the parsed document."""

    status: int
    body: bytes
    content_type: str
    headers: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, response: Response) -> "Answer":
        fields = {name.lower(): value for name, value in response.headers}
        return cls(response.status, response.body, response.content_type, fields)

    @property
    def root(self):
        return etree.fromstring(self.body)

    def find(self, path: str):
        return self.root.find(path, NAMES)

    def text(self, path: str) -> str | None:
        return self.root.findtext(path, None, NAMES)

    @property
    def fault(self) -> tuple[str, str] | None:
        """(namespace, code) of the fault, whatever the SOAP version; None where the answer is no fault."""
        code = self.find(".//s11:Fault/faultcode")
        if code is None:
            code = self.find(".//s12:Fault/s12:Code/s12:Subcode/s12:Value")
        if code is None:
            code = self.find(".//s12:Fault/s12:Code/s12:Value")
        if code is None:
            return None
        prefix, _, name = code.text.strip().partition(":")
        return code.nsmap[prefix], name

    @property
    def code(self) -> str | None:
        return self.fault[1] if self.fault else None

    @property
    def sentence(self) -> str | None:
        return self.text(".//s11:Fault/faultstring") or self.text(".//s12:Fault/s12:Reason/s12:Text")

    @property
    def correlation_id(self) -> str | None:
        return self.text(".//sts:CorrelationId")

    @property
    def assertion(self) -> bytes:
        """The issued assertion's own octets, cut out as they stand."""
        for opening, closing in (
            (b"<saml2:Assertion", b"</saml2:Assertion>"),
            (b"<saml:Assertion", b"</saml:Assertion>"),
            (b"<Assertion", b"</Assertion>"),
        ):
            if opening in self.body:
                return self.body[self.body.index(opening) : self.body.index(closing) + len(closing)]
        raise AssertionError(f"no assertion in {self.body[:400]!r}")

    @property
    def status_code(self) -> str | None:
        for prefix in ("t", "t05"):
            found = self.text(f".//{prefix}:Status/{prefix}:Code")
            if found is not None:
                return found.rsplit("/", 1)[1]
        return None


def trust_of(version: TrustVersion) -> str:
    return version.namespace
