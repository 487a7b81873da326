"""Hostile headers: WS-Security that is missing, doubled, stale or hidden, and WS-Addressing that lies."""

import base64
import secrets
from collections.abc import Callable
from datetime import timedelta

import pytest

from tests import messages
from tests.attack import CANARY, Attack
from tests.cases import each, each_refused
from tests.harness import PASSWORDS
from tests.messages import SOAP
from wstrust_sts import ns
from wstrust_sts.errors import (
    ActionNotSupported,
    DestinationUnreachable,
    FailedAuthentication,
    InvalidRequest,
    InvalidSecurity,
    MessageExpired,
    MustUnderstand,
    NotWellFormed,
    OnlyAnonymousAddressSupported,
    StsError,
    UnsupportedSecurityToken,
)

Build = Callable[[Attack], str]
Case = tuple[type[StsError], Build]
MINUTE = timedelta(minutes=1)


# -- the Security header -----------------------------------------------------------------------------------------


def secured(*parts: str | Callable[[Attack], str]) -> Build:
    """A message whose Security header has these parts; T and U stand for a good Timestamp and a good token."""

    def build(attack: Attack) -> str:
        good = {"T": attack.timestamp(), "U": attack.credential()}
        return attack.message(security=attack.security(*(good.get(part, part) for part in parts)))

    return build


def token(inner: str) -> Build:
    """A UsernameToken of this content."""
    markup = f'<o:UsernameToken xmlns:o="{ns.WSSE}" xmlns:u="{ns.WSU}">{inner}</o:UsernameToken>'
    return lambda attack: attack.with_credential(markup)


def for_role(role: str, *, two: bool = False) -> Build:
    """The Security header for another role; with `two`, another beside it for us, without credentials."""

    def build(attack: Attack) -> str:
        name = "actor" if attack.entrance.soap == "1.1" else "role"
        ours = messages.security() if two else ""
        return attack.message(
            security=attack.security().replace("<o:Security ", f'<o:Security s:{name}="{role}" ') + ours
        )

    return build


ALICE, PASSWORD = "<o:Username>alice</o:Username>", f"<o:Password>{PASSWORDS['alice']}</o:Password>"

