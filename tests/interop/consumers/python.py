"""Consumers in Python that know SAML 2.0's Web SSO: pysaml2, and python3-saml of OneLogin."""

import base64
import tempfile
from importlib import metadata
from pathlib import Path
from urllib.parse import urlsplit

from onelogin.saml2.response import OneLogin_Saml2_Response
from onelogin.saml2.settings import OneLogin_Saml2_Settings
from saml2 import BINDING_HTTP_POST
from saml2.client import Saml2Client
from saml2.config import SPConfig

from tests.interop.consumers.trusting import BY_SHA1, EVERY_ENCRYPTION, FOR_OTHERS, Refused, Subject, Trusted

_HEADERS = ("-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----")
_METADATA = """\
<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" entityID="{issuer}">
<md:IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">
<md:KeyDescriptor use="signing"><ds:KeyInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:X509Data>
<ds:X509Certificate>{certificate}</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>
<md:SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST" Location="{issuer}"/>
</md:IDPSSODescriptor></md:EntityDescriptor>"""


class Pysaml2:
    name = "pysaml2"
    version = metadata.version("pysaml2")
    takes_responses = True
    versions = frozenset({"saml20"})
    decrypts = BY_SHA1
    refuses = FOR_OTHERS | {"no recipient", "two methods"}

    def take(self, markup: str, trusted: Trusted) -> Subject:
        with tempfile.TemporaryDirectory() as made:
            key, certificate = Path(made) / "own.key", Path(made) / "own.pem"
            key.write_text(trusted.key)
            certificate.write_text(trusted.key_certificate)
            pair = {"key_file": str(key), "cert_file": str(certificate)}
            config = SPConfig().load(
                {
                    "entityid": trusted.audience,
                    "xmlsec_binary": "/usr/bin/xmlsec1",
                    "allow_unknown_attributes": True,
                    "encryption_keypairs": [pair],
                    "metadata": {"inline": [_METADATA.format(issuer=trusted.issuer, certificate=_bare(trusted))]},
                    "service": {
                        "sp": {
                            "endpoints": {"assertion_consumer_service": [(trusted.recipient, BINDING_HTTP_POST)]},
                            "allow_unsolicited": True,
                            "want_response_signed": False,
                            "want_assertions_signed": True,
                        }
                    },
                }
            )
            try:
                # Without conv_info it takes a token for any recipient.
                answer = Saml2Client(config).parse_authn_request_response(
                    _encoded(markup), BINDING_HTTP_POST, conv_info={"entity_id": trusted.audience}
                )
            except Exception as failure:
                raise Refused(repr(failure)) from None
        if answer is None or answer.name_id is None:
            raise Refused("no answer")
        return Subject(answer.name_id.text, answer.ava)


class Python3Saml:
    name = "python3-saml"
    version = metadata.version("python3-saml")
    takes_responses = True
    versions = frozenset({"saml20"})
    decrypts = EVERY_ENCRYPTION - {"rsa-oaep-sha256"}
    refuses = FOR_OTHERS | {"two methods"}

    def take(self, markup: str, trusted: Trusted) -> Subject:
        settings = OneLogin_Saml2_Settings(
            {
                "strict": True,
                "security": {"wantAssertionsSigned": True, "rejectDeprecatedAlgorithm": True},
                "sp": {
                    "entityId": trusted.audience,
                    "assertionConsumerService": {"url": trusted.recipient},
                    "privateKey": trusted.key,
                    "x509cert": trusted.key_certificate,
                },
                "idp": {
                    "entityId": trusted.issuer,
                    "singleSignOnService": {"url": "https://sts.example.test/"},
                    "x509cert": trusted.certificate,
                },
            }
        )
        address = urlsplit(trusted.recipient)
        request = {"https": "on", "http_host": address.netloc, "script_name": address.path}
        try:
            answer = OneLogin_Saml2_Response(settings, _encoded(markup))
            answer.is_valid(request, raise_exceptions=True)
            return Subject(answer.get_nameid(), answer.get_attributes())
        except Exception as failure:
            raise Refused(repr(failure)) from None


def _encoded(markup: str) -> str:
    return base64.b64encode(markup.encode()).decode()


def _bare(trusted: Trusted) -> str:
    """The certificate's base64 alone."""
    return "".join(line for line in trusted.certificate.splitlines() if line not in _HEADERS)
