"""The Security header: a request's into what it proves, and an answer's."""

import base64
from datetime import timedelta

import pytest
from lxml import etree

from tests import messages
from tests.fakes import NOON
from tests.terms import over_tls
from wstrust_sts import ns
from wstrust_sts.errors import (
    FailedAuthentication,
    InvalidSecurity,
    MessageExpired,
    UnsupportedSecurityToken,
)
from wstrust_sts.received_tokens import UsernamePassword
from wstrust_sts.wire.soap import SoapVersion, read_envelope
from wstrust_sts.wire.transport import read_username_over_tls
from wstrust_sts.wire.wsse import Freshness, Transport, write_security

MINUTE = timedelta(minutes=1)
FRESHNESS = Freshness(skew=2 * MINUTE, max_age=10 * MINUTE)
TIMESTAMP = messages.timestamp(NOON)


def envelope(*headers: str):
    written = (
        f'<s:Envelope xmlns:s="{ns.SOAP12}"><s:Header>{"".join(headers)}</s:Header><s:Body><r/></s:Body></s:Envelope>'
    )
    return read_envelope(etree.fromstring(written), expected=SoapVersion.SOAP12)


def terms(**how):
    return over_tls(freshness=FRESHNESS, **how)


def read(*parts: str, now=NOON, timestamp_required=True, transport=Transport(tls=True)):  # noqa: B008
    tolerances = frozenset() if timestamp_required else frozenset({"no-timestamp"})
    secured = read_username_over_tls(
        envelope(messages.security(*parts)), terms(now=now, transport=transport, tolerances=tolerances)
    )
    return secured.proved


def stamp(age: timedelta, life: timedelta = 5 * MINUTE) -> str:
    return messages.timestamp(NOON, age=age, life=life)


def test_what_a_message_proves_is_one_credential_the_transport_and_when_it_was_made():
    message = read(TIMESTAMP, messages.username_token(), transport=Transport(tls=True, peer_certificate=b"DER"))
    assert message.credentials == (
        UsernamePassword(
            username="alice",
            password="clarinet",
            password_type=ns.PASSWORD_TEXT,
            nonce=None,
            created=None,
            over_tls=True,
        ),
    )
    assert message.credentials[0].created_text == ""
    assert (message.tls, message.created, message.peer_certificate) == (True, NOON, b"DER")


def test_nonce_and_created_come_decoded():
    more = f"<o:Nonce>{base64.b64encode(b'octets').decode()}</o:Nonce><u:Created>{messages.instant(NOON)}</u:Created>"
    (credential,) = read(TIMESTAMP, messages.username_token(more=more)).credentials
    assert (credential.nonce, credential.created) == (b"octets", NOON)


def test_a_digest_is_handed_on_as_such():
    token = messages.username_token(password="c2hhMQ==").replace("PasswordText", "PasswordDigest")
    (credential,) = read(TIMESTAMP, token).credentials
    assert (credential.password_type, credential.password) == (ns.PASSWORD_DIGEST, "c2hhMQ==")


def test_created_comes_as_it_was_written_too_without_the_white_space_around_it():
    """White space that could move from the end of a nonce to the start of Created would make one digest two."""
    written = "2026-11-23T13:00:00.0000000+01:00"
    (credential,) = read(TIMESTAMP, messages.username_token(more=f"<u:Created>\n  {written}\t</u:Created>")).credentials
    assert (credential.created, credential.created_text) == (NOON, written)


def test_user_and_password_are_not_trimmed():
    (credential,) = read(TIMESTAMP, messages.username_token(" alice ", "\tclarinet\n")).credentials
    assert (credential.username, credential.password) == (" alice ", "\tclarinet\n")


def test_a_password_never_shows_in_a_representation():
    assert "clarinet" not in repr(read(TIMESTAMP, messages.username_token()))


def test_that_there_was_no_tls_is_told_and_not_decided_here():
    (credential,) = read(TIMESTAMP, messages.username_token(), transport=Transport(tls=False)).credentials
    assert credential.over_tls is False