SECURITY: dict[str, Case] = {
    "no Security header": (InvalidSecurity, lambda attack: attack.message(security="")),
    "no Header": (
        InvalidSecurity,
        lambda attack: f'<s:Envelope xmlns:s="{attack.soap_namespace}"><s:Body>{attack.rst()}</s:Body></s:Envelope>',
    ),
    "an empty Security header": (InvalidSecurity, lambda attack: attack.message(security=messages.security())),
    "two Security headers": (InvalidSecurity, lambda attack: attack.message(security=attack.security() * 2)),
    "a good and an empty Security header": (
        InvalidSecurity,
        lambda attack: attack.message(security=attack.security() + messages.security()),
    ),
    "Timestamp and token in two headers": (
        InvalidSecurity,
        lambda attack: attack.message(
            security=messages.security(attack.timestamp()) + messages.security(attack.credential())
        ),
    ),
    "two headers, one for everybody": (
        InvalidSecurity,
        lambda attack: attack.message(
            security=attack.security()
            + (
                f'<o:Security xmlns:o="{ns.WSSE}" '
                + (
                    f's:actor="{ns.SOAP11_NEXT}"/>'
                    if attack.entrance.soap == "1.1"
                    else f's:role="{ns.SOAP12_NEXT}"/>'
                )
            )
        ),
    ),
    "for another role": (InvalidSecurity, for_role("urn:somebody")),
    "for no role": (InvalidSecurity, for_role("http://www.w3.org/2003/05/soap-envelope/role/none")),
    "for a role of white space": (InvalidSecurity, for_role(" ")),
    "for another role, and an empty one for us": (InvalidSecurity, for_role("urn:somebody", two=True)),
    "in another Security header": (
        UnsupportedSecurityToken,
        lambda attack: attack.message(
            security=messages.security(attack.timestamp(), messages.security(attack.credential()))
        ),
    ),
    "in the Body": (
        InvalidRequest,
        lambda attack: attack.message(attack.security() + attack.rst(), security=""),
    ),
    "in the request": (
        InvalidSecurity,
        lambda attack: attack.message(attack.rst(attack.security().replace(' s:mustUnderstand="1"', "")), security=""),
    ),
    "in another header block": (
        InvalidSecurity,
        lambda attack: attack.message(security=f"<x>{attack.security()}</x>"),
    ),
    "the token beside it": (
        InvalidSecurity,
        lambda attack: attack.message(security=messages.security(attack.timestamp()) + attack.credential()),
    ),
    "the token in the Body": (
        InvalidSecurity,
        lambda attack: attack.message(
            attack.rst(attack.credential()), security=messages.security(attack.timestamp())
        ),
    ),
    "the token in the Timestamp": (
        InvalidSecurity,
        lambda attack: attack.message(
            security=messages.security(
                attack.timestamp().replace("</u:Timestamp>", attack.credential() + "</u:Timestamp>")
            )
        ),
    ),
    "text in it": (InvalidSecurity, secured("T", "x", "U")),
    "in no namespace, mandatory": (
        MustUnderstand,
        lambda attack: attack.message(security=attack.security().replace(ns.WSSE, "urn:x")),
    ),
    "of another WS-Security": (
        MustUnderstand,
        lambda attack: attack.message(
            security=attack.security().replace(ns.WSSE, "http://schemas.xmlsoap.org/ws/2002/12/secext")
        ),
    ),
    "no token": (InvalidSecurity, secured("T")),
    "two tokens": (InvalidSecurity, secured("T", "U", "U")),
    "two tokens of two users": (
        InvalidSecurity,
        secured("T", "U", messages.username_token("bob", PASSWORDS["bob"])),
    ),
    "a token and half of one": (InvalidSecurity, secured("T", "U", f'<o:UsernameToken xmlns:o="{ns.WSSE}"/>')),
    "a certificate, too": (
        UnsupportedSecurityToken,
        secured("T", "U", f'<o:BinarySecurityToken xmlns:o="{ns.WSSE}">AAAA</o:BinarySecurityToken>'),
    ),
    "a signature, too": (UnsupportedSecurityToken, secured("T", "U", f'<d:Signature xmlns:d="{ns.DS}"/>')),
    "an encrypted part, too": (
        UnsupportedSecurityToken,
        secured("T", "U", f'<x:EncryptedData xmlns:x="{ns.XENC}"/>'),
    ),
    "an assertion, too": (UnsupportedSecurityToken, secured("T", "U", f'<a:Assertion xmlns:a="{ns.SAML20}" ID="x"/>')),
    "an assertion alone": (UnsupportedSecurityToken, secured("T", f'<a:Assertion xmlns:a="{ns.SAML20}" ID="x"/>')),
    "a reference to a token": (
        UnsupportedSecurityToken,
        secured("T", f'<o:SecurityTokenReference xmlns:o="{ns.WSSE}"/>'),
    ),
    "an unknown part": (UnsupportedSecurityToken, secured("T", "U", "<x/>")),
    # the token
    "an empty token": (InvalidSecurity, token("")),
    "no name": (InvalidSecurity, token(PASSWORD)),
    "no password": (FailedAuthentication, token(ALICE)),
    "two names": (InvalidSecurity, token(ALICE + ALICE + PASSWORD)),
    "two names that differ": (InvalidSecurity, token("<o:Username>bob</o:Username>" + ALICE + PASSWORD)),
    "two passwords": (InvalidSecurity, token(ALICE + "<o:Password>x</o:Password>" + PASSWORD)),
    "a name of another namespace, too": (UnsupportedSecurityToken, token(f"<Username>bob</Username>{ALICE}{PASSWORD}")),
    "an unknown part of the token": (UnsupportedSecurityToken, token(ALICE + PASSWORD + "<x/>")),
    "a salt": (UnsupportedSecurityToken, token(ALICE + f'<w:Salt xmlns:w="{ns.WSSE11}">AAAA</w:Salt>')),
    "two nonces": (InvalidSecurity, token(ALICE + PASSWORD + "<o:Nonce>AAAA</o:Nonce>" * 2)),
    "a nonce that is not base64": (InvalidSecurity, token(ALICE + PASSWORD + "<o:Nonce>?</o:Nonce>")),
    "a nonce that is too long": (InvalidSecurity, token(ALICE + PASSWORD + f"<o:Nonce>{'A' * 4_000}</o:Nonce>")),
    "a nonce in another encoding": (
        InvalidSecurity,
        token(ALICE + PASSWORD + '<o:Nonce EncodingType="urn:hex">AAAA</o:Nonce>'),
    ),
    "a token created at no time": (InvalidSecurity, token(ALICE + PASSWORD + "<u:Created>now</u:Created>")),
    "a token created long ago": (
        MessageExpired,
        token(ALICE + PASSWORD + "<u:Created>2001-01-01T00:00:00Z</u:Created>"),
    ),
    "a token of the future": (MessageExpired, token(ALICE + PASSWORD + "<u:Created>2999-01-01T00:00:00Z</u:Created>")),
    "an unknown type of password": (
        UnsupportedSecurityToken,
        token(ALICE + '<o:Password Type="urn:x">clarinet</o:Password>'),
    ),
    "an empty type of password": (
        UnsupportedSecurityToken,
        token(ALICE + '<o:Password Type="">clarinet</o:Password>'),
    ),
    "a digest": (
        FailedAuthentication,
        token(ALICE + f'<o:Password Type="{ns.PASSWORD_DIGEST}">clarinet</o:Password>'),
    ),
    "a long name": (InvalidSecurity, token(f"<o:Username>{'x' * 100_000}</o:Username>" + PASSWORD)),
    "a long password": (InvalidSecurity, token(f"{ALICE}<o:Password>{'x' * 100_000}</o:Password>")),
    "a name of references": (InvalidSecurity, token(f"<o:Username>{'&#65;' * 20_000}</o:Username>" + PASSWORD)),
}  # fmt: skip


