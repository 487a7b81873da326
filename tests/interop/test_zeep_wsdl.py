"""zeep imports the published WSDL and uses it unmodified: what it would send, and what it makes of our answers.

Nothing is sent here; the live exchange is another suite.
"""

import datetime as dt
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import zeep
from lxml import etree
from signxml import XMLSigner, XMLVerifier, methods
from signxml.verifier import SignatureConfiguration
from zeep.wsse.username import UsernameToken
from zeep.wsse.utils import WSU

from wstrust_sts import ns
from wstrust_sts.bindings.metadata import render_wsdl
from wstrust_sts.devpki import make_development_pki
from wstrust_sts.model import Endpoint, KeyType, Operation, TrustVersion
from wstrust_sts.proof_keys import ClientEntropy
from wstrust_sts.wire.wst import read_rst

PUBLIC_URL = "https://sts.example.test"
RELYING_PARTY = "https://rp.example.test/svc"
NOW = dt.datetime(2026, 11, 23, 12, 0, tzinfo=dt.UTC)
N = {
    "wsa": ns.WSA,
    "wsse": ns.WSSE,
    "wsu": ns.WSU,
    "wsp": ns.WSP04,
}
every_version = pytest.mark.parametrize("version", TrustVersion)
every_port = pytest.mark.parametrize(("port", "soap"), [("STS_Soap11_Port", ns.SOAP11), ("STS_Soap12_Port", ns.SOAP12)])


def client_of(version: TrustVersion, directory: Path, port: str | None = None) -> zeep.Client:
    endpoint = Endpoint(path="/trust/usernamemixed", version=version)
    document = directory / "sts.wsdl"
    document.write_bytes(
        render_wsdl(endpoint, PUBLIC_URL, tuple(Operation)),
    )
    times = (("Created", NOW), ("Expires", NOW + dt.timedelta(minutes=5)))
    timestamp = WSU.Timestamp(*(WSU(name, time.strftime("%Y-%m-%dT%H:%M:%SZ")) for name, time in times))
    password = UsernameToken("alice", "s3cret", timestamp_token=timestamp)
    return zeep.Client(str(document), port_name=port, wsse=password)


def message(client: zeep.Client, operation: str, **children: object) -> etree._Element:
    """What zeep would send, through its bytes, as a server sees it."""
    return etree.fromstring(etree.tostring(client.create_message(client.service, operation, **children)))


def children(element: etree._Element) -> dict[str, str]:
    return {etree.QName(child).localname: "".join(child.itertext()) for child in element}


@every_version
@every_port
def test_issue_is_a_call_with_named_arguments(version, port, soap, tmp_path):
    wst = version.namespace
    envelope = message(
        client_of(version, tmp_path, port),
        "Issue",
        TokenType=ns.SAML20,
        RequestType=wst + "/Issue",
        AppliesTo={"EndpointReference": {"Address": RELYING_PARTY}},
        KeyType=wst + "/Bearer",
        Context="urn:a-context",
    )
    assert envelope.tag == f"{{{soap}}}Envelope"
    ((request,),) = (envelope.find(f"{{{soap}}}Body"),)
    assert request.tag == f"{{{wst}}}RequestSecurityToken"
    assert request.get("Context") == "urn:a-context"
    assert children(request) == {
        "TokenType": ns.SAML20,
        "RequestType": wst + "/Issue",
        "AppliesTo": RELYING_PARTY,
        "KeyType": wst + "/Bearer",
    }
    assert request.findtext("wsp:AppliesTo/wsa:EndpointReference/wsa:Address", namespaces=N) == RELYING_PARTY


@every_version
@every_port
@pytest.mark.parametrize("operation", ["Issue", "Validate", "Renew", "Cancel"])
def test_the_headers_carry_action_address_password_and_timestamp(version, port, soap, operation, tmp_path):
    wst = version.namespace
    envelope = message(client_of(version, tmp_path, port), operation, RequestType=f"{wst}/{operation}")
    header = envelope.find(f"{{{soap}}}Header")
    assert header.findtext("wsa:Action", namespaces=N) == f"{wst}/RST/{operation}"
    assert header.findtext("wsa:To", namespaces=N) == PUBLIC_URL + "/trust/usernamemixed"
    assert header.findtext("wsse:Security/wsse:UsernameToken/wsse:Username", namespaces=N) == "alice"
    assert header.findtext("wsse:Security/wsu:Timestamp/wsu:Created", namespaces=N) == "2026-11-23T12:00:00Z"


