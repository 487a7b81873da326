"""Consumers of signatures alone: xmlsec1, the program, and signxml. What the signed assertion says is read here."""

import subprocess
import tempfile
from importlib import metadata
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree

from tests.interop.consumers.trusting import BY_SHA1, Refused, Subject, Trusted
from tests.verifiers import signxml_verify
from wstrust_sts import ns

_IDS = {ns.SAML20: "ID", ns.SAML11: "AssertionID"}


class Xmlsec1:
    name = "xmlsec1"
    takes_responses = False
    versions = frozenset({"saml20", "saml11"})
    decrypts = BY_SHA1
    refuses: frozenset[str] = frozenset()

    def __init__(self) -> None:
        self.version = _run("--version").split()[1]

    def take(self, markup: str, trusted: Trusted) -> Subject:
        with tempfile.TemporaryDirectory() as made:
            directory = Path(made)
            if "EncryptedData" in markup.partition(">")[0] or "EncryptedAssertion" in markup.partition(">")[0]:
                markup = self._decrypt(markup, trusted, directory)
            root = etree.fromstring(markup)
            namespace = etree.QName(root).namespace
            file, certificate = directory / "token.xml", directory / "sts.pem"
            file.write_text(markup)
            certificate.write_text(trusted.certificate)
            identifier = ("--id-attr:" + _IDS[namespace], f"{namespace}:Assertion")
            signature = ("--node-xpath", "/*/*[local-name()='Signature']")
            _run("--verify", "--pubkey-cert-pem", str(certificate), *identifier, *signature, str(file))
            (referenced,) = root.iterfind(f"{{{ns.DS}}}Signature/{{{ns.DS}}}SignedInfo/{{{ns.DS}}}Reference")
            if referenced.get("URI") != "#" + root.get(_IDS[namespace], ""):
                raise Refused("another element is signed")
            return read_subject(root)

    def _decrypt(self, markup: str, trusted: Trusted, directory: Path) -> str:
        file, key = directory / "sealed.xml", directory / "own.key"
        file.write_text(markup)
        key.write_text(trusted.key)
        data = ("--node-xpath", "//*[local-name()='EncryptedData']")
        opened = etree.fromstring(_run("--decrypt", "--privkey-pem", str(key), *data, str(file)).encode())
        if etree.QName(opened).localname == "EncryptedAssertion":
            (opened,) = opened
        return etree.tostring(opened, encoding="unicode")


class Signxml:
    name = "signxml"
    version = metadata.version("signxml")
    takes_responses = False
    versions = frozenset({"saml20", "saml11"})
    decrypts: frozenset[str] = frozenset()
    refuses: frozenset[str] = frozenset()

    def take(self, markup: str, trusted: Trusted) -> Subject:
        certificate = x509.load_pem_x509_certificate(trusted.certificate.encode()).public_bytes(Encoding.DER)
        try:
            identifier = _IDS[etree.QName(etree.fromstring(markup)).namespace]
            return read_subject(signxml_verify(markup.encode(), certificate, identifier).signed_xml)
        except Exception as failure:
            raise Refused(repr(failure)) from None


def read_subject(assertion: etree._Element) -> Subject:
    """What the assertion says, which has been verified."""
    name = assertion.find("{*}Subject/{*}NameID")
    if name is None:
        name = assertion.find(".//{*}Subject/{*}NameIdentifier")
    told = {}
    for attribute in assertion.iterfind(".//{*}Attribute"):
        written = attribute.get("Name") or f"{attribute.get('AttributeNamespace')}/{attribute.get('AttributeName')}"
        told[written] = ["".join(value.itertext()) for value in attribute]
    return Subject("".join(name.itertext()), told)


def _run(*arguments: str) -> str:
    done = subprocess.run(["xmlsec1", *arguments], capture_output=True, text=True)
    if done.returncode:
        raise Refused(done.stderr)
    return done.stdout