@each_refused(SECURITY)
def test_a_security_header_of_another_shape_is_refused(attack: Attack, expected: type[StsError], build: Build) -> None:
    attack.refused(build(attack), expected)


WRONG = {
    "an unknown user": ("mallory", "clarinet"),
    "a wrong password": ("alice", "oboe"),
    "another user's password": ("alice", PASSWORDS["bob"]),
    "no name": ("", "clarinet"),
    "no password": ("alice", ""),
    "neither": ("", ""),
    "another case": ("Alice", "clarinet"),
    "another case of the password": ("alice", "Clarinet"),
    "white space around the name": (" alice ", "clarinet"),
    "white space around the password": ("alice", " clarinet "),
    "a line end": ("alice\n", "clarinet"),
    "an invisible character": ("alice\u200b", "clarinet"),
    "a look-alike": ("\u0430lice", "clarinet"),
    "a wide form": ("\uff41lice", "clarinet"),
    "a combining mark": ("alice\u0301", "clarinet"),
    "an override of direction": ("\u202eecila", "clarinet"),
    "SQL": ("' OR '1'='1' -- ", "' OR '1'='1"),
    "SQL after the name": ("alice'--", "x"),
    "LDAP": ("*)(uid=*))(|(uid=*", "*"),
    "a wildcard": ("%", "%"),
    "a path": ("../../etc/passwd", "x"),
    "a format": ("%s%s%s%n{0}{alice}", "%s"),
    "a template": ("${jndi:ldap://127.0.0.1/x}", "{{7*7}}"),
    "an escape for a terminal": ("alice\u009b31m", "x"),
    "a domain": ("DOMAIN\\alice", "clarinet"),
    "the whole hash": ("alice", "$argon2id$v=19$m=7168,t=5,p=1$AAAA$AAAA"),
    "markup": ("&lt;script&gt;", "&lt;/o:Password&gt;"),
}


@each(WRONG, "user", "password")
def test_a_credential_that_is_not_exactly_right_is_refused(attack: Attack, user: str, password: str) -> None:
    attack.refused(attack.with_credential(messages.username_token(user, password)), FailedAuthentication)


# -- times -------------------------------------------------------------------------------------------------------


def timestamp(inner: str) -> Build:
    return lambda attack: attack.with_timestamp(f'<u:Timestamp xmlns:u="{ns.WSU}">{inner}</u:Timestamp>')


def aged(created: timedelta, expires: timedelta) -> Build:
    return lambda attack: attack.with_timestamp(attack.timestamp(created, expires))


