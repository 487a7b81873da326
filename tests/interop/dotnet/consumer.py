"""SignedXml and EncryptedXml of .NET as a service has them.

Each line of its input is a question in JSON, and gets a line of JSON back. They verify and decrypt; what the assertion
says is read from the element that was verified.
"""

import json
import os
import sys
from functools import cache

import clr
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, load_pem_private_key
from cryptography.hazmat.primitives.serialization.pkcs12 import serialize_key_and_certificates
from cryptography.x509 import load_pem_x509_certificate

LIBRARIES = os.environ["DOTNET_LIBRARIES"]
DS = "http://www.w3.org/2000/09/xmldsig#"
XENC = "http://www.w3.org/2001/04/xmlenc#"
METADATA = ("EntityDescriptor", "urn:oasis:names:tc:SAML:2.0:metadata")
IDS = {
    ("Assertion", "urn:oasis:names:tc:SAML:2.0:assertion"): "ID",
    ("Assertion", "urn:oasis:names:tc:SAML:1.0:assertion"): "AssertionID",
    METADATA: "ID",
}


class Refused(Exception):
    """The token is not taken."""


def main() -> None:
    clr.AddReference("System.Security.Cryptography")
    clr.AddReference("System.Private.Xml")
    for name in ("System.Security.Permissions", "System.Security.Cryptography.Xml"):
        clr.AddReference(f"{LIBRARIES}/{name}.dll")
    from System import Exception as Failure

    for line in sys.stdin:
        question = json.loads(line)
        try:
            answer = take(question["markup"], question["trusted"])
        except (Refused, Failure) as failure:
            answer = {"refused": f"{type(failure).__name__}: {failure}"}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


def take(markup: str, trusted: dict) -> dict:
    """Name and attributes of a token's subject, or the name in metadata. Raises Refused, and what .NET throws."""
    document = parse(markup)
    if document.GetElementsByTagName("EncryptedData", XENC).Count:
        document = parse(decrypt(document, trusted["key"], trusted["key_certificate"]))
    signed = document.DocumentElement
    verify(signed, trusted["certificate"])
    if name_of(signed) == METADATA:
        return {"name": signed.GetAttribute("entityID"), "attributes": {}}
    return read_subject(signed)


def name_of(element) -> tuple[str, str]:
    return element.LocalName, element.NamespaceURI


def parse(markup: str):
    from System.Xml import XmlDocument

    document = XmlDocument()
    document.PreserveWhitespace = True
    document.LoadXml(markup)
    return document


def decrypt(document, key: str, certificate: str) -> str:
    """What is in the one EncryptedData, by the one EncryptedKey in it."""
    from System.Security.Cryptography.Xml import EncryptedData, EncryptedKey, EncryptedXml
    from System.Text import UTF8Encoding

    data, wrapped = EncryptedData(), EncryptedKey()
    data.LoadXml(document.GetElementsByTagName("EncryptedData", XENC)[0])
    wrapped.LoadXml(document.GetElementsByTagName("EncryptedKey", XENC)[0])
    method = data.EncryptionMethod.KeyAlgorithm
    oaep = wrapped.EncryptionMethod.KeyAlgorithm == EncryptedXml.XmlEncRSAOAEPUrl
    secret = EncryptedXml.DecryptKey(wrapped.CipherData.CipherValue, private_key(key, certificate), oaep)
    opening = EncryptedXml(document)
    return UTF8Encoding().GetString(opening.DecryptData(data, cipher(method, secret)))


def private_key(key: str, certificate: str):
    """As .NET has it from a store: it takes no PEM from Python."""
    from System.Security.Cryptography.X509Certificates import RSACertificateExtensions, X509Certificate2

    own = load_pem_x509_certificate(certificate.encode())
    store = serialize_key_and_certificates(
        None, load_pem_private_key(key.encode(), None), own, None, BestAvailableEncryption(b"changeit")
    )
    return RSACertificateExtensions.GetRSAPrivateKey(X509Certificate2(octets(store), "changeit"))


def octets(value: bytes):
    from System import Array, Byte

    return Array[Byte](value)


def cipher(method: str, secret):
    from System.Security.Cryptography import Aes
    from System.Security.Cryptography.Xml import EncryptedXml

    if method not in (EncryptedXml.XmlEncAES128Url, EncryptedXml.XmlEncAES192Url, EncryptedXml.XmlEncAES256Url):
        raise Refused(f"EncryptedXml has no {method}")
    aes = Aes.Create()
    aes.Key = secret
    return aes


def verify(element, certificate: str) -> None:
    """The signature among the element's children is by this certificate's key, and of this element."""
    from System.Security.Cryptography.X509Certificates import X509Certificate2

    if name_of(element) not in IDS:
        raise Refused("neither an assertion nor metadata")
    identifier = element.GetAttribute(IDS[name_of(element)])
    signatures = [child for child in element.ChildNodes if name_of(child) == ("Signature", DS)]
    if len(signatures) != 1:
        raise Refused("not one signature")
    signed = signed_xml_class()(element)
    signed.element, signed.identifier = element, identifier
    signed.LoadXml(signatures[0])
    if [reference.Uri for reference in signed.SignedInfo.References] != [f"#{identifier}"]:
        raise Refused("another element is signed")
    trusted = load_pem_x509_certificate(certificate.encode()).public_bytes(Encoding.DER)
    if not signed.CheckSignature(X509Certificate2(octets(trusted)), True):
        raise Refused("the signature is wrong")


@cache
def signed_xml_class():
    """Once: .NET knows it by its name from then on."""
    from System.Security.Cryptography.Xml import SignedXml

    class SamlSignedXml(SignedXml):
        """It finds the element by SAML's identifiers, which are not all called ID."""

        __namespace__ = "Consumer"

        def GetIdElement(self, document, identifier):
            return self.element if identifier == self.identifier else None

    return SamlSignedXml


def read_subject(assertion) -> dict:
    namespace = assertion.NamespaceURI
    names = [
        *assertion.GetElementsByTagName("NameID", namespace),
        *assertion.GetElementsByTagName("NameIdentifier", namespace),
    ]
    told = {}
    for attribute in assertion.GetElementsByTagName("Attribute", namespace):
        values = attribute.Attributes
        named = values["Name"] or values["AttributeName"]
        before = values["AttributeNamespace"]
        name = f"{before.Value}/{named.Value}" if before else named.Value
        told[name] = [value.InnerText for value in attribute.ChildNodes]
    return {"name": names[0].InnerText, "attributes": told}


main()
