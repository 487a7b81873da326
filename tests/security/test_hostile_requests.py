"""Hostile requests in good envelopes: what the RST asks for, and for whom."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from lxml import etree

from tests import messages
from tests.attack import CANARY, Attack
from tests.cases import each, each_refused
from tests.messages import RP
from wstrust_sts import ns
from wstrust_sts.errors import (
    BadRequest,
    InvalidRequest,
    InvalidScope,
    InvalidSecurity,
    InvalidSecurityToken,
    InvalidTimeRange,
    NotAuthorized,
    StsError,
    UnsupportedSecurityToken,
)

Build = Callable[[Attack], str]
Case = tuple[type[StsError], Build]
HOUR = timedelta(hours=1)
STRICT = "https://strict.example.test/svc"
SHA1 = "http://www.w3.org/2000/09/xmldsig#rsa-sha1"
INCLUSIVE = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"


def with_child(markup: str) -> Build:
    """A good Issue with this in it; {trust} is the WS-Trust namespace."""
    return lambda attack: attack.message(attack.rst(markup.replace("{trust}", attack.trust)))


def rst(inner: str, *, operation: str | None = "Issue") -> Build:
    """A request of this content."""
    type_ = "" if operation is None else f"<t:RequestType>{{trust}}/{operation}</t:RequestType>"

    def build(attack: Attack) -> str:
        content = (type_ + inner).replace("{trust}", attack.trust)
        return attack.message(
            f'<t:RequestSecurityToken xmlns:t="{attack.trust}" xmlns:p="{ns.WSP04}" xmlns:a="{ns.WSA}" '
            f'xmlns:o="{ns.WSSE}" xmlns:u="{ns.WSU}">{content}</t:RequestSecurityToken>'
        )

    return build


# -- what is asked for -------------------------------------------------------------------------------------------

FOR_RP = messages.applies_to()
EPR = f"<a:EndpointReference><a:Address>{RP}</a:Address></a:EndpointReference>"
ASSERTION = f'<x:Assertion xmlns:x="{ns.SAML20}" ID="_x" Version="2.0"/>'

REQUESTS: dict[str, Case] = {
    "of another version of WS-Trust": (
        InvalidRequest, lambda attack: attack.message(messages.issue(trust=attack.other_trust)),
    ),
    "of WS-Trust 1.4's namespace": (InvalidRequest, lambda attack: attack.message(messages.issue(trust=ns.WST14))),
    "of an unknown namespace": (
        InvalidRequest, lambda attack: attack.message(messages.issue(trust=f"urn:{CANARY}")),
    ),
    "of no namespace": (InvalidRequest, lambda attack: attack.message("<RequestSecurityToken/>")),
    "of two versions": (
        InvalidRequest,
        lambda attack: attack.message(
            attack.rst(f'<v:KeyType xmlns:v="{attack.other_trust}">{attack.other_trust}/Bearer</v:KeyType>')
        ),
    ),
    "a collection": (
        BadRequest,
        lambda attack: attack.message(
            f'<t:RequestSecurityTokenCollection xmlns:t="{attack.trust}">{attack.rst()}'
            "</t:RequestSecurityTokenCollection>"
        ),
    ),
    "an empty collection": (
        BadRequest, lambda attack: attack.message(f'<t:RequestSecurityTokenCollection xmlns:t="{attack.trust}"/>'),
    ),
    "an RST in an RST": (InvalidRequest, lambda attack: attack.message(attack.rst(attack.rst()))),
    "nothing": (InvalidRequest, rst("", operation=None)),
    "no RequestType and no action": (InvalidRequest, rst(FOR_RP, operation=None)),
    "an empty RequestType": (BadRequest, rst("<t:RequestType/>" + FOR_RP, operation=None)),
    "an unknown RequestType": (BadRequest, rst(f"<t:RequestType>urn:{CANARY}</t:RequestType>", operation=None)),
    "a RequestType in another case": (BadRequest, rst(FOR_RP, operation="issue")),
    "a RequestType with more behind it": (BadRequest, rst(FOR_RP, operation="Issue/../Cancel")),
    "a RequestType of the other version": (
        BadRequest,
        lambda attack: rst(f"<t:RequestType>{attack.other_trust}/Issue</t:RequestType>", operation=None)(attack),
    ),
    "a batch": (BadRequest, rst(FOR_RP, operation="BatchIssue")),
    "a renewal of what is no token of ours": (
        InvalidSecurityToken,
        rst(f"<t:RenewTarget>{ASSERTION}</t:RenewTarget>", operation="Renew"),
    ),
    "a key exchange": (BadRequest, rst("", operation="KET")),
    # twice
    "two RequestTypes": (InvalidRequest, with_child("<t:RequestType>{trust}/Issue</t:RequestType>")),
    "two RequestTypes that differ": (InvalidRequest, with_child("<t:RequestType>{trust}/Cancel</t:RequestType>")),
    "two TokenTypes": (InvalidRequest, with_child(f"<t:TokenType>{ns.SAML11}</t:TokenType>")),
    "two KeyTypes": (InvalidRequest, with_child("<t:KeyType>{trust}/Bearer</t:KeyType>" * 2)),
    "two AppliesTo": (InvalidRequest, with_child(messages.applies_to())),
    "two AppliesTo of two versions": (InvalidRequest, with_child(messages.applies_to(wsp=ns.WSP15))),
    "two AppliesTo, the other registered, too": (InvalidRequest, with_child(messages.applies_to(STRICT))),
    "two Lifetimes": (InvalidRequest, with_child("<t:Lifetime/><t:Lifetime/>")),
    "two Claims": (InvalidRequest, with_child("<t:Claims/><t:Claims/>")),
    "two SecondaryParameters": (InvalidRequest, with_child("<t:SecondaryParameters/>" * 2)),
    "SecondaryParameters in themselves": (
        InvalidRequest,
        with_child("<t:SecondaryParameters><t:SecondaryParameters/></t:SecondaryParameters>"),
    ),
    "twice in SecondaryParameters": (
        InvalidRequest,
        with_child("<t:SecondaryParameters><t:KeyType>x</t:KeyType><t:KeyType>y</t:KeyType></t:SecondaryParameters>"),
    ),
    # not offered
    "an unknown TokenType": (BadRequest, rst(f"<t:TokenType>urn:{CANARY}</t:TokenType>" + FOR_RP)),
    "a JWT": (BadRequest, rst(f"<t:TokenType>{ns.JWT_TOKEN_TYPE}</t:TokenType>" + FOR_RP)),
    "a status for an Issue": (BadRequest, rst("<t:TokenType>{trust}/RSTR/Status</t:TokenType>" + FOR_RP)),
    "a symmetric key": (BadRequest, with_child("<t:KeyType>{trust}/SymmetricKey</t:KeyType>")),
    "a public key": (BadRequest, with_child("<t:KeyType>{trust}/PublicKey</t:KeyType>")),
    "an unknown key": (BadRequest, with_child(f"<t:KeyType>urn:{CANARY}</t:KeyType>")),
    "a key of the other version": (
        BadRequest,
        lambda attack: with_child(f"<t:KeyType>{attack.other_trust}/Bearer</t:KeyType>")(attack),
    ),
    "a symmetric key in SecondaryParameters": (
        BadRequest,
        with_child("<t:SecondaryParameters><t:KeyType>{trust}/SymmetricKey</t:KeyType></t:SecondaryParameters>"),
    ),
    "UseKey": (BadRequest, with_child('<t:UseKey Sig="#x"/>')),
    "UseKey in SecondaryParameters": (
        InvalidRequest, with_child("<t:SecondaryParameters><t:UseKey/></t:SecondaryParameters>"),
    ),
    "OnBehalfOf": (NotAuthorized, with_child(messages.on_behalf_of(messages.named("admin")))),
    "ActAs": (NotAuthorized, with_child(messages.act_as(messages.named("admin")))),
    "ActAs in the older namespace": (NotAuthorized, with_child(f"<t:ActAs>{messages.named('admin')}</t:ActAs>")),
    "ActAs in no namespace": (NotAuthorized, with_child(f"<ActAs>{messages.named('admin')}</ActAs>")),
    "ActAs with a password": (InvalidRequest, with_child(messages.act_as(messages.username_token("admin")))),
    "OnBehalfOf and ActAs": (InvalidRequest, with_child(f'<t:OnBehalfOf/><w:ActAs xmlns:w="{ns.WST14}"/>')),
    "DelegateTo": (BadRequest, with_child("<t:DelegateTo/>")),
    "Forwardable": (BadRequest, with_child("<t:Forwardable>1</t:Forwardable>")),
    "perhaps Delegatable": (InvalidRequest, with_child("<t:Delegatable>maybe</t:Delegatable>")),
    "Encryption": (BadRequest, with_child("<t:Encryption/>")),
    "ProofEncryption": (BadRequest, with_child("<t:ProofEncryption/>")),
    "BinaryExchange": (BadRequest, with_child("<t:BinaryExchange>AAAA</t:BinaryExchange>")),
    "a policy": (BadRequest, with_child(f'<p:Policy xmlns:p="{ns.WSP04}"/>')),
    "a policy elsewhere": (
        BadRequest, with_child(f'<p:PolicyReference xmlns:p="{ns.WSP04}" URI="file:///etc/passwd"/>'),
    ),
    "an unknown element of WS-Trust": (InvalidRequest, with_child("<t:Unheard/>")),
    "an unknown element of WS-Trust 1.4": (InvalidRequest, with_child(f'<w:Unheard xmlns:w="{ns.WST14}"/>')),
    "SHA-1": (BadRequest, with_child(f"<t:SignatureAlgorithm>{SHA1}</t:SignatureAlgorithm>")),
    "no signature": (BadRequest, with_child("<t:SignatureAlgorithm>none</t:SignatureAlgorithm>")),
    "HMAC": (BadRequest, with_child(f"<t:SignatureAlgorithm>{ns.DS}hmac-sha1</t:SignatureAlgorithm>")),
    "inclusive canonicalization": (
        BadRequest, with_child(f"<t:CanonicalizationAlgorithm>{INCLUSIVE}</t:CanonicalizationAlgorithm>"),
    ),
    "an unknown encryption": (BadRequest, with_child("<t:EncryptionAlgorithm>urn:rot13</t:EncryptionAlgorithm>")),
    "another issuer": (
        BadRequest,
        with_child(f'<t:Issuer><a:Address xmlns:a="{ns.WSA}">https://{CANARY}.test/</a:Address></t:Issuer>'),
    ),
    "an issuer without an address": (InvalidRequest, with_child("<t:Issuer/>")),
    # unreadable
    "a negative KeySize": (InvalidRequest, with_child("<t:KeySize>-256</t:KeySize>")),
    "a KeySize in hexadecimal": (InvalidRequest, with_child("<t:KeySize>0x100</t:KeySize>")),
    "a KeySize in other digits": (InvalidRequest, with_child("<t:KeySize>\u0662\u0665\u0666</t:KeySize>")),
    "a KeySize in parts": (InvalidRequest, with_child("<t:KeySize>2_5_6</t:KeySize>")),
    "a huge KeySize": (InvalidRequest, with_child(f"<t:KeySize>{'9' * 60}</t:KeySize>")),
    "a Renewing that is neither": (InvalidRequest, with_child('<t:Renewing Allow="perhaps"/>')),
    "Claims of an unknown dialect": (InvalidRequest, with_child("<t:Claims><x/></t:Claims>")),
    "text in Claims": (InvalidRequest, with_child("<t:Claims>everything</t:Claims>")),
    "a claim without a name": (
        InvalidRequest, with_child(f'<t:Claims><i:ClaimType xmlns:i="{ns.IDENTITY}"/></t:Claims>'),
    ),
    "a claim that may be optional": (
        InvalidRequest,
        with_child(f'<t:Claims><i:ClaimType xmlns:i="{ns.IDENTITY}" Uri="x" Optional="maybe"/></t:Claims>'),
    ),
    "a mandatory claim that is not known": (
        InvalidRequest, with_child(f'<t:Claims><i:ClaimType xmlns:i="{ns.IDENTITY}" Uri="urn:{CANARY}"/></t:Claims>'),
    ),
    "a mandatory claim that is not released": (
        InvalidRequest,
        with_child(f'<t:Claims><i:ClaimType xmlns:i="{ns.IDENTITY}" Uri="{ns.CLAIM_PRIVATE_ID}"/></t:Claims>'),
    ),
    "a value of a claim that is another's": (
        InvalidRequest,
        with_child(
            f'<t:Claims xmlns:i="{ns.IDENTITY}"><i:ClaimValue Uri="{ns.CLAIM_EMAIL}"><i:Value>bob</i:Value>'
            "</i:ClaimValue></t:Claims>"
        ),
    ),
    "Participants who are not registered": (
        InvalidScope,
        with_child(
            f'<t:Participants xmlns:a="{ns.WSA}"><t:Participant><a:EndpointReference><a:Address>https://{CANARY}.test/'
            "</a:Address></a:EndpointReference></t:Participant></t:Participants>"
        ),
    ),
    "an unknown kind of participant": (InvalidRequest, with_child("<t:Participants><x/></t:Participants>")),
    # targets
    "a target of a Cancel in an Issue": (InvalidRequest, with_child(f"<t:CancelTarget>{ASSERTION}</t:CancelTarget>")),
    "a target of a Validate in an Issue": (InvalidRequest, with_child("<t:ValidateTarget/>")),
    "an assertion in an Issue": (InvalidRequest, with_child(ASSERTION)),
    "a Validate without a target": (InvalidRequest, rst("", operation="Validate")),
    "a Validate of nothing": (InvalidRequest, rst("<t:ValidateTarget/>", operation="Validate")),
    "a Validate of text": (InvalidRequest, rst("<t:ValidateTarget>x</t:ValidateTarget>", operation="Validate")),
    "a Validate of two": (
        InvalidRequest, rst(f"<t:ValidateTarget>{ASSERTION * 2}</t:ValidateTarget>", operation="Validate"),
    ),
    "a Validate with two targets": (
        InvalidRequest, rst(f"<t:ValidateTarget>{ASSERTION}</t:ValidateTarget>" * 2, operation="Validate"),
    ),
    "a Validate of one in a target and one beside it": (
        InvalidRequest, rst(f"<t:ValidateTarget>{ASSERTION}</t:ValidateTarget>{ASSERTION}", operation="Validate"),
    ),
    "a Validate of what is to be cancelled": (
        InvalidRequest, rst(f"<t:CancelTarget>{ASSERTION}</t:CancelTarget>", operation="Validate"),
    ),
    "a Validate into an unknown type": (
        BadRequest,
        rst(
            f"<t:TokenType>{ns.SAML11}x</t:TokenType><t:ValidateTarget>{ASSERTION}</t:ValidateTarget>",
            operation="Validate",
        ),
    ),
    "a Cancel without a target": (InvalidRequest, rst("", operation="Cancel")),
    "a Cancel of nothing": (InvalidRequest, rst("<t:CancelTarget/>", operation="Cancel")),
    "a Cancel of two": (
        InvalidRequest, rst(f"<t:CancelTarget>{ASSERTION * 2}</t:CancelTarget>", operation="Cancel"),
    ),
    "a Cancel of what is to be validated": (
        InvalidRequest, rst(f"<t:ValidateTarget>{ASSERTION}</t:ValidateTarget>", operation="Cancel"),
    ),
}  # fmt: skip


@each_refused(REQUESTS)
def test_a_request_that_cannot_be_granted_is_refused(attack: Attack, expected: type[StsError], build: Build) -> None:
    attack.refused(build(attack), expected)


def test_a_security_context_for_a_relying_party_that_takes_none_is_refused(attack: Attack) -> None:
    """And under a context nobody is asked for another."""
    asked = rst(f"<t:TokenType>{ns.SCT13_TOKEN_TYPE}</t:TokenType>" + FOR_RP)(attack)
    conversing = attack.entrance.policy == "secureconversationmixed"
    attack.refused(asked, InvalidSecurity if conversing else BadRequest)


def test_the_own_value_wins_over_that_of_secondary_parameters(attack: Attack) -> None:
    """What the RST says itself cannot be undone by what a policy put into it."""
    attack.issued(
        with_child(f"<t:SecondaryParameters><t:TokenType>urn:{CANARY}</t:TokenType></t:SecondaryParameters>")(attack)
    )
    attack.issued(with_child(f"<t:SecondaryParameters>{messages.applies_to(STRICT)}</t:SecondaryParameters>")(attack))


# -- lifetimes ---------------------------------------------------------------------------------------------------


def lifetime(attack: Attack, created: str | None, expires: str | None) -> str:
    written = "".join(
        f'<u:{name} xmlns:u="{ns.WSU}">{value}</u:{name}>'
        for name, value in (("Created", created), ("Expires", expires))
        if value is not None
    )
    return f"<t:Lifetime>{written}</t:Lifetime>"


LIFETIMES = {
    "over": (-HOUR, -HOUR / 2),
    "over, without a beginning": (None, -HOUR / 60),
    "over now": (None, timedelta(0)),
    "negative": (HOUR, HOUR / 2),
    "of nothing": (HOUR, HOUR),
    "to begin in a year": (365 * 24 * HOUR, 366 * 24 * HOUR),
    "to begin in a year, without an end": (365 * 24 * HOUR, None),
}


@each(LIFETIMES, "created", "expires")
def test_a_lifetime_that_cannot_be_is_refused(
    attack: Attack, created: timedelta | None, expires: timedelta | None
) -> None:
    times = [None if offset is None else messages.instant(attack.now, offset) for offset in (created, expires)]
    attack.refused(attack.message(attack.rst(lifetime(attack, *times))), InvalidTimeRange)


@pytest.mark.parametrize("text", ["", "tomorrow", "PT1H", "0000-01-01T00:00:00Z", "99999-01-01T00:00:00Z", "-1", "1e9"])
def test_a_lifetime_that_cannot_be_read_is_refused(attack: Attack, text: str) -> None:
    attack.refused(attack.message(attack.rst(lifetime(attack, None, text))), InvalidRequest)
    attack.refused(attack.message(attack.rst(lifetime(attack, text, None))), InvalidRequest)


def test_a_lifetime_of_other_content_is_refused(attack: Attack) -> None:
    moment = messages.instant(attack.now, HOUR)
    for content in (
        f'<u:Expires xmlns:u="{ns.WSU}">{moment}</u:Expires>' * 2,
        f"<Expires>{moment}</Expires>",
        "<x/>",
        "forever",
    ):
        attack.refused(attack.message(attack.rst(f"<t:Lifetime>{content}</t:Lifetime>")), InvalidRequest)


def test_a_huge_lifetime_is_cut_or_refused_as_the_relying_party_has_it(attack: Attack) -> None:
    for expires in (
        "9999-12-31T23:59:59Z",
        "9999-12-31T23:59:59.9999999-00:00",
        messages.instant(attack.now, 9 * HOUR),
    ):
        wish = lifetime(attack, None, expires)
        answer = attack.issued(attack.message(attack.rst(wish)))
        written = answer.root.findtext(f".//{{{attack.trust}}}Lifetime/{{{ns.WSU}}}Expires")
        assert written == messages.instant(attack.now, 8 * HOUR)
        strict = attack.message(messages.issue(wish, trust=attack.trust, address=STRICT))
        attack.refused(strict, InvalidTimeRange)


# -- AppliesTo ---------------------------------------------------------------------------------------------------

UNREADABLE = {
    "empty": "<p:AppliesTo/>",
    "text": f"<p:AppliesTo>{RP}</p:AppliesTo>",
    "an address without a reference": f"<p:AppliesTo><a:Address>{RP}</a:Address></p:AppliesTo>",
    "two references": f"<p:AppliesTo>{EPR}{EPR}</p:AppliesTo>",
    "a reference and something else": f"<p:AppliesTo>{EPR}<x/></p:AppliesTo>",
    "a reference without an address": "<p:AppliesTo><a:EndpointReference/></p:AppliesTo>",
    "an empty address": "<p:AppliesTo><a:EndpointReference><a:Address/></a:EndpointReference></p:AppliesTo>",
    "an address of white space": (
        "<p:AppliesTo><a:EndpointReference><a:Address> \n </a:Address></a:EndpointReference></p:AppliesTo>"
    ),
    "two addresses": (
        f"<p:AppliesTo><a:EndpointReference><a:Address>{RP}</a:Address><a:Address>{RP}</a:Address>"
        "</a:EndpointReference></p:AppliesTo>"
    ),
    "two addresses of two versions": (
        f"<p:AppliesTo><a:EndpointReference><a:Address>{RP}</a:Address>"
        f'<b:Address xmlns:b="{ns.WSA04}">{STRICT}</b:Address></a:EndpointReference></p:AppliesTo>'
    ),
    "an address with an element": (
        f"<p:AppliesTo><a:EndpointReference><a:Address>{RP}<x/></a:Address></a:EndpointReference></p:AppliesTo>"
    ),
    "a reference of no namespace": (
        f"<p:AppliesTo><EndpointReference><Address>{RP}</Address></EndpointReference></p:AppliesTo>"
    ),
    "a reference to a service": f"<p:AppliesTo><a:ServiceName>{RP}</a:ServiceName></p:AppliesTo>",
}  # fmt: skip


@each(UNREADABLE, "markup")
def test_an_applies_to_that_cannot_be_read_is_refused(attack: Attack, markup: str) -> None:
    attack.refused(rst(markup)(attack), InvalidRequest)


def test_a_request_without_applies_to_is_refused_where_it_is_not_tolerated(attack: Attack) -> None:
    message = rst("")(attack)
    if "no-applies-to" in attack.entrance.tolerances:
        assert attack.send(message).status == 200
    else:
        attack.refused(message, InvalidScope)


@pytest.mark.parametrize("namespace", ["urn:x", "", "http://www.w3.org/ns/ws-policy/"])
def test_whom_a_token_is_for_is_not_passed_over_in_a_namespace_that_nobody_knows(
    attack: Attack, namespace: str
) -> None:
    """Else it would be for somebody else: for the endpoint's own relying party, or about a service that asks for its
    user, and is trusted with more.
    """
    for name, inside in (("AppliesTo", EPR), ("ActAs", messages.named("bob")), ("OnBehalfOf", messages.named("bob"))):
        alien = f'<AppliesTo xmlns="{namespace}">{inside}</AppliesTo>'.replace("AppliesTo", name)
        for around in ("{}", "<t:SecondaryParameters>{}</t:SecondaryParameters>"):
            asked = messages.applies_to() if name != "AppliesTo" or "Secondary" in around else ""
            answer = attack.send(rst(around.format(alien) + asked)(attack))
            assert answer.code == ("RequestFailed" if name != "AppliesTo" and not namespace else "InvalidRequest")


HOST = "rp.example.test"
UNREGISTERED = [
    f"https://{CANARY}.test/",
    "",
    "https://rp.example.test",
    "https://rp.example.test/",
    "https://rp.example.test/svc/",
    "https://rp.example.test/svc/x",
    "https://rp.example.test/svcx",
    "https://rp.example.test/sv",
    "https://rp.example.test/SVC",
    "https://rp.example.test//svc",
    "https://rp.example.test/./svc",
    "https://rp.example.test/x/../svc",
    "https://rp.example.test/svc/.",
    "https://rp.example.test/svc/..",
    "https://rp.example.test/svc;x",
    "https://rp.example.test/svc?",
    "https://rp.example.test/svc?x=y",
    "https://rp.example.test/svc#",
    "https://rp.example.test/svc#x",
    "https://rp.example.test/%73vc",
    "https://rp.example.test/sv%63",
    "https://rp.example.test/svc%00",
    "https://rp.example.test/svc%2f",
    "https://rp.example.test/%2e%2e/svc",
    "https://rp.example.test\\svc",
    "https:\\\\rp.example.test\\svc",
    "https:/rp.example.test/svc",
    "https:rp.example.test/svc",
    "https:///rp.example.test/svc",
    "//rp.example.test/svc",
    "rp.example.test/svc",
    "http://rp.example.test/svc",
    "ftp://rp.example.test/svc",
    "wss://rp.example.test/svc",
    "file:///svc",
    "javascript:alert(1)",
    "https://rp.example.test:8443/svc",
    "https://rp.example.test:80/svc",
    "https://rp.example.test:0443/svc",
    "https://rp.example.test:/svc",
    "https://rp.example.test:443443/svc",
    "https://rp.example.test:+443/svc",
    "https://rp.example.test:\u0664\u0664\u0663/svc",
    "https://alice@rp.example.test/svc",
    "https://alice:x@rp.example.test/svc",
    "https://@rp.example.test/svc",
    "https://rp.example.test@evil.test/svc",
    "https://rp.example.test:443@evil.test/svc",
    "https://evil.test/https://rp.example.test/svc",
    "https://evil.test#@rp.example.test/svc",
    "https://evil.test\\@rp.example.test/svc",
    "https://evil.test?rp.example.test/svc",
    "https://rp.example.test.evil/svc",
    "https://rp.example.test.evil.test/svc",
    "https://evil-rp.example.test/svc",
    "https://evilrp.example.test/svc",
    "https://rp.example.test./svc",
    "https://rp..example.test/svc",
    "https://.rp.example.test/svc",
    "https://*.example.test/svc",
    "https://%72p.example.test/svc",
    "https://rp%2eexample.test/svc",
    "https://rp\u3002example\u3002test/svc",
    "https://rp.ex\u0430mple.test/svc",
    "https://rp.example.te\u017ft/svc",
    "https://\uff52\uff50.example.test/svc",
    "https://rp.example.test\u200b/svc",
    "https://rp.example.test/svc\u0301",
    "https://xn--rp-.example.test/svc",
    "https://rp.example.test /svc",
    "https://rp.example. test/svc",
    "https://rp.example.test/s vc",
    "https://rp.example.test/svc\u00a0",
    "https://rp.example.test/svc\u2028",
    "https://rp.example.test/svc https://strict.example.test/svc",
    "https://rp.example.test,strict.example.test/svc",
    "urn:rp",
    "rp",
    "spn:rp",
    "%",
    "_",
    "' OR 1=1 --",
    "https://rp.example.test/svc' --",
    "https://[::1]/svc",
    "https://127.0.0.1/svc",
    "https://2130706433/svc",
    "https://rp.example.test/" + "a/" * 300,
    "https://rp.example.test/" + "x" * 1_000,
]


@pytest.mark.parametrize("address", [address for address in UNREGISTERED if address])
def test_an_address_that_is_not_exactly_registered_gets_no_token(attack: Attack, address: str) -> None:
    message = attack.message(attack.rst(address=address.replace("&", "&amp;").replace("<", "&lt;")))
    attack.refused(message, InvalidScope)


def test_the_registered_address_in_another_spelling_is_the_same(attack: Attack) -> None:
    """RFC 3986 section 6.2.2.1 and 6.2.3: scheme and host without case, and the default port. No more than that."""
    for address in (RP, RP.replace("https", "HTTPS"), RP.replace(HOST, HOST.upper()), RP.replace(HOST, HOST + ":443")):
        answer = attack.issued(attack.message(attack.rst(address=f" {address} ")))
        assert etree.tostring(answer.root).count(b"<ds:Signature ") == 1


def test_an_assertion_smuggled_into_applies_to_is_refused(attack: Attack) -> None:
    """AppliesTo goes back as it came, and an assertion in it would go back beside the one that was issued."""
    forged = f'<x:Assertion xmlns:x="{ns.SAML20}"><x:Subject><x:NameID>mallory</x:NameID></x:Subject></x:Assertion>'
    attack.refused(attack.changed("</a:Address>", f"</a:Address><a:Metadata>{forged}</a:Metadata>"), InvalidRequest)


def test_nobody_gets_a_token_by_an_assertion_alone(attack: Attack) -> None:
    assertion = attack.issued(attack.message()).assertion.decode()
    message = attack.message(security=messages.security(attack.timestamp()))
    attack.refused(message.replace("</u:Timestamp>", f"</u:Timestamp>{assertion}"), UnsupportedSecurityToken)