TIMESTAMPS: dict[str, Case] = {
    "expired": (MessageExpired, aged(-15 * MINUTE, -10 * MINUTE)),
    "expired a while ago": (MessageExpired, aged(-9 * MINUTE, -6 * MINUTE)),
    "expired long ago": (MessageExpired, aged(timedelta(days=-10_000), timedelta(days=-9_999))),
    "old, and not to expire for a year": (MessageExpired, aged(-60 * MINUTE, timedelta(days=365))),
    "of the future": (MessageExpired, aged(6 * MINUTE, 10 * MINUTE)),
    "of the far future": (MessageExpired, aged(timedelta(days=10_000), timedelta(days=10_001))),
    "of the first year": (MessageExpired, timestamp("<u:Created>0001-01-01T00:00:00Z</u:Created>")),
    "of the last second": (MessageExpired, timestamp("<u:Created>9999-12-31T23:59:59.9999999Z</u:Created>")),
    "before the first year": (InvalidSecurity, timestamp("<u:Created>0001-01-01T00:00:00+14:00</u:Created>")),
    "behind the last year": (InvalidSecurity, timestamp("<u:Created>9999-12-31T23:59:59-14:00</u:Created>")),
    "to expire before it was created": (InvalidSecurity, aged(1 * MINUTE, -1 * MINUTE)),
    "empty": (InvalidSecurity, timestamp("")),
    "without Created": (InvalidSecurity, timestamp("<u:Expires>2999-01-01T00:00:00Z</u:Expires>")),
    "with an unknown part": (
        InvalidSecurity,
        lambda attack: attack.with_timestamp(attack.timestamp().replace("</u:Timestamp>", "<x/></u:Timestamp>")),
    ),
    "with text": (
        InvalidSecurity,
        lambda attack: attack.with_timestamp(attack.timestamp().replace("</u:Timestamp>", "x</u:Timestamp>")),
    ),
    "with a second Created": (
        InvalidSecurity,
        lambda attack: attack.with_timestamp(
            attack.timestamp().replace("<u:Expires>", "<u:Created>2001-01-01T00:00:00Z</u:Created><u:Expires>")
        ),
    ),
    "with a second Expires": (
        InvalidSecurity,
        lambda attack: attack.with_timestamp(
            attack.timestamp().replace("<u:Expires>", "<u:Expires>2999-01-01T00:00:00Z</u:Expires><u:Expires>")
        ),
    ),
    "twice": (InvalidSecurity, secured("T", "T", "U")),
    "twice, once expired": (
        InvalidSecurity,
        lambda attack: attack.message(
            security=messages.security(
                attack.timestamp(-60 * MINUTE, -30 * MINUTE), attack.timestamp(), attack.credential()
            )
        ),
    ),
    "in the token": (
        UnsupportedSecurityToken,
        lambda attack: attack.with_credential(messages.username_token(more=attack.timestamp())),
    ),
}  # fmt: skip


@each_refused(TIMESTAMPS)
def test_a_timestamp_that_is_not_of_now_is_refused(attack: Attack, expected: type[StsError], build: Build) -> None:
    attack.refused(build(attack), expected)


def test_a_missing_timestamp_is_refused_where_it_is_not_tolerated(attack: Attack) -> None:
    message = attack.message(security=messages.security(attack.credential()))
    if "no-timestamp" in attack.entrance.tolerances:
        attack.issued(message)
    else:
        attack.refused(message, InvalidSecurity)


