from dataclasses import replace
from datetime import timedelta
from functools import cache

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP, PKCS1v15

from tests.assertions import BOX, signing_key, verification_key
from tests.fakes import NOON
from wstrust_sts import ns, ports
from wstrust_sts.errors import FailedCheck, RequestFailed, UnsupportedAlgorithm
from wstrust_sts.keys import (
    KEY_ALGORITHMS,
    MESSAGE_KEY_ALGORITHMS,
    AesGcmSecretBox,
    LocalMessageKey,
    LocalSigner,
    PublicVerificationKey,
    demand_usable,
    generate_key_encryption_key,
    key_id_of,
    make_signing_key,
    unwrap,
    unwrap_message_key,
)
from wstrust_sts.records import KeyState, KeyUse

each_key = pytest.mark.parametrize("algorithm", KEY_ALGORITHMS)


def make(
    algorithm="ec-p256", *, realm="default", name="https://sts.example.test/", use=KeyUse.TOKEN, state=KeyState.ACTIVE
):
    return make_signing_key(realm, algorithm=algorithm, name=name, now=NOON, box=BOX, use=use, state=state)


@cache
def message_key(algorithm="rsa-2048", *, copy=0):
    """One for each algorithm and `copy`; making them is slow."""
    return make(algorithm, use=KeyUse.MESSAGE)


def encrypted_for(record, secret=b"s" * 32, *, digest=hashes.SHA1, mask=hashes.SHA1):
    public_key = x509.load_der_x509_certificate(record.certificate).public_key()
    return public_key.encrypt(secret, OAEP(MGF1(mask()), digest(), None))


# -- signing and verifying ---------------------------------------------------------------------------------------


@each_key
def test_what_a_signer_signs_its_verification_key_verifies(algorithm):
    signer: ports.Signer = signing_key(algorithm)
    key: ports.VerificationKey = verification_key(signer)
    signature = signer.sign(b"octets")
    key.verify(signature, b"octets", algorithm=signer.algorithm)
    assert key.key_id == signer.key_id == key_id_of(signer.certificates[0])
    with pytest.raises(FailedCheck):
        key.verify(signature, b"other", algorithm=signer.algorithm)
    with pytest.raises(FailedCheck):
        key.verify(signature[:-1], b"octets", algorithm=signer.algorithm)
    with pytest.raises(FailedCheck):
        key.verify(b"", b"octets", algorithm=signer.algorithm)


@pytest.mark.parametrize(
    ("algorithm", "method", "octets"),
    [("rsa-2048", ns.RSA_SHA256, 256), ("rsa-3072", ns.RSA_SHA256, 384), ("ec-p256", ns.ECDSA_SHA256, 64)],
)
def test_the_signature_value_is_as_long_as_its_method_says(algorithm, method, octets):
    signer = signing_key(algorithm)
    assert signer.algorithm == method
    assert signer.digest_algorithm == ns.SHA256
    for _ in range(20):
        assert len(signer.sign(b"x")) == octets


def test_a_key_verifies_only_methods_of_its_family():
    rsa_key, elliptic = verification_key(signing_key()), verification_key(signing_key("ec-p256"))
    assert rsa_key.algorithms == {ns.RSA_SHA256, ns.RSA_SHA384, ns.RSA_SHA512}
    assert elliptic.algorithms == {ns.ECDSA_SHA256, ns.ECDSA_SHA384, ns.ECDSA_SHA512}
    with pytest.raises(FailedCheck, match="is not for"):
        rsa_key.verify(b"x", b"x", algorithm=ns.ECDSA_SHA256)
    with pytest.raises(FailedCheck, match="is not for"):
        elliptic.verify(b"x" * 64, b"x", algorithm=ns.RSA_SHA256)
    for method in (ns.DS + "rsa-sha1", ns.DS + "hmac-sha1", ""):
        with pytest.raises(FailedCheck, match="is not for"):
            rsa_key.verify(b"x", b"x", algorithm=method)


def test_an_rsa_key_verifies_each_sha_2():
    private_key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    key = PublicVerificationKey(private_key.public_key(), key_id="k")
    for method, digest in ((ns.RSA_SHA384, hashes.SHA384()), (ns.RSA_SHA512, hashes.SHA512())):
        signature = private_key.sign(b"octets", PKCS1v15(), digest)
        key.verify(signature, b"octets", algorithm=method)
        with pytest.raises(FailedCheck):
            key.verify(signature, b"octets", algorithm=ns.RSA_SHA256)