@every_version
@pytest.mark.parametrize("operation", ["Issue", "Validate", "Renew", "Cancel"])
def test_the_http_headers_name_the_action(version, operation, tmp_path):
    client = client_of(version, tmp_path)
    action = f"{version.namespace}/RST/{operation}"
    for port in client.wsdl.services["SecurityTokenService"].ports.values():
        assert port.binding.get(operation).soapaction == action
        assert port.binding.get(operation).style == "document"


@every_version
def test_a_wish_for_lifetime_and_claims_is_plain_python(version, tmp_path):
    identity = "{http://schemas.xmlsoap.org/ws/2005/05/identity}"
    claim = etree.Element(identity + "ClaimType", {"Uri": ns.CLAIM_EMAIL, "Optional": "true"})
    envelope = message(
        client_of(version, tmp_path),
        "Issue",
        RequestType=version.namespace + "/Issue",
        Lifetime={"Created": NOW, "Expires": NOW + dt.timedelta(hours=1)},
        Claims={"Dialect": ns.IDENTITY, "_value_1": [claim]},
        Renewing={"Allow": False},
    )
    (request,) = envelope[-1]
    wst = {"wst": version.namespace}
    assert request.findtext("wst:Lifetime/wsu:Expires", namespaces=wst | N) == "2026-11-23T13:00:00Z"
    assert request.find("wst:Claims", wst).get("Dialect") == ns.IDENTITY
    assert request.find("wst:Claims", wst)[0].get("Uri") == ns.CLAIM_EMAIL
    assert request.find("wst:Renewing", wst).get("Allow") == "false"


KEY_INFO = (
    f'<ds:KeyInfo xmlns:ds="{ns.DS}"><ds:X509Data><ds:X509Certificate>AA==</ds:X509Certificate></ds:X509Data>'
    "</ds:KeyInfo>"
)
ENCRYPTED_KEY = f'<e:EncryptedKey xmlns:e="{ns.XENC}"><e:CipherData/></e:EncryptedKey>'


@every_version
@every_port
def test_a_key_of_both_sides_making_is_plain_python(version, port, soap, tmp_path):
    wst = version.namespace
    envelope = message(
        client_of(version, tmp_path, port),
        "Issue",
        RequestType=wst + "/Issue",
        KeyType=wst + "/SymmetricKey",
        KeySize=256,
        Entropy={"BinarySecret": {"_value_1": b"sixteen octets..", "Type": wst + "/Nonce"}},
        ComputedKeyAlgorithm=wst + "/CK/PSHA1",
        SignWith=ns.HMAC_SHA1,
        EncryptWith=ns.AES256_CBC,
    )
    request = read_rst(envelope[-1][0], version=version, action=None)
    assert request.key_type is KeyType.SYMMETRIC
    assert request.key_size == 256
    assert request.entropy == ClientEntropy(b"sixteen octets..")
    assert request.computed_key_algorithm == wst + "/CK/PSHA1"
    assert request.unsupported == ()


@every_version
def test_a_key_of_ones_own_goes_out_encrypted_as_it_is(version, tmp_path):
    entropy = {"_value_1": etree.fromstring(ENCRYPTED_KEY)}
    envelope = message(client_of(version, tmp_path), "Issue", RequestType=version.namespace + "/Issue", Entropy=entropy)
    (key,) = envelope[-1][0].find(f"{{{version.namespace}}}Entropy")
    assert etree.tostring(key, method="c14n", exclusive=True).decode() == ENCRYPTED_KEY.replace(
        "/></", "></e:CipherData></"
    )


@every_version
@every_port
def test_a_public_key_is_named_by_an_element_or_by_a_signature(version, port, soap, tmp_path):
    wst = version.namespace
    client = client_of(version, tmp_path, port)
    for use_key in (
        {"_value_1": etree.fromstring(KEY_INFO)},
        {"Sig": "#signature"},
        {"Sig": "#signature", "_value_1": etree.fromstring(KEY_INFO)},
    ):
        envelope = message(client, "Issue", RequestType=wst + "/Issue", KeyType=wst + "/PublicKey", UseKey=use_key)
        written = envelope[-1][0].find(f"{{{wst}}}UseKey")
        assert written.get("Sig") == use_key.get("Sig")
        assert [etree.tostring(key, method="c14n", exclusive=True).decode() for key in written] == [KEY_INFO] * (
            "_value_1" in use_key
        )