def test_a_timestamp_elsewhere_is_none(attack: Attack) -> None:
    if "no-timestamp" not in attack.entrance.tolerances:
        alone = messages.security(attack.credential())
        attack.refused(attack.message(security=attack.timestamp() + alone), InvalidSecurity)
        attack.refused(attack.message(attack.rst(attack.timestamp()), security=alone), InvalidSecurity)


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "now", "0", "1764000000", "2026-11-23", "12:00:00Z", "2026-11-23 12:00:00Z", "2026-11-23T12:00Z",
        "2026-11-23T12:00:00.Z", "2026-11-23T12:00:00.12345678Z", "2026-11-23T12:00:00,1Z", "2026-13-01T12:00:00Z",
        "2026-02-30T12:00:00Z", "2026-11-23T25:00:00Z", "2026-11-23T12:60:00Z", "2026-11-23T12:00:60Z",
        "0000-01-01T12:00:00Z",
        "-2026-11-23T12:00:00Z", "+2026-11-23T12:00:00Z", "12026-11-23T12:00:00Z", "2026-11-23T12:00:00z",
        "2026-11-23t12:00:00Z", "2026-11-23T12:00:00+0000", "2026-11-23T12:00:00+99:99", "2026-11-23T12:00:00+24:00",
        "2026-11-23T12:00:00ZZ", "2026-11-23T12:00:00Z\u00a0", "2026-11-23T12:00:00Z" + "0" * 100,
        "\u0662\u0660\u0662\u0666-\u0661\u0661-\u0662\u0663T12:00:00Z", "\uff12026-11-23T12:00:00Z",
        "2026-W48-1T12:00:00Z", "20261123T120000Z", "NaN", "Infinity", "1e9",
    ],
)  # fmt: skip
def test_a_time_that_is_none_is_refused(attack: Attack, text: str) -> None:
    good = messages.instant(attack.now)
    attack.refused(attack.with_timestamp(attack.timestamp_of(text, good)), InvalidSecurity)
    attack.refused(attack.with_timestamp(attack.timestamp_of(good, text)), InvalidSecurity)
    created = f"<u:Created>{text}</u:Created>"
    attack.refused(attack.with_credential(messages.username_token(more=created)), InvalidSecurity)


# -- what is hidden from some readers ----------------------------------------------------------------------------


def _in_lifetime(attack: Attack, text: str) -> str:
    return attack.message(attack.rst(f'<t:Lifetime><u:Expires xmlns:u="{ns.WSU}">{text}</u:Expires></t:Lifetime>'))


FIELDS: dict[str, tuple[type[StsError], str, Callable[[Attack, str], str]]] = {
    "Username": (
        InvalidSecurity, "alice", lambda attack, text: attack.with_credential(messages.username_token(text)),
    ),
    "Password": (
        InvalidSecurity,
        PASSWORDS["alice"],
        lambda attack, text: attack.with_credential(messages.username_token(password=text)),
    ),
    "Nonce": (
        InvalidSecurity,
        "{nonce}",
        lambda attack, text: attack.with_credential(messages.username_token(more=f"<o:Nonce>{text}</o:Nonce>")),
    ),
    "Created of the token": (
        InvalidSecurity,
        "2026-11-23T12:00:00Z",
        lambda attack, text: attack.with_credential(messages.username_token(more=f"<u:Created>{text}</u:Created>")),
    ),
    "Created of the Timestamp": (
        InvalidSecurity,
        "2026-11-23T12:00:00Z",
        lambda attack, text: attack.with_timestamp(attack.timestamp_of(text, "2026-11-23T12:05:00Z")),
    ),
    "Expires of the Timestamp": (
        InvalidSecurity,
        "2026-11-23T12:05:00Z",
        lambda attack, text: attack.with_timestamp(attack.timestamp_of("2026-11-23T12:00:00Z", text)),
    ),
    "RequestType": (
        InvalidRequest,
        "{trust}/Issue",
        lambda attack, text: attack.changed(f">{attack.trust}/Issue<", f">{text}<"),
    ),
    "TokenType": (
        InvalidRequest, ns.TP11_SAML20, lambda attack, text: attack.changed(f">{ns.TP11_SAML20}<", f">{text}<"),
    ),
    "KeyType": (
        InvalidRequest,
        "{trust}/Bearer",
        lambda attack, text: attack.message(attack.rst(f"<t:KeyType>{text}</t:KeyType>")),
    ),
    "KeySize": (
        InvalidRequest, "256", lambda attack, text: attack.message(attack.rst(f"<t:KeySize>{text}</t:KeySize>")),
    ),
    "Address": (
        InvalidRequest, messages.RP, lambda attack, text: attack.changed(f">{messages.RP}<", f">{text}<"),
    ),
    "Expires of the Lifetime": (InvalidRequest, "2026-11-23T12:30:00Z", _in_lifetime),
    "a claim's value": (
        InvalidRequest,
        "music",
        lambda attack, text: attack.message(
            attack.rst(
                f'<t:Claims xmlns:i="{ns.IDENTITY}"><i:ClaimValue Uri="x" Optional="true"><i:Value>{text}</i:Value>'
                "</i:ClaimValue></t:Claims>"
            )
        ),
    ),
    "Action": (
        InvalidRequest,
        "{trust}/RST/Issue",
        lambda attack, text: attack.with_header(f'<a:Action xmlns:a="{ns.WSA}">{text}</a:Action>'),
    ),
    "MessageID": (
        InvalidRequest,
        "urn:uuid:1",
        lambda attack, text: attack.with_header(f'<a:MessageID xmlns:a="{ns.WSA}">{text}</a:MessageID>'),
    ),
    "To": (
        InvalidRequest,
        "http://www.w3.org/2005/08/addressing/anonymous",
        lambda attack, text: attack.with_header(f'<a:To xmlns:a="{ns.WSA}">{text}</a:To>'),
    ),
    "the address of ReplyTo": (
        InvalidRequest,
        ns.WSA_ANONYMOUS,
        lambda attack, text: attack.with_header(
            f'<a:ReplyTo xmlns:a="{ns.WSA}"><a:Address>{text}</a:Address></a:ReplyTo>'
        ),
    ),
}  # fmt: skip