def test_a_short_rsa_key_and_another_curve_are_refused():
    short = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    other = ec.generate_private_key(ec.SECP384R1())
    for private_key in (short, other):
        with pytest.raises(ValueError):
            LocalSigner(private_key, key_id="k", certificates=())
        with pytest.raises(ValueError):
            PublicVerificationKey(private_key.public_key(), key_id="k")


# -- the secret box ------------------------------------------------------------------------------------------------


def test_what_is_sealed_opens_for_its_purpose_alone():
    box: ports.SecretBox = AesGcmSecretBox(generate_key_encryption_key())
    sealed = box.seal(b"secret", purpose="a")
    assert b"secret" not in sealed
    assert box.open(sealed, purpose="a") == b"secret"
    with pytest.raises(RequestFailed):
        box.open(sealed, purpose="b")


def test_another_key_encryption_key_does_not_open():
    sealed = AesGcmSecretBox(generate_key_encryption_key()).seal(b"secret", purpose="a")
    with pytest.raises(RequestFailed, match="another key-encryption key"):
        AesGcmSecretBox(generate_key_encryption_key()).open(sealed, purpose="a")


def test_any_changed_or_missing_octet_is_refused():
    sealed = BOX.seal(b"secret", purpose="a")
    for position in range(len(sealed)):
        changed = bytearray(sealed)
        changed[position] ^= 1
        with pytest.raises(RequestFailed):
            BOX.open(bytes(changed), purpose="a")
        with pytest.raises(RequestFailed):
            BOX.open(sealed[:position], purpose="a")


def test_the_same_secret_is_never_sealed_the_same():
    assert len({BOX.seal(b"secret", purpose="a") for _ in range(50)}) == 50


@pytest.mark.parametrize("length", [0, 16, 31, 33, 64])
def test_a_key_encryption_key_has_32_octets(length):
    with pytest.raises(ValueError):
        AesGcmSecretBox(b"k" * length)
    assert len(generate_key_encryption_key()) == 32


# -- making a key ----------------------------------------------------------------------------------------------------


@each_key
def test_a_made_key_has_a_self_signed_certificate_for_signatures_only(algorithm):
    record = make(algorithm)
    certificate = x509.load_der_x509_certificate(record.certificate)
    certificate.verify_directly_issued_by(certificate)
    usage = certificate.extensions.get_extension_for_class(x509.KeyUsage)
    assert usage.critical
    assert usage.value.digital_signature
    assert not usage.value.key_cert_sign
    assert not usage.value.content_commitment
    assert not certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert certificate.not_valid_before_utc <= NOON
    assert certificate.not_valid_after_utc - NOON >= timedelta(days=3650)
    assert certificate.subject.rfc4514_string() == "CN=https://sts.example.test/"
    assert record.algorithm == algorithm
    assert record.id == key_id_of(record.certificate)
    assert record.created_at == NOON


def test_serial_numbers_are_large_and_all_different():
    serials = {x509.load_der_x509_certificate(make().certificate).serial_number for _ in range(20)}
    assert len(serials) == 20
    assert max(serials).bit_length() > 120


def test_a_long_name_is_cut_to_what_a_common_name_holds():
    certificate = x509.load_der_x509_certificate(make(name="https://" + "a" * 100).certificate)
    assert len(certificate.subject.rfc4514_string()) == 64 + len("CN=")


@pytest.mark.parametrize("algorithm", ["rsa-1024", "RSA-2048", "", "ed25519"])
def test_an_unknown_algorithm_is_refused(algorithm):
    with pytest.raises(ValueError, match="rsa-2048"):
        make(algorithm)


def test_a_private_key_is_not_in_its_record_unsealed():
    record = make()
    octets = BOX.open(record.wrapped_private_key, purpose=f"signing-key default {record.id}")
    assert octets not in record.wrapped_private_key
    assert "wrapped" not in repr(record)


def test_a_wrapped_key_moved_to_another_row_does_not_open():
    one, two = make(), make()
    with pytest.raises(RequestFailed):
        unwrap(replace(one, wrapped_private_key=two.wrapped_private_key), box=BOX)
    with pytest.raises(RequestFailed):
        unwrap(replace(one, realm="other"), box=BOX)


def test_a_certificate_of_another_key_is_refused():
    one, two = make(), make()
    with pytest.raises(RequestFailed, match="not of this key"):
        unwrap(replace(one, certificate=two.certificate), box=BOX)


