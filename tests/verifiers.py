"""What is not ours: independent verifiers of signatures, and the published schemas."""

from pathlib import Path

import signxml
import xmlsec
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from lxml import etree

from wstrust_sts import ns

SCHEMAS = Path(__file__).parent / "vectors" / "saml"
ID_ATTRIBUTES = ("ID", "AssertionID")


def xmlsec_verify(markup: bytes, certificate: bytes) -> None:
    """Raises xmlsec.Error unless the signature that is a child of the root is by the key of `certificate` (DER)."""
    root = etree.fromstring(markup)
    xmlsec.tree.add_ids(root, list(ID_ATTRIBUTES))
    context = xmlsec.SignatureContext()
    context.key = xmlsec.Key.from_memory(certificate, xmlsec.KeyFormat.CERT_DER)
    context.verify(root.find(f"{{{ns.DS}}}Signature"))


def signxml_verify(markup: bytes, certificate: bytes, id_attribute: str):
    """What was signed by the key of `certificate` (DER), with SHA-256. Raises what signxml raises."""
    loaded = x509.load_der_x509_certificate(certificate)
    method = ns.RSA_SHA256 if isinstance(loaded.public_key(), RSAPublicKey) else ns.ECDSA_SHA256
    config = signxml.SignatureConfiguration(
        location="./",
        signature_methods=frozenset({signxml.SignatureMethod(method)}),
        digest_algorithms=frozenset({signxml.DigestAlgorithm.SHA256}),
    )
    pem = loaded.public_bytes(Encoding.PEM).decode()
    return signxml.XMLVerifier().verify(markup, x509_cert=pem, id_attribute=id_attribute, expect_config=config)


def schema(name: str) -> etree.XMLSchema:
    """The schema in the file `name`; what it imports is found beside it."""
    parser = etree.XMLParser(no_network=True)
    parser.resolvers.add(_BesideThis())
    return etree.XMLSchema(etree.parse(str(SCHEMAS / name), parser))


class _BesideThis(etree.Resolver):
    def resolve(self, url, _public_id, context):
        return self.resolve_filename(str(SCHEMAS / url.rsplit("/", 1)[-1]), context)


def xmlsec_decrypt(markup: bytes, key: RSAPrivateKey) -> bytes:
    """The element that the one EncryptedData in the document hides from all but the holder of `key`."""
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    manager = xmlsec.KeysManager()
    manager.add_key(xmlsec.Key.from_memory(pem, xmlsec.KeyFormat.PEM))
    root = etree.fromstring(b"<x>" + markup + b"</x>")
    (encrypted,) = root.iter(f"{{{ns.XENC}}}EncryptedData")
    decrypted = xmlsec.EncryptionContext(manager).decrypt(encrypted)
    return etree.tostring(decrypted, method="c14n", exclusive=True, with_comments=False)
