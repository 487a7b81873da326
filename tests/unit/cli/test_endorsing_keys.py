"""Endorsing signatures of the token client, as the endpoint's own reader sees them: by a certificate's key, and by the
key that an issued token is bound to.
"""

from datetime import timedelta

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from tests.answering import AnsweringSts, message_key, private_key
from tests.certificates import key, leaf
from tests.fakes import NOON
from tests.terms import over_tls
from wstrust_sts import ns
from wstrust_sts.cli.endorsing_keys import endorse_by_certificate, endorse_by_token
from wstrust_sts.cli.exchanges.over_tls import OverTls
from wstrust_sts.cli.key_wishes import SecretKey
from wstrust_sts.cli.output import Refusal
from wstrust_sts.cli.proof_files import own_key
from wstrust_sts.cli.sts_client import StsClient, TokenWish
from wstrust_sts.errors import FailedCheck
from wstrust_sts.model import TrustVersion
from wstrust_sts.wire.algorithms import BASIC256_SHA1
from wstrust_sts.wire.certificates import read_certificate
from wstrust_sts.wire.endorsing import read_endorsed
from wstrust_sts.wire.keyinfo import ByAssertionId
from wstrust_sts.wire.message_signature import MacKey
from wstrust_sts.wire.soap import SoapVersion, read_envelope
from wstrust_sts.wire.xml import parse

SECRET = b"k" * 32
TOKENS = {
    "SAML 2.0": f'<a:Assertion xmlns:a="{ns.SAML20}" ID="_t"><a:Issuer>i</a:Issuer></a:Assertion>',
    "SAML 1.1": f'<a:Assertion xmlns:a="{ns.SAML11}" AssertionID="_t" Issuer="i"/>',
}
TARGET = f'<a:Assertion xmlns:a="{ns.SAML20}" ID="_another"/>'.encode()
METHODS = {"signature": ns.RSA_SHA256, "mac": ns.HMAC_SHA1, "digest": ns.SHA256}
TERMS = over_tls(algorithms=BASIC256_SHA1, signer=lambda: message_key("sts"))


def sent(binding: OverTls, *, soap: str = "1.2", trust: TrustVersion = TrustVersion.V13, **how) -> bytes:
    sts = AnsweringSts("usernamemixed", trust=trust.namespace)
    asking = StsClient(connection=sts, binding=binding, soap=soap, trust=trust, **how)
    with pytest.raises(Refusal):  # that endpoint takes passwords only
        asking.renew(how.get("shown", TARGET), now=NOON)
    return sts.received[0]


def read(octets: bytes, verifies, *, now=NOON):
    """What the message is endorsed by: the name of the key and the rest of the header, if `verifies` does."""
    used = []

    def find_key(name, parts, ids):
        used.append((name, dict(parts)))
        return verifies(parts) if callable(verifies) else verifies

    version = SoapVersion.SOAP11 if ns.SOAP11.encode() in octets else SoapVersion.SOAP12
    endorsed = read_endorsed(read_envelope(parse(octets), expected=version), TERMS, find_key=find_key)
    return endorsed, *used[0]


@pytest.mark.parametrize("soap", ["1.1", "1.2"])
@pytest.mark.parametrize("trust", TrustVersion)
@pytest.mark.parametrize("written", TOKENS)
@pytest.mark.parametrize("mac", [ns.HMAC_SHA1, ns.HMAC_SHA256])
def test_a_token_endorses_by_the_secret_that_it_is_bound_to(written, mac, trust, soap):
    token = TOKENS[written].encode()
    binding = OverTls(endorsement=endorse_by_token(token, SecretKey(SECRET), **METHODS | {"mac": mac}))
    endorsed, name, parts = read(sent(binding, soap=soap, trust=trust), MacKey(SECRET))
    assert name == ByAssertionId("_t")
    assert [tag.partition("}")[2] for tag in parts] == ["Assertion"]
    assert endorsed.signature.method == mac


def test_a_token_that_is_the_proof_and_the_target_stands_in_the_message_once():
    token = TOKENS["SAML 2.0"].encode()
    binding = OverTls(endorsement=endorse_by_token(token, SecretKey(SECRET), **METHODS))
    octets = sent(binding, shown=token)
    assert octets.count(b"Assertion xmlns") == 1
    assert b"<t:RenewTarget><o:SecurityTokenReference" in octets
    read(octets, MacKey(SECRET))


