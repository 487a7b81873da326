"""Messages that real clients sent, replayed octet by octet at the hour they were sent (tests/vectors/recorded)."""

import base64
import re
from dataclasses import replace as changed

import pytest
from lxml import etree

from tests.conformance.client import assert_sound
from tests.holders import KEYED_PARTY, unwrap
from tests.protected import p_sha1
from tests.recorded import (
    ADFS,
    BEARER,
    GSOAP,
    JAXWS,
    KEYS,
    PUBLIC,
    RECORDED,
    SYMMETRIC,
    WCF05,
    WCF13,
    WCF13_SOAP11,
    Message,
)
from wstrust_sts import ns
from wstrust_sts.bindings.http import Request

TIMESTAMP = re.compile(rb"<wsu:Timestamp .*</wsu:Timestamp>")
MESSAGE_ID = {
    WCF13: "urn:uuid:eb25f907-2281-46d1-87dc-b32f9a09ef61",
    WCF05: "urn:uuid:856c9989-e6ab-4760-8b29-bd3c18b2b4fc",
    JAXWS: "uuid:d7ae7f83-6bc7-4de6-b527-afee93b8e292",
    GSOAP: "urn:uuid:7b5e65c1-b3ac-42ad-b7ee-fc235a56a7b5",
}


def test_a_recorded_body_has_the_length_that_its_head_declares():
    for name in (WCF13, WCF13_SOAP11, WCF05, JAXWS, GSOAP, "wcf-symmetric-key-entropy.http"):
        message = Message.read(name)
        assert len(message.body) == int(message.headers["content-length"]), name


@pytest.mark.parametrize("name", BEARER)
def test_a_recorded_request_for_a_bearer_token_gets_it(name):
    message = Message.read(name)
    client, answer = message.replay()
    assert answer.status == 200, answer.body
    assert_sound(answer, soap=client.soap)
    asked = etree.fromstring(message.body)
    (token_type,) = asked.iter(f"{{{client.trust}}}TokenType")
    (key_type,) = asked.iter(f"{{{client.trust}}}KeyType")
    rstr = client.rstr(answer)
    assert rstr.findtext(f"{{{client.trust}}}TokenType") == token_type.text
    assert rstr.findtext(f"{{{client.trust}}}KeyType") == key_type.text
    (applies_to,) = (element for element in asked.iter(etree.Element) if element.tag.endswith("}AppliesTo"))
    (echoed,) = (element for element in rstr if element.tag.endswith("}AppliesTo"))
    assert etree.tostring(echoed, method="c14n", exclusive=True) == etree.tostring(
        applies_to, method="c14n", exclusive=True, with_comments=False
    )
    assertion = etree.fromstring(answer.assertion)
    assert assertion.tag == f"{{{ns.SAML11 if 'SAMLV1.1' in token_type.text else ns.SAML20}}}Assertion"
    assert any(element.text == "alice" for element in assertion.iter(etree.Element))


@pytest.mark.parametrize("name", BEARER)
def test_the_answer_uses_addressing_as_the_recorded_request_did(name):
    client, answer = Message.read(name).replay()
    collection = "/RSTRC/IssueFinal" if client.trust == ns.WST13 else "/RSTR/Issue"
    expected = (client.trust + collection, MESSAGE_ID[name]) if name in MESSAGE_ID else (None, None)
    assert (client.text(answer, "s:Header/a:Action"), client.text(answer, "s:Header/a:RelatesTo")) == expected


@pytest.mark.parametrize("name", BEARER)
def test_a_recorded_request_with_another_password_is_refused(name):
    message = Message.read(name)
    wrong = re.sub(rb">(s3cret|clarinet)<", b">another<", message.body)
    assert wrong != message.body
    client, answer = changed(message, body=wrong).replay()
    assert (answer.status, answer.fault) == (500, (ns.WSSE, "FailedAuthentication"))
    assert_sound(answer, soap=client.soap)


@pytest.mark.parametrize("name", BEARER)
def test_a_recorded_token_is_validated_and_cancelled(name):
    client, answer = Message.read(name).replay()
    token = answer.assertion.decode()
    password = {"password": "clarinet" if name.startswith("cxf") else "s3cret"}
    assert client.validate(token, **password).status_code == "valid"
    assert client.cancel(token, **password).status == 200
    assert client.validate(token, **password).status_code == "invalid"


class TestGsoap:
    """Its stock client sends no Timestamp, and reads the response of Issue only without a collection."""

    def test_its_recorded_message_is_answered_with_a_bare_response_at_its_own_endpoint(self):
        _, answer = Message.read(GSOAP).replay(path="/gsoap")
        assert answer.status == 200
        (response,) = answer.find("s12:Body")
        assert response.tag == f"{{{ns.WST13}}}RequestSecurityTokenResponse"

    def test_without_its_timestamp_it_is_served_there_and_nowhere_else(self):
        message = Message.read(GSOAP)
        bare = changed(message, body=TIMESTAMP.sub(b"", message.body))
        assert b"Timestamp" not in bare.body
        _, answer = bare.replay(path="/gsoap")
        assert answer.status == 200
        _, refused = bare.replay()
        assert refused.fault == (ns.WSSE, "InvalidSecurity")


@pytest.mark.parametrize("name", KEYS)
def test_a_recorded_request_for_a_key_is_refused_where_the_relying_party_takes_bearer_tokens(name):
    client, answer = Message.read(name).replay()
    assert (answer.status, answer.fault) == (500, (ns.WST13, "BadRequest"))
    assert_sound(answer, soap=client.soap)
    assert client.sts.stores.issued_tokens.rows == {}


