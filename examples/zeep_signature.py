"""A zeep plug-in for endpoints with the policy certificatesigned, where X.509 certificates sign both messages.

zeep's own BinarySignature signs the Body, and a Timestamp if there is one. The endpoint demands a Timestamp, and that
every WS-Addressing header is signed, too. And a signature says something of an answer only when it covers its Body.
"""

import base64
from datetime import UTC, datetime, timedelta
from pathlib import Path

import xmlsec
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree
from zeep import ns
from zeep.exceptions import SignatureVerificationFailed
from zeep.wsse.signature import MemorySignature
from zeep.wsse.utils import WSSE, WSU, ensure_id, get_security_header

X509V3 = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-x509-token-profile-1.0#X509v3"
BASE64 = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-soap-message-security-1.0#Base64Binary"


class SignedMessages(MemorySignature):
    """Signs with `key`, whose `certificate` goes along; verifies with `sts_certificate`. All are PEM files.

    The STS's is printed by `wstrust-sts key list --use message --pem`.
    """

    def __init__(self, key: str, certificate: str, sts_certificate: str) -> None:
        super().__init__(Path(key).read_bytes(), Path(sts_certificate).read_bytes())
        self.certificate = x509.load_pem_x509_certificate(Path(certificate).read_bytes()).public_bytes(Encoding.DER)

    def apply(self, envelope, headers):
        now = datetime.now(UTC)
        soon = now + timedelta(minutes=5)
        stamp = WSU.Timestamp(WSU.Created(f"{now:%FT%TZ}"), WSU.Expires(f"{soon:%FT%TZ}"))
        shown = base64.b64encode(self.certificate).decode()
        token = WSSE.BinarySecurityToken(shown, ValueType=X509V3, EncodingType=BASE64)
        signature = xmlsec.template.create(envelope, xmlsec.Transform.EXCL_C14N, xmlsec.Transform.RSA_SHA256)
        name = WSSE.SecurityTokenReference(WSSE.Reference(URI=f"#{ensure_id(token)}", ValueType=X509V3))
        xmlsec.template.ensure_key_info(signature).append(name)
        security = get_security_header(envelope)
        security.extend([stamp, token, signature])
        context = xmlsec.SignatureContext()
        context.key = xmlsec.Key.from_memory(self.key_data, xmlsec.KeyFormat.PEM)
        addressing = [block for block in security.getparent() if etree.QName(block).namespace == ns.WSA]
        for part in (stamp, *addressing, _body(envelope)):
            identifier = ensure_id(part)
            context.register_id(part, "Id", ns.WSU)
            reference = xmlsec.template.add_reference(signature, xmlsec.Transform.SHA256, uri=f"#{identifier}")
            xmlsec.template.add_transform(reference, xmlsec.Transform.EXCL_C14N)
        context.sign(signature)
        return envelope, headers

    def verify(self, envelope):
        signatures = get_security_header(envelope).findall(f"{{{ns.DS}}}Signature")
        body = _body(envelope)
        if not signatures and etree.QName(body[0]).localname == "Fault":
            return envelope  # of a message that was refused before anybody knew who had signed it
        identifier = body.get(f"{{{ns.WSU}}}Id")
        named = [part.get("URI") for signature in signatures for part in signature.findall(f"{{{ns.DS}}}SignedInfo/*")]
        alike = [element for element in envelope.iter() if element.get(f"{{{ns.WSU}}}Id") == identifier]
        if len(signatures) != 1 or f"#{identifier}" not in named or len(alike) != 1:
            raise SignatureVerificationFailed()
        return super().verify(envelope)


def _body(envelope):
    return envelope.find(f"{{{etree.QName(envelope).namespace}}}Body")