@every_version
@pytest.mark.parametrize("kind", ["computed", "whole"])
def test_the_key_of_a_token_comes_out_of_the_answer(version, kind, signed, tmp_path):
    wst = version.namespace
    secret = f'<t:BinarySecret Type="{wst}/%s">c2l4dGVlbiBvY3RldHMuLg==</t:BinarySecret>'
    proofs = {
        "computed": f"<t:ComputedKey>{wst}/CK/PSHA1</t:ComputedKey></t:RequestedProofToken>"
        f"<t:Entropy>{secret % 'Nonce'}</t:Entropy>",
        "whole": f"{secret % 'SymmetricKey'}</t:RequestedProofToken>",
    }
    body = issued(version, signed.markup).replace("<t:Lifetime", f"<t:RequestedProofToken>{proofs[kind]}<t:Lifetime", 1)
    response = answer(client_of(version, tmp_path), "Issue", body)
    if version is TrustVersion.V13:
        (response,) = response.RequestSecurityTokenResponse
    if kind == "computed":
        assert response.RequestedProofToken.ComputedKey == wst + "/CK/PSHA1"
        assert response.Entropy.BinarySecret._value_1 == b"sixteen octets.."
    else:
        assert response.RequestedProofToken.BinarySecret._value_1 == b"sixteen octets.."
        assert response.RequestedProofToken.BinarySecret.Type == wst + "/SymmetricKey"
        assert response.Entropy is None
    signed.verify(etree.fromstring(etree.tostring(response.RequestedSecurityToken._value_1)))


@every_version
def test_a_forgotten_request_type_and_an_unknown_argument_are_refused_before_anything_is_sent(version, tmp_path):
    client = client_of(version, tmp_path)
    with pytest.raises(zeep.exceptions.ValidationError, match="RequestType"):
        message(client, "Issue", TokenType=ns.SAML20)
    with pytest.raises(TypeError, match="Unheard"):
        message(client, "Issue", RequestType=version.namespace + "/Issue", Unheard="of")


# -- tokens travel unharmed -----------------------------------------------------------------------------------------

ASSERTION = f"""\
<saml2:Assertion xmlns:saml2="{ns.SAML20}" ID="_t1" IssueInstant="2026-11-23T12:00:00.000Z" Version="2.0">\
<saml2:Issuer>urn:sts</saml2:Issuer><saml2:AttributeStatement>\
<saml2:Attribute Name="n"><saml2:AttributeValue xmlns:xs="{ns.XS}" xmlns:xsi="{ns.XSI}" xsi:type="xs:string">v\
</saml2:AttributeValue></saml2:Attribute></saml2:AttributeStatement></saml2:Assertion>"""


@dataclass
class SignedAssertion:
    markup: bytes
    certificate: str

    def verify(self, element: etree._Element) -> None:
        XMLVerifier().verify(
            element,
            x509_cert=self.certificate,
            expect_config=SignatureConfiguration(require_x509=False, location="./"),
        )


@pytest.fixture(scope="module")
def signed(tmp_path_factory) -> SignedAssertion:
    pki = make_development_pki(tmp_path_factory.mktemp("keys"), now=dt.datetime.now(dt.UTC))
    certificate = pki.server_certificate.read_text()
    signer = XMLSigner(method=methods.enveloped, signature_algorithm="ecdsa-sha256", c14n_algorithm=ns.EXC_C14N)
    element = signer.sign(
        etree.fromstring(ASSERTION), key=pki.server_key.read_bytes(), cert=certificate, reference_uri="_t1"
    )
    return SignedAssertion(etree.tostring(element), certificate)


@every_version
@pytest.mark.parametrize("operation", ["Validate", "Renew", "Cancel"])
def test_a_token_as_target_keeps_its_signature(version, operation, signed, tmp_path):
    target = {f"{operation}Target": etree.fromstring(signed.markup)}
    envelope = message(
        client_of(version, tmp_path), operation, RequestType=f"{version.namespace}/{operation}", **target
    )
    (request,) = envelope[-1]
    (assertion,) = request.find(f"{{{version.namespace}}}{operation}Target")
    signed.verify(assertion)


@dataclass
class Reply:
    """As much of an HTTP answer as zeep reads."""

    content: bytes
    status_code: int = 200
    encoding: str = "utf-8"
    headers: dict[str, str] = field(default_factory=lambda: {"Content-Type": "application/soap+xml"})