# -- message keys ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", MESSAGE_KEY_ALGORITHMS)
def test_the_certificate_of_a_message_key_is_for_signatures_and_for_encryption(algorithm):
    certificate = x509.load_der_x509_certificate(message_key(algorithm).certificate)
    usage = certificate.extensions.get_extension_for_class(x509.KeyUsage)
    assert usage.critical
    assert (usage.value.digital_signature, usage.value.key_encipherment, usage.value.data_encipherment) == (True,) * 3
    assert not usage.value.key_cert_sign
    identifier = certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    assert identifier == x509.SubjectKeyIdentifier.from_public_key(certificate.public_key())


def test_the_certificate_of_a_token_key_is_not_for_encryption():
    usage = x509.load_der_x509_certificate(make().certificate).extensions.get_extension_for_class(x509.KeyUsage).value
    assert not usage.key_encipherment
    assert not usage.data_encipherment


def test_a_message_key_is_rsa_because_nothing_can_be_encrypted_for_another():
    with pytest.raises(ValueError, match="ec-p256 is not an algorithm of message keys; use one of rsa-2048, rsa-3072"):
        make("ec-p256", use=KeyUse.MESSAGE)
    elliptic = make("ec-p256")
    octets = BOX.open(elliptic.wrapped_private_key, purpose=f"signing-key default {elliptic.id}")
    sealed = BOX.seal(octets, purpose=f"message-key default {elliptic.id}")
    with pytest.raises(RequestFailed, match="not RSA"):
        unwrap_message_key(replace(elliptic, use=KeyUse.MESSAGE, wrapped_private_key=sealed), box=BOX)


def test_a_message_key_opens_what_is_encrypted_for_its_certificate_and_signs():
    record = message_key()
    key = unwrap_message_key(record, box=BOX)
    signer: ports.MessageSigner = key
    decrypter: ports.Decrypter = key
    assert signer.certificate == decrypter.certificate == record.certificate
    assert decrypter.decrypt(encrypted_for(record), digest=ns.SHA1, mask=ns.SHA1) == b"s" * 32
    mixed = encrypted_for(record, digest=hashes.SHA256)
    assert decrypter.decrypt(mixed, digest=ns.SHA256, mask=ns.SHA1) == b"s" * 32
    signature = signer.sign(b"octets", algorithm=ns.RSA_SHA384)
    PublicVerificationKey.of_certificate(record.certificate).verify(signature, b"octets", algorithm=ns.RSA_SHA384)


@pytest.mark.parametrize("method", [ns.ECDSA_SHA256, ns.HMAC_SHA256, ns.DS + "dsa-sha1", ""])
def test_a_message_key_signs_by_no_other_family(method):
    with pytest.raises(UnsupportedAlgorithm):
        unwrap_message_key(message_key(), box=BOX).sign(b"octets", algorithm=method)


def test_what_is_not_for_a_message_key_does_not_open():
    key = unwrap_message_key(message_key(), box=BOX)
    good = encrypted_for(message_key())
    for garbage in (b"", b"x", b"\x00" * 256, b"\xff" * 256, good[:-1], good + b"\x00", good[:-1] + b"\x00\x01"):
        assert key.decrypt(garbage, digest=ns.SHA1, mask=ns.SHA1) is None
    assert key.decrypt(encrypted_for(message_key(copy=1)), digest=ns.SHA1, mask=ns.SHA1) is None
    assert key.decrypt(good, digest=ns.SHA256, mask=ns.SHA1) is None


def test_a_key_of_one_use_never_stands_in_for_the_other():
    token, message = make("rsa-2048"), message_key()
    with pytest.raises(RequestFailed, match="not for messages"):
        unwrap_message_key(token, box=BOX)
    with pytest.raises(RequestFailed, match="not for tokens"):
        unwrap(message, box=BOX)
    with pytest.raises(RequestFailed, match="does not open"):
        unwrap_message_key(replace(token, use=KeyUse.MESSAGE), box=BOX)
    with pytest.raises(RequestFailed, match="does not open"):
        unwrap(replace(message, use=KeyUse.TOKEN), box=BOX)


def test_a_message_key_moved_to_another_row_or_certificate_does_not_open():
    one, two = message_key(), message_key(copy=1)
    for changed in (
        replace(one, wrapped_private_key=two.wrapped_private_key),
        replace(one, realm="other"),
        replace(one, certificate=two.certificate),
        replace(one, certificate=b"garbage"),
    ):
        with pytest.raises(RequestFailed):
            unwrap_message_key(changed, box=BOX)
        with pytest.raises(RequestFailed):
            demand_usable(changed, box=BOX)
    demand_usable(one, box=BOX)


def test_a_short_message_key_is_refused():
    short = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    with pytest.raises(ValueError):
        LocalMessageKey(short, certificate=b"")