@pytest.mark.parametrize("name", SYMMETRIC)
def test_a_recorded_request_for_a_symmetric_key_gets_it(name):
    message = Message.read(name)
    client, answer = message.replay(party=KEYED_PARTY)
    assert answer.status == 200, answer.body
    assert_sound(answer, soap=client.soap)
    (own,) = etree.fromstring(message.body).iter(f"{{{ns.WST13}}}BinarySecret")
    server = client.text(answer, ".//t:RequestSecurityTokenResponse/t:Entropy/t:BinarySecret")
    (encrypted_key,) = etree.fromstring(answer.assertion).iter(f"{{{ns.XENC}}}EncryptedKey")
    assert unwrap(encrypted_key) == p_sha1(base64.b64decode(own.text), base64.b64decode(server), 32)
    assert client.text(answer, ".//t:RequestedProofToken/t:ComputedKey") == f"{ns.WST13}/CK/PSHA1"
    assert client.text(answer, ".//t:KeySize") == "256"


def test_a_recorded_request_for_a_public_key_that_nothing_proves_gets_it_where_the_relying_party_takes_that():
    message = Message.read(PUBLIC)
    client, refused = message.replay(party=KEYED_PARTY)
    assert refused.fault == (ns.WST13, "InvalidRequest")
    client, answer = message.replay(party=changed(KEYED_PARTY, accepts_unproved_keys=True))
    assert answer.status == 200, answer.body
    assert_sound(answer, soap=client.soap)
    (asked,) = etree.fromstring(message.body).iter(f"{{{ns.DS}}}X509Certificate")
    (data,) = etree.fromstring(answer.assertion).iter(f"{{{ns.SAML20}}}SubjectConfirmationData")
    (certified,) = data.iter(f"{{{ns.DS}}}X509Certificate")
    assert certified.text == asked.text
    assert not list(answer.root.iter(f"{{{ns.WST13}}}RequestedProofToken"))


class TestDigest:
    """WSS4J's PasswordDigest with Nonce and Created."""

    DIGEST = Message.read("wss4j-username-digest.xml")

    def test_an_account_that_allows_digests_gets_its_token(self):
        client, answer = self.DIGEST.replay(digests=True)
        assert answer.status == 200, answer.body
        assert_sound(answer, soap=client.soap)
        assert client.text(answer, "s:Header/a:RelatesTo") == "urn:uuid:e1dbee71-9bcf-4263-abf3-580601a59f49"
        assertion = etree.fromstring(answer.assertion)
        assert any(element.text == "alice" for element in assertion.iter(etree.Element))
        (context,) = assertion.iter(f"{{{ns.SAML20}}}AuthnContextClassRef")
        assert context.text == ns.SAML20_AC_PASSWORD_PROTECTED
        (record,) = client.sts.stores.issued_tokens.rows.values()
        assert record.methods == "password-digest-over-tls"

    def test_sent_again_it_is_a_failed_authentication_whatever_the_spelling_of_the_nonce(self):
        client, first = self.DIGEST.replay(digests=True)
        assert first.status == 200
        spelt = self.DIGEST.body.replace(b"+e/syRmD4Q2Y", b"\n+e/s yRmD4Q2Y ")
        assert spelt != self.DIGEST.body
        for body in (self.DIGEST.body, spelt):
            request = Request(method="POST", path=self.DIGEST.path, headers=self.DIGEST.headers, body=body)
            assert client.sts.request(request).fault == (ns.WSSE, "FailedAuthentication")

    @pytest.mark.parametrize(
        ("old", "new"),
        [
            (b"KvUmnzC7", b"LvUmnzC7"),
            (b"+e/syRmD4Q2Y", b"+e/syRmD4Q2Z"),
            (b"17:50.432Z", b"17:50.433Z"),
            (b">alice<", b">bob<"),
            (b"#PasswordDigest", b"#PasswordText"),
        ],
    )
    def test_changed_anywhere_it_is_a_failed_authentication(self, old, new):
        assert self.DIGEST.body.count(old) == 1
        client, answer = changed(self.DIGEST, body=self.DIGEST.body.replace(old, new)).replay(digests=True)
        assert answer.fault == (ns.WSSE, "FailedAuthentication")
        assert client.sts.stores.replay_cache.rows == {}

    def test_of_an_account_that_does_not_allow_digests_it_is_a_failed_authentication(self):
        client, answer = self.DIGEST.replay()
        assert (answer.status, answer.fault) == (500, (ns.WSSE, "FailedAuthentication"))
        assert_sound(answer, soap=client.soap)
        assert client.text(answer, "s:Header/a:RelatesTo") == "urn:uuid:e1dbee71-9bcf-4263-abf3-580601a59f49"

    def test_a_day_later_it_has_expired(self):
        client, _ = self.DIGEST.replay(digests=True)
        client.sts.clock.now = client.sts.clock.now.replace(day=24)
        request = Request(method="POST", path=self.DIGEST.path, headers=self.DIGEST.headers, body=self.DIGEST.body)
        assert client.sts.request(request).fault == (ns.WSSE, "MessageExpired")


@pytest.mark.parametrize("name", BEARER)
def test_a_recorded_message_replayed_a_day_later_has_expired(name):
    message = Message.read(name)
    client, _ = message.replay()
    client.sts.clock.now = client.sts.clock.now.replace(day=24)
    answer = client.sts.request(Request(method="POST", path=message.path, headers=message.headers, body=message.body))
    assert answer.fault == (ns.WSSE, "MessageExpired")


def test_every_recorded_request_with_a_username_token_is_replayed():
    found = {
        str(path.relative_to(RECORDED))
        for path in RECORDED.rglob("*")
        if path.suffix in (".http", ".xml") and b":UsernameToken" in path.read_bytes() and "response" not in path.name
    }
    assert found == {*BEARER, *KEYS, *ADFS, "wss4j-username-digest.xml"}