@each(FIELDS, "expected", "text", "build")
def test_text_is_one_text_node(
    attack: Attack, expected: type[StsError], text: str, build: Callable[[Attack, str], str]
) -> None:
    """Where readers differ in what they see, there is nothing to see. The control comes last: it spends the nonce."""
    text = text.format(trust=attack.trust, nonce=base64.b64encode(secrets.token_bytes(12)).decode())
    head, tail = text[:2], text[2:]
    for hidden in (
        f"{head}<!-- x -->{tail}",
        f"<!-- x -->{text}",
        f"{text}<!---->",
        f"{head}<x/>{tail}",
        f"<x>{text}</x>",
        f"{text}<x>y</x>",
        f"<!-- -->{head}<!-- -->{tail}<!-- -->",
    ):
        attack.refused(build(attack, hidden), expected)
    for section in (f"<![CDATA[{text}]]>", f"{head}<![CDATA[{tail}]]>", f"{text}<![CDATA[]]>", f"{head}<?x?>{tail}"):
        attack.refused(build(attack, section), InvalidRequest)
    for reference in (f"{head}&x;{tail}", f"{head}&#0;{tail}", f"{head}\0{tail}"):
        attack.refused(build(attack, reference), NotWellFormed)
    attack.issued(build(attack, "".join(f"&#{ord(character)};" for character in text)))


# -- other headers -----------------------------------------------------------------------------------------------


def addressed(*headers: str) -> Build:
    """Good addressing and these headers, in the WS-Addressing namespace by the prefix a."""
    return lambda attack: attack.with_header(
        *(header.replace(">", f' xmlns:a="{ns.WSA}">', 1).format(trust=attack.trust) for header in headers)
    )


def replying(name: str, address: str) -> str:
    return f"<a:{name}><a:Address>{address}</a:Address></a:{name}>"