class TestFreshness:
    """Skew 2 minutes, age 10 minutes, to the very second."""

    @pytest.mark.parametrize(
        "written",
        [
            stamp(timedelta(0)),
            stamp(-2 * MINUTE),
            stamp(12 * MINUTE - timedelta(seconds=1), life=60 * MINUTE),
            stamp(7 * MINUTE - timedelta(seconds=1)),
        ],
        ids=["now", "2 minutes early", "a moment less than 12 minutes old", "expired a moment less than 2 minutes ago"],
    )
    def test_at_the_edge_a_message_is_fresh(self, written):
        read(written, messages.username_token())

    @pytest.mark.parametrize(
        "written",
        [
            stamp(-2 * MINUTE - timedelta(seconds=1)),
            stamp(12 * MINUTE, life=60 * MINUTE),
            stamp(7 * MINUTE),
        ],
        ids=["2:01 early", "12 minutes old", "expired 2 minutes ago"],
    )
    def test_beyond_the_edge_it_has_expired(self, written):
        with pytest.raises(MessageExpired):
            read(written, messages.username_token())

    def test_without_a_timestamp_it_is_read_only_where_that_is_allowed(self):
        assert read(messages.username_token(), timestamp_required=False).created is None
        with pytest.raises(InvalidSecurity):
            read(messages.username_token())

    def test_a_timestamp_that_need_not_be_there_is_checked_all_the_same(self):
        with pytest.raises(MessageExpired):
            read(stamp(60 * MINUTE), messages.username_token(), timestamp_required=False)


class TestRefusals:
    @pytest.mark.parametrize("headers", [(), ("<x/>",), (messages.security(TIMESTAMP, messages.username_token()),) * 2])
    def test_there_must_be_exactly_one_security_header(self, headers):
        with pytest.raises(InvalidSecurity):
            read_username_over_tls(envelope(*headers), terms(transport=Transport(tls=True)))

    @pytest.mark.parametrize(
        ("parts", "refusal"),
        [
            ((TIMESTAMP,), InvalidSecurity),
            ((TIMESTAMP, TIMESTAMP, messages.username_token()), InvalidSecurity),
            ((TIMESTAMP, messages.username_token(), messages.username_token("bob")), InvalidSecurity),
            ((TIMESTAMP, messages.username_token(), "<x/>"), UnsupportedSecurityToken),
            ((TIMESTAMP, messages.username_token(more="<x/>")), UnsupportedSecurityToken),
            ((TIMESTAMP, messages.username_token().replace("#PasswordText", "#Other")), UnsupportedSecurityToken),
            ((TIMESTAMP, f'<o:UsernameToken xmlns:o="{ns.WSSE}"/>'), InvalidSecurity),
            (
                (TIMESTAMP, f'<o:UsernameToken xmlns:o="{ns.WSSE}"><o:Username>a</o:Username></o:UsernameToken>'),
                FailedAuthentication,
            ),
            ((TIMESTAMP, messages.username_token("a<!-- -->b")), InvalidSecurity),
            ((TIMESTAMP, messages.username_token(password="a<x/>b")), InvalidSecurity),
            ((TIMESTAMP, messages.username_token(more="<o:Nonce>!</o:Nonce>")), InvalidSecurity),
            ((TIMESTAMP, messages.username_token(more="<u:Created/>")), InvalidSecurity),
            ((TIMESTAMP, messages.username_token(), "text"), InvalidSecurity),
        ],
    )
    def test_what_is_missing_doubled_unreadable_or_not_asked_for_is_refused(self, parts, refusal):
        with pytest.raises(refusal) as caught:
            read(*parts)
        assert type(caught.value) is refusal

    def test_a_refusal_does_not_quote_the_password(self):
        with pytest.raises(InvalidSecurity) as refusal:
            read(TIMESTAMP, messages.username_token(password="hunter2" + "x" * 2000))
        assert "hunter2" not in refusal.value.detail


@pytest.mark.parametrize(("mandatory", "must_understand"), [(True, "1"), (False, None)])
def test_an_answers_header_has_one_timestamp_of_five_minutes(mandatory, must_understand):
    written = write_security(NOON, mandatory=mandatory)
    (security,) = etree.fromstring(f'<s:Header xmlns:s="{ns.SOAP12}">{written}</s:Header>')
    assert security.tag == f"{{{ns.WSSE}}}Security"
    assert security.get(f"{{{ns.SOAP12}}}mustUnderstand") == must_understand
    (written,) = security
    assert written.tag == f"{{{ns.WSU}}}Timestamp"
    assert written.get(f"{{{ns.WSU}}}Id")
    assert [(etree.QName(part).localname, part.text) for part in written] == [
        ("Created", "2026-11-23T12:00:00.000Z"),
        ("Expires", "2026-11-23T12:05:00.000Z"),
    ]
