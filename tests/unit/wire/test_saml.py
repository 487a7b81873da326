from datetime import timedelta

import pytest

from tests.assertions import PROVIDERS, TOKEN_ID, descriptor, issue, signing_key, verification_key
from tests.fakes import NOON, REALM
from wstrust_sts import ns
from wstrust_sts.errors import InvalidSecurityToken
from wstrust_sts.model import Claim, NameIdentifier, TokenType
from wstrust_sts.wire.saml import AssertionView, read_assertion, verify_assertion
from wstrust_sts.wire.xml import parse


def test_everything_a_saml_20_assertion_says_is_shown():
    wanted = descriptor(
        subject=NameIdentifier(ns.NAMEID_EMAIL, "alice@example.test"),
        audiences=("https://a.example.test/", "https://b.example.test/"),
        attributes=(Claim(ns.CLAIM_ROLE, ("admin", "user")), Claim("plain", ("",))),
        recipient="https://a.example.test/acs",
    )
    assert read_assertion(parse(issue(wanted).markup)) == AssertionView(
        token_id=TOKEN_ID,
        token_type=TokenType.SAML20,
        issuer=REALM.issuer,
        issued_at="2026-11-23T12:00:00.000Z",
        subject="alice@example.test",
        subject_format=ns.NAMEID_EMAIL,
        confirmation_method=ns.SAML20_BEARER,
        recipient="https://a.example.test/acs",
        not_before="2026-11-23T12:00:00.000Z",
        not_on_or_after="2026-11-23T13:00:00.000Z",
        audiences=("https://a.example.test/", "https://b.example.test/"),
        authentication_methods=(ns.SAML20_AC_PASSWORD_PROTECTED,),
        authentication_instant="2026-11-23T11:59:59.000Z",
        attributes=(Claim(ns.CLAIM_ROLE, ("admin", "user")), Claim("plain", ("",))),
        signed=True,
    )


def test_everything_a_saml_11_assertion_says_is_shown():
    wanted = descriptor(TokenType.SAML11, attributes=(Claim(ns.CLAIM_ROLE, ("admin",)), Claim("plain", ("x",))))
    assert read_assertion(parse(issue(wanted).markup)) == AssertionView(
        token_id=TOKEN_ID,
        token_type=TokenType.SAML11,
        issuer=REALM.issuer,
        issued_at="2026-11-23T12:00:00.000Z",
        subject="alice",
        subject_format=ns.NAMEID_UNSPECIFIED,
        confirmation_method=ns.SAML11_BEARER,
        recipient=None,
        not_before="2026-11-23T12:00:00.000Z",
        not_on_or_after="2026-11-23T13:00:00.000Z",
        audiences=("https://rp.example.test/",),
        authentication_methods=(ns.SAML11_AM_PASSWORD,),
        authentication_instant="2026-11-23T11:59:59.000Z",
        attributes=(Claim(ns.CLAIM_ROLE, ("admin",)), Claim("plain", ("x",))),
        signed=True,
    )


@pytest.mark.parametrize("namespace", [ns.SAML20, ns.SAML11])
def test_an_assertion_that_says_nothing_is_shown_as_it_is(namespace):
    view = read_assertion(parse(f'<a:Assertion xmlns:a="{namespace}"/>'.encode()))
    assert view.token_id is None
    assert view.subject is None
    assert view.issuer is None
    assert view.audiences == ()
    assert view.attributes == ()
    assert not view.signed


def test_what_is_no_assertion_is_refused():
    with pytest.raises(InvalidSecurityToken):
        read_assertion(parse(b"<x/>"))


def test_an_assertion_is_verified_inside_a_message_and_found_the_same():
    token = issue(descriptor())
    element = parse(b'<s:E xmlns:s="urn:s" Id="other">' + token.markup + b"</s:E>")[0]
    verified = verify_assertion(
        element, keys=[verification_key(signing_key())], issuer=REALM.issuer, now=NOON, skew=timedelta(0)
    )
    assert verified.digest == token.digest


@pytest.mark.parametrize("token_type", PROVIDERS)
def test_an_overdue_assertion_is_read_for_as_long_as_that_is_allowed_and_never_early(token_type):
    token = issue(descriptor(token_type))
    expires, minute = token.descriptor.lifetime.expires, timedelta(minutes=1)

    def verify(now, **how):
        keys = [verification_key(signing_key())]
        return verify_assertion(parse(token.markup), keys=keys, issuer=REALM.issuer, now=now, **how)

    late = {"skew": minute, "overdue": 9 * minute}
    assert verify(expires + 10 * minute - timedelta(microseconds=1), **late).expires_at == expires
    for now, how in (
        (expires + 10 * minute, late),
        (expires + minute, {"skew": minute}),
        (NOON - 2 * minute, late),
    ):
        with pytest.raises(InvalidSecurityToken):
            verify(now, **how)


@pytest.mark.parametrize("token_type", PROVIDERS)
def test_a_verified_assertion_tells_whom_it_is_for_and_when_its_subject_proved_itself(token_type):
    audiences = ("https://a.example.test/", "urn:b")
    verified = verify_assertion(
        parse(issue(descriptor(token_type, audiences=audiences)).markup),
        keys=[verification_key(signing_key())],
        issuer=REALM.issuer,
        now=NOON,
        skew=timedelta(0),
    )
    assert verified.audiences == audiences
    assert verified.authentication_instant == NOON - timedelta(seconds=1)
