"""Clients of Dynamics with claims: they ask AD FS for an encrypted token with a secret, without saying so, and write
the token anew from the pieces of text that they find in the answer.

The message is written here after the public samples for CRM's SOAP endpoint (C#, Java, JavaScript), which all write the
same: no TokenType and no KeyType, a Security header in the default namespace, Ids that are bare UUIDs, an hour of
validity, seven digits of fraction.
"""

import base64
import re
from dataclasses import replace

import pytest
from lxml import etree

from tests import messages
from tests.fakes import NOON
from tests.harness import ADFS_ENDPOINTS, Sts
from tests.holders import KEYED_PARTY, RECIPIENT_KEY, unwrap
from tests.verifiers import xmlsec_decrypt
from wstrust_sts import ns
from wstrust_sts.encryption import EncryptionRule
from wstrust_sts.model import KeyType, TokenType

PATH = "/adfs/services/trust/13/usernamemixed"
PARTY = replace(
    KEYED_PARTY,
    token_types=(TokenType.SAML11, TokenType.SAML20),
    default_key_type=KeyType.SYMMETRIC,
    encryption=EncryptionRule(certificate=KEYED_PARTY.encryption.certificate, algorithm=ns.AES256_CBC, tokens=True),
)


def request() -> str:
    day = f"{NOON:%Y-%m-%d}T"
    return (
        f'<s:Envelope xmlns:s="{ns.SOAP12}" xmlns:a="{ns.WSA}"><s:Header>'
        f'<a:Action s:mustUnderstand="1">{ns.WST13}/RST/Issue</a:Action>'
        "<a:MessageID>urn:uuid:c1ddcf9d-35d6-4ba5-8a58-0ba1e7de5f76</a:MessageID>"
        f"<a:ReplyTo><a:Address>{ns.WSA}/anonymous</a:Address></a:ReplyTo>"
        f'<Security s:mustUnderstand="1" xmlns:u="{ns.WSU}" xmlns="{ns.WSSE}">'
        f'<u:Timestamp  u:Id="3f2504e0-4f89-41d3-9a0c-0305e82c3301"><u:Created>{day}12:00:00.1234567Z</u:Created>'
        f"<u:Expires>{day}13:00:00.1234567Z</u:Expires></u:Timestamp>"
        '<UsernameToken u:Id="7d444840-9dc0-11d1-b245-5ffdce74fad2"><Username>alice</Username>'
        f'<Password Type="{ns.PASSWORD_TEXT}">clarinet</Password></UsernameToken></Security>'
        f'<a:To s:mustUnderstand="1">https://sts.example.test{PATH}</a:To></s:Header><s:Body>'
        f'<trust:RequestSecurityToken xmlns:trust="{ns.WST13}"><wsp:AppliesTo xmlns:wsp="{ns.WSP04}">'
        f"<a:EndpointReference><a:Address>{messages.RP}</a:Address></a:EndpointReference></wsp:AppliesTo>"
        f"<trust:RequestType>{ns.WST13}/Issue</trust:RequestType></trust:RequestSecurityToken></s:Body></s:Envelope>"
    )


def first(tag: str, body: str) -> str:
    """The text of the first element of this name, prefix and all."""
    return re.search(f"<{tag}(?: [^>]*)?>([^<]*)</{tag}>", body)[1]


@pytest.fixture
def answered() -> str:
    answer = Sts(endpoints=ADFS_ENDPOINTS, relying_parties=(PARTY,)).post(request(), path=PATH)
    assert answer.status == 200, answer.body
    return answer.body.decode()


def test_the_token_that_a_client_of_dynamics_writes_anew_is_the_one_that_was_issued(answered):
    """What it writes is fixed but for five pieces of text, one of which is the id of the token's key."""
    anew = (
        f'<xenc:EncryptedData Type="{ns.XENC_ELEMENT}" xmlns:xenc="{ns.XENC}">'
        f'<xenc:EncryptionMethod Algorithm="{ns.AES256_CBC}"/><KeyInfo xmlns="{ns.DS}">'
        f'<e:EncryptedKey xmlns:e="{ns.XENC}"><e:EncryptionMethod Algorithm="{ns.RSA_OAEP_MGF1P}">'
        f'<DigestMethod Algorithm="{ns.SHA1}"/></e:EncryptionMethod>'
        f'<KeyInfo><o:SecurityTokenReference xmlns:o="{ns.WSSE}"><X509Data><X509IssuerSerial>'
        f"<X509IssuerName>{first('X509IssuerName', answered)}</X509IssuerName>"
        f"<X509SerialNumber>{first('X509SerialNumber', answered)}</X509SerialNumber></X509IssuerSerial></X509Data>"
        "</o:SecurityTokenReference></KeyInfo><e:CipherData><e:CipherValue>"
        f"{first('e:CipherValue', answered)}</e:CipherValue></e:CipherData></e:EncryptedKey></KeyInfo>"
        f"<xenc:CipherData><xenc:CipherValue>{first('xenc:CipherValue', answered)}</xenc:CipherValue></xenc:CipherData>"
        "</xenc:EncryptedData>"
    )
    issued = re.search("<trust:RequestedSecurityToken>(.*)</trust:RequestedSecurityToken>", answered)[1]
    assert canonical(anew) == canonical(issued)


def test_its_secret_and_the_id_that_it_names_are_those_of_the_token(answered):
    encrypted = etree.fromstring(answered).find(".//{*}EncryptedData")
    assertion = etree.fromstring(xmlsec_decrypt(etree.tostring(encrypted), RECIPIENT_KEY))
    assert assertion.get("AssertionID") == first("o:KeyIdentifier", answered)
    secret = base64.b64decode(first("trust:BinarySecret", answered))
    assert unwrap(assertion.find(".//{*}SubjectConfirmation//{*}EncryptedKey")) == secret
    assert first("wsu:Expires", answered).endswith("Z")


def canonical(markup: str) -> bytes:
    return etree.tostring(etree.fromstring(markup), method="c14n", exclusive=True)