HEADERS: dict[str, Case] = {
    "a mandatory header": (
        MustUnderstand, lambda attack: attack.with_header('<x:x xmlns:x="urn:x" s:mustUnderstand="1"/>'),
    ),
    "a mandatory header, in words": (
        MustUnderstand, lambda attack: attack.with_header('<x:x xmlns:x="urn:x" s:mustUnderstand=" true "/>'),
    ),
    "a mandatory header without a namespace": (
        MustUnderstand, lambda attack: attack.with_header('<x s:mustUnderstand="1"/>'),
    ),
    "a mandatory header that claims to be addressing": (
        MustUnderstand, addressed('<a:Unheard s:mustUnderstand="1"></a:Unheard>'),
    ),
    "neither mandatory nor not": (
        InvalidRequest, lambda attack: attack.with_header('<x:x xmlns:x="urn:x" s:mustUnderstand="maybe"/>'),
    ),
    "an unknown action": (ActionNotSupported, addressed(f"<a:Action>urn:{CANARY}</a:Action>")),
    "an action of no request": (ActionNotSupported, addressed("<a:Action>{trust}/RSTR/Issue</a:Action>")),
    "an action in another case": (ActionNotSupported, addressed("<a:Action>{trust}/RST/issue</a:Action>")),
    "an action with a slash": (ActionNotSupported, addressed("<a:Action>{trust}/RST/Issue/</a:Action>")),
    "the action of the other version": (
        ActionNotSupported,
        lambda attack: attack.with_header(messages.addressing(f"{attack.other_trust}/RST/Issue")),
    ),
    "another action than asked for": (InvalidRequest, addressed("<a:Action>{trust}/RST/Cancel</a:Action>")),
    "two actions": (InvalidRequest, addressed(*["<a:Action>{trust}/RST/Issue</a:Action>"] * 2)),
    "two identifiers": (
        InvalidRequest, addressed("<a:MessageID>urn:1</a:MessageID>", "<a:MessageID>urn:2</a:MessageID>"),
    ),
    "two versions of addressing": (
        InvalidRequest,
        lambda attack: attack.with_header(
            f'<a:To xmlns:a="{ns.WSA}">urn:x</a:To><a:MessageID xmlns:a="{ns.WSA04}">urn:x</a:MessageID>'
        ),
    ),
    "an answer to elsewhere": (OnlyAnonymousAddressSupported, addressed(replying("ReplyTo", f"http://{CANARY}.test/"))),
    "faults to elsewhere": (OnlyAnonymousAddressSupported, addressed(replying("FaultTo", "http://127.0.0.1:22/"))),
    "an answer to a file": (OnlyAnonymousAddressSupported, addressed(replying("ReplyTo", "file:///etc/passwd"))),
    "an answer to nobody": (
        OnlyAnonymousAddressSupported, addressed(replying("ReplyTo", "http://www.w3.org/2005/08/addressing/none")),
    ),
    "an answer to the anonymous of the other version": (
        OnlyAnonymousAddressSupported, addressed(replying("ReplyTo", ns.WSA04_ANONYMOUS)),
    ),
    "an answer to nowhere": (InvalidRequest, addressed("<a:ReplyTo></a:ReplyTo>")),
    "an answer to two": (
        InvalidRequest,
        addressed(f"<a:ReplyTo><a:Address>{ns.WSA_ANONYMOUS}</a:Address><a:Address>urn:x</a:Address></a:ReplyTo>"),
    ),
}  # fmt: skip


@each_refused(HEADERS)
def test_a_header_that_cannot_be_honoured_is_refused(attack: Attack, expected: type[StsError], build: Build) -> None:
    attack.refused(build(attack), expected)


def test_actions_outside_the_envelope_must_agree_with_it(attack: Attack) -> None:
    action = f"{attack.trust}/RST/Issue"
    good = attack.with_header(messages.addressing(action))
    for other in (f"{attack.trust}/RST/Cancel", "urn:x", action + "x", action.lower()):
        attack.refused(good, InvalidRequest, soapaction=other)
        attack.refused(attack.message(), InvalidRequest, ActionNotSupported, soapaction=other)
    content_type = messages.content_type(attack.entrance.soap, action="urn:x")
    attack.refused(good, InvalidRequest, content_type=content_type)
    attack.refused(attack.message(), ActionNotSupported, content_type=content_type)
    attack.refused(attack.message(), InvalidRequest, soapaction=action, content_type=content_type)
    attack.issued(good, soapaction=f'"{action}"')


def test_headers_for_others_are_passed_over(attack: Attack) -> None:
    """They are not for us to understand, and say nothing to us either."""
    role = "actor" if attack.entrance.soap == "1.1" else "role"
    attack.issued(attack.with_header(f'<x:x xmlns:x="urn:x" s:mustUnderstand="1" s:{role}="urn:somebody"/>'))
    attack.issued(attack.with_header('<x:x xmlns:x="urn:x" s:mustUnderstand="0"/>'))
    attack.issued(
        attack.with_header(f'<x:x xmlns:x="urn:x" xmlns:q="{SOAP[attack.other_soap]}" q:mustUnderstand="1"/>')
    )
    attack.issued(attack.with_header(f'<a:messageID xmlns:a="{ns.WSA}">x</a:messageID>'))
    attack.issued(attack.with_header(f'<a:Action xmlns:a="{ns.WSA}" s:{role}="urn:somebody">urn:x</a:Action>'))


def test_a_destination_elsewhere_is_refused_where_it_is_looked_at(attack: Attack) -> None:
    strict = attack.entrance.path == "/strict-to"
    for address in ("https://other.example.test/", "urn:x", "https://sts.example.test/strict-to/", "HTTPS://x"):
        message = attack.with_header(f'<a:To xmlns:a="{ns.WSA}">{address}</a:To>')
        if strict:
            attack.refused(message, DestinationUnreachable)
        else:
            attack.issued(message)
