"""Keys that tokens are to be bound to, as asked for: read, opened, and decided about."""

import base64
from dataclasses import replace

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

from tests.fuzz import mutations, seeds
from tests.fuzz.protection import message_key
from tests.fuzz.target import Target, refusing
from tests.holders import KEYED_PARTY
from wstrust_sts import ns
from wstrust_sts.errors import StsError
from wstrust_sts.model import KeyType, RequestSecurityToken, TrustVersion, VerifiedMessage
from wstrust_sts.proof_keys import ClientEntropy, ClientKey, ProvedKey, PublicProof, SealedClientKey, SymmetricProof
from wstrust_sts.proof_policy import choose_proof
from wstrust_sts.wire.public_keys import read_certified_key
from wstrust_sts.wire.wst import read_rst
from wstrust_sts.wire.xml import Element, parse

WILLING = replace(KEYED_PARTY, accepts_client_keys=True)


def _proved() -> tuple[ProvedKey, ...]:
    """The requestor showed the certificate that the recorded UseKey has."""
    written = seeds.recorded_certificate()
    return (ProvedKey(read_certified_key(base64.b64decode(written))),)


def _keys(octets: bytes) -> None:
    """Of either version. Whatever is read is what the octets say by another reading, and what is chosen is allowed."""
    root = parse(octets)
    version = TrustVersion.V2005 if ns.WST05 in str(root.tag) else TrustVersion.V13
    proved = _proved()
    rst = read_rst(root, version=version, action=None, proved=proved, decrypters=lambda: [message_key()])
    _judge_secret(rst, root)
    if rst.use_key is not None and rst.use_key.key is not None:
        _judge_public(rst.use_key.key)
    proof = choose_proof(
        rst.key_type or KeyType.SYMMETRIC,
        rst,
        (WILLING,),
        message=VerifiedMessage(credentials=(), tls=True, proved_keys=proved),
        kept=None,
    )
    match proof:
        case SymmetricProof(secret=secret):
            assert 16 <= len(secret) <= 64
            assert rst.key_size in (None, 8 * len(secret))
        case PublicProof():
            assert any(each.proves(proof) for each in proved)
        case None:
            assert rst.key_type is KeyType.BEARER


def _judge_secret(rst: RequestSecurityToken, root: Element) -> None:
    match rst.entropy:
        case ClientEntropy(secret) | ClientKey(secret):
            assert 16 <= len(secret) <= 1024
            written = (element.text or "" for element in root.iter(f"{{{rst.version.namespace}}}BinarySecret"))
            assert secret in [base64.b64decode("".join(text.split())) for text in written]
        case SealedClientKey(open=open_key):
            opened = open_key()
            assert opened is None or len(opened) <= 256


def _judge_public(key: PublicProof) -> None:
    def encoded(public_key) -> bytes:
        return public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

    assert encoded(load_der_public_key(key.key_info)) == key.key_info
    if key.certificate is not None:
        assert encoded(x509.load_der_x509_certificate(key.certificate).public_key()) == key.key_info


KEYS = (
    Target(name="keys", run=refusing(StsError)(_keys), seeds=seeds.requests_for_keys, mutate=mutations.xml, share=2),
)