def answer(client: zeep.Client, operation: str, body: str) -> object:
    binding = client.service._binding
    envelope = f'<s:Envelope xmlns:s="{ns.SOAP12}"><s:Body>{body}</s:Body></s:Envelope>'
    return binding.process_reply(client, binding.get(operation), Reply(envelope.encode()))


def issued(version: TrustVersion, assertion: bytes) -> str:
    """An answer in the order of the wire contract."""
    reference = (
        f'<o:SecurityTokenReference xmlns:o="{ns.WSSE}" xmlns:k="{ns.WSSE11}" k:TokenType="{ns.TP11_SAML20}">'
        f'<o:KeyIdentifier ValueType="{ns.SAML20_KEY_IDENTIFIER}">_t1</o:KeyIdentifier></o:SecurityTokenReference>'
    )
    response = (
        f'<t:RequestSecurityTokenResponse xmlns:t="{version.namespace}" Context="c">'
        f"<t:TokenType>{ns.SAML20}</t:TokenType>"
        f"<t:RequestedSecurityToken>{assertion.decode()}</t:RequestedSecurityToken>"
        f"<t:RequestedAttachedReference>{reference}</t:RequestedAttachedReference>"
        f"<t:RequestedUnattachedReference>{reference}</t:RequestedUnattachedReference>"
        f'<p:AppliesTo xmlns:p="{ns.WSP04}"><a:EndpointReference xmlns:a="{ns.WSA}"><a:Address>{RELYING_PARTY}'
        f"</a:Address></a:EndpointReference></p:AppliesTo>"
        f'<t:Lifetime xmlns:u="{ns.WSU}"><u:Created>2026-11-23T12:00:00.000Z</u:Created>'
        f"<u:Expires>2026-11-23T13:00:00.000Z</u:Expires></t:Lifetime>"
        f"<t:RequestType>{version.namespace}/Issue</t:RequestType>"
        f"<t:KeyType>{version.namespace}/Bearer</t:KeyType></t:RequestSecurityTokenResponse>"
    )
    collection = "RequestSecurityTokenResponseCollection"
    if version is TrustVersion.V13:
        return f'<t:{collection} xmlns:t="{version.namespace}">{response}</t:{collection}>'
    return response


@every_version
def test_an_issued_token_comes_out_with_its_signature_and_its_lifetime(version, signed, tmp_path):
    response = answer(client_of(version, tmp_path), "Issue", issued(version, signed.markup))
    if version is TrustVersion.V13:
        (response,) = response.RequestSecurityTokenResponse
    signed.verify(etree.fromstring(etree.tostring(response.RequestedSecurityToken._value_1)))
    assert response.TokenType == ns.SAML20
    assert response.Lifetime.Expires == NOW + dt.timedelta(hours=1)
    assert response.AppliesTo.EndpointReference.Address._value_1 == RELYING_PARTY
    assert response.Context == "c"


@every_version
def test_an_issued_token_can_be_handed_back_as_it_came(version, signed, tmp_path):
    client = client_of(version, tmp_path)
    response = answer(client, "Issue", issued(version, signed.markup))
    if version is TrustVersion.V13:
        (response,) = response.RequestSecurityTokenResponse
    envelope = message(
        client,
        "Validate",
        RequestType=version.namespace + "/Validate",
        ValidateTarget=response.RequestedSecurityToken._value_1,
    )
    (request,) = envelope[-1]
    signed.verify(request.find(f"{{{version.namespace}}}ValidateTarget")[0])


@every_version
def test_the_verdict_of_validate_is_an_attribute(version, tmp_path):
    wst = version.namespace
    body = (
        f'<t:RequestSecurityTokenResponse xmlns:t="{wst}"><t:TokenType>{wst}/RSTR/Status</t:TokenType>'
        f"<t:Status><t:Code>{wst}/status/invalid</t:Code><t:Reason>Cancelled.</t:Reason></t:Status>"
        f"</t:RequestSecurityTokenResponse>"
    )
    response = answer(client_of(version, tmp_path), "Validate", body)
    assert response.Status.Code == wst + "/status/invalid"
    assert response.Status.Reason == "Cancelled."


@every_version
def test_the_answer_to_cancel_is_read_without_complaint(version, tmp_path):
    """zeep makes None of every empty element: that Cancel succeeded shows in that no Fault was raised."""
    name = "t:RequestSecurityTokenResponse"
    body = f'<{name} xmlns:t="{version.namespace}"><t:RequestedTokenCancelled/></{name}>'
    assert "RequestedTokenCancelled" in dir(answer(client_of(version, tmp_path), "Cancel", body))