def test_another_secret_is_not_the_tokens():
    binding = OverTls(endorsement=endorse_by_token(TOKENS["SAML 2.0"].encode(), SecretKey(b"x" * 32), **METHODS))
    with pytest.raises(FailedCheck):
        read(sent(binding), MacKey(SECRET))


class Elliptic:
    """Verifies with `cryptography` alone."""

    def __init__(self, public_key, digest):
        self._public_key, self._digest = public_key, digest

    def verify(self, signature, octets, *, algorithm):
        half = len(signature) // 2
        r, s = int.from_bytes(signature[:half], "big"), int.from_bytes(signature[half:], "big")
        try:
            self._public_key.verify(encode_dss_signature(r, s), octets, ec.ECDSA(self._digest))
        except InvalidSignature:
            raise FailedCheck("not a signature") from None


@pytest.mark.parametrize(
    ("kind", "signature", "digest"),
    [
        ("ec", ns.RSA_SHA256, hashes.SHA256()),
        ("ec-p384", ns.RSA_SHA384, hashes.SHA384()),
        ("ec", ns.RSA_SHA512, hashes.SHA512()),
    ],
)
def test_an_elliptic_key_signs_by_the_same_hash(kind, signature, digest):
    private = key("endorsing", kind)
    methods = METHODS | {"signature": signature}
    binding = OverTls(endorsement=endorse_by_token(TOKENS["SAML 2.0"].encode(), own_key(private), **methods))
    endorsed, *_ = read(sent(binding), Elliptic(private.public_key(), digest))
    assert endorsed.signature.method.rpartition("#")[2].removeprefix("ecdsa") == signature.rpartition("#")[2][3:]


@pytest.mark.parametrize("kind", ["rsa-2048", "ec", "ec-p384"])
@pytest.mark.parametrize("digest", [ns.SHA1, ns.SHA256, ns.SHA512])
def test_a_certificate_goes_along_with_its_signature(kind, digest):
    private, certificate = key("endorsing", kind), leaf("endorsing", kind=kind)
    endorsement = endorse_by_certificate(private, certificate=certificate, signature=ns.RSA_SHA256, digest=digest)
    octets = sent(OverTls(user="alice", password="clarinet", endorsement=endorsement))
    _, _, parts = read(octets, read_certificate(certificate))
    assert [tag.partition("}")[2] for tag in parts] == ["UsernameToken", "BinarySecurityToken"]


@pytest.mark.parametrize("changed", [b"<u:Created>2", b"sts.example.test/trust</a:To>"])
def test_timestamp_and_address_are_signed(changed):
    certificate = message_key("alice").certificate
    endorsement = endorse_by_certificate(
        private_key("alice"), certificate=certificate, signature=ns.RSA_SHA256, digest=ns.SHA256
    )
    octets = sent(OverTls(endorsement=endorsement))
    assert changed in octets
    with pytest.raises(FailedCheck):
        read(octets.replace(changed, changed.replace(b"sts", b"another").replace(b">2", b"> 2")), _alice(certificate))


def _alice(certificate: bytes):
    return lambda parts: read_certificate(certificate)


def test_two_messages_have_two_timestamps_even_at_one_time():
    endorsement = endorse_by_token(TOKENS["SAML 2.0"].encode(), SecretKey(SECRET), **METHODS)
    one, two = (read(sent(OverTls(endorsement=endorsement)), MacKey(SECRET))[0] for _ in range(2))
    assert one.signature.value != two.signature.value


def test_an_elliptic_key_does_not_sign_by_sha1():
    endorsement = endorse_by_token(
        TOKENS["SAML 2.0"].encode(), own_key(key("endorsing")), **METHODS | {"signature": ns.RSA_SHA1}
    )
    asking = StsClient(connection=AnsweringSts("certificatemixed"), binding=OverTls(endorsement=endorsement))
    with pytest.raises(Refusal, match="cannot be written"):
        asking.issue(TokenWish(), now=NOON + timedelta(0))


@pytest.mark.parametrize("token", [b"<x/>", b"no xml", f'<e:EncryptedData xmlns:e="{ns.XENC}"/>'.encode()])
def test_only_an_assertion_in_the_clear_can_prove_who_asks(token):
    with pytest.raises(Refusal):
        endorse_by_token(token, SecretKey(SECRET), **METHODS)
