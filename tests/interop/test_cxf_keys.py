"""Apache CXF's STSClient and tokens bound to keys, at every endpoint that it knows: what comes back is for its relying
party, which is built on WSS4J, bound to the very key that the client proves.
"""

import base64
from dataclasses import dataclass

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from tests.interop.cxf import RSA_SHA256, WAYS, Client, Way, to_endpoint
from tests.interop.identity import PASSWORD, Identity, make_identity
from tests.interop.jvm import Refused, verify, words
from tests.running import change
from tests.verifiers import xmlsec_decrypt
from wstrust_sts import ns

pytestmark = pytest.mark.client("Apache CXF", version="4.1.5")

PARTIES = """
[[relying_party]]
name = "keyed"
applies_to = ["urn:keyed"]
key_types = ["bearer", "symmetric", "public"]
encryption.file = "{certificate}"

[[relying_party]]
name = "sealed"
applies_to = ["urn:sealed"]
key_types = ["symmetric", "public"]
encryption.file = "{certificate}"
encryption.tokens = true

[[relying_party]]
name = "trusting"
applies_to = ["urn:trusting"]
key_types = ["public"]
unproved_keys = true
"""


@dataclass(frozen=True)
class Endpoint:
    """What CXF is told beside its policy, and whether its requests prove a key of the client's own."""

    options: dict[str, str]
    proves: bool = True


ENDPOINTS = {
    "usernamemixed": Endpoint({}, proves=False),
    "username": Endpoint({}, proves=False),
    "certificatemixed": Endpoint(RSA_SHA256),
    "certificatetransport": Endpoint({}),
    "certificate": Endpoint(RSA_SHA256),
}


@dataclass(frozen=True)
class Key:
    """What a token is asked to be bound to, and what the relying party is to find in it."""

    key_type: str
    found: str
    use_certificate: str = "false"

    def options(self, way: Way) -> dict[str, str]:
        """What a client is told."""
        uri = way.trust.bearer if self.key_type == "Bearer" else f"{way.trust.namespace}/{self.key_type}"
        return {"keyType": uri, "useCertificate": self.use_certificate}

    def is_proved_at(self, endpoint: Endpoint) -> bool:
        """A secret is only known after the token."""
        return self.key_type != "PublicKey" or endpoint.proves

    def renewable_at(self, endpoint: Endpoint) -> bool:
        """No endpoint here takes a proof of a secret."""
        return self.key_type != "SymmetricKey" and self.is_proved_at(endpoint)

    @property
    def confirmed(self) -> str:
        return "bearer" if self.found == "none" else "holder-of-key"


KEYS = {
    "bearer": Key("Bearer", "none"),
    "symmetric": Key("SymmetricKey", "secret"),
    "public-keyvalue": Key("PublicKey", "public key"),
    "public-x509data": Key("PublicKey", "certificate", use_certificate="true"),
}
UNPROVED = [name for name, endpoint in ENDPOINTS.items() if not endpoint.proves]
TOKEN_TYPES = {"saml20": ns.TP11_SAML20, "saml11": ns.TP11_SAML11}
METHODS = {ns.TP11_SAML20: "urn:oasis:names:tc:SAML:2.0:cm:", ns.TP11_SAML11: "urn:oasis:names:tc:SAML:1.0:cm:"}
# All of WS-Trust 1.3, and of 2005 one way to each endpoint.
SAMPLE = [name for name in WAYS if name.startswith("13-") or name == "2005-soap1.1-wsdl"]


@pytest.fixture(scope="module")
def party(sts, tmp_path_factory) -> Identity:
    """A relying party with a key; the STS knows it under several addresses, with a rule of its own for each."""
    identity = make_identity("keyed", tmp_path_factory.mktemp("keyed"))
    change(sts, PARTIES.format(certificate=identity.certificate))
    return identity


@pytest.fixture
def another(sts, tmp_path) -> Identity:
    """Another key of alice's, with a certificate that is mapped to her account."""
    identity = make_identity("alice", tmp_path)
    identity.map_to("alice", sts)
    return identity


@pytest.fixture
def found(cxf, party, signing_certificates):
    """What the relying party finds in a token: how it is to be confirmed, by which kind of key, and that in base64."""
    known = {"keys": party.store, "keysPassword": PASSWORD, "trusted": signing_certificates}

    def find(token: str = "token") -> list[str]:
        return cxf.ask("confirm", token, *words(known))

    return find


@pytest.fixture(scope="module")
def client(cxf, sts, alices):
    """The one client of an endpoint that knows it in a certain way."""
    made: dict[tuple[str, str], Client] = {}

    def find(endpoint: str, way: str) -> Client:
        options = alices | {"bindTo": "own", "renewing": "true"} | ENDPOINTS[endpoint].options
        if endpoint == "certificatetransport":
            options |= {"tlsKeys": options["keys"]}
        if (endpoint, way) not in made:
            name = f"{endpoint} {way}"
            made[endpoint, way] = Client(cxf, sts, to_endpoint(WAYS[way], endpoint), name=name, **options)
        return made[endpoint, way]

    return find


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("token_type", TOKEN_TYPES)
@pytest.mark.parametrize("way", SAMPLE)
@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_the_relying_party_finds_the_key_in_the_token_that_the_client_proves(
    client, cxf, found, alice, endpoint, way, token_type, key
):
    asked, wanted = KEYS[key], TOKEN_TYPES[token_type]
    asking = client(endpoint, way)
    asking.tell(**asked.options(WAYS[way]), tokenType=wanted)
    _, kind, *_ = asking.issue("urn:keyed" if asked.is_proved_at(ENDPOINTS[endpoint]) else "urn:trusting")
    assert kind == wanted
    (secret,) = cxf.ask("secret", "token")
    method, *key_in_it = found()
    assert method == METHODS[wanted] + asked.confirmed
    if asked.found == "secret":
        assert len(base64.b64decode(secret)) == 32
        assert key_in_it == ["secret", secret]
    else:
        assert secret == ""
        assert key_in_it == [asked.found, key_of(alice, asked.found)]


def key_of(identity: Identity, form: str) -> str:
    """In base64; nothing for none."""
    if form == "none":
        return ""
    certificate = x509.load_pem_x509_certificate(identity.certificate.read_bytes())
    if form == "certificate":
        return base64.b64encode(certificate.public_bytes(Encoding.DER)).decode()
    octets = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(octets).decode()


@pytest.mark.parametrize("bits", [128, 192, 512])
@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_a_secret_has_the_size_that_the_client_asks_for(client, cxf, found, endpoint, bits):
    asking = client(endpoint, "13-soap1.2-policy")
    asking.tell(tokenType=ns.TP11_SAML20, keyType=f"{ns.WST13}/SymmetricKey", keySize=str(bits))
    asking.issue("urn:keyed")
    asking.tell(keySize="256")
    (secret,) = cxf.ask("secret", "token")
    assert len(base64.b64decode(secret)) == bits // 8
    assert found() == [ns.SAML20_HOLDER_OF_KEY, "secret", secret]


@pytest.mark.parametrize("token_type", TOKEN_TYPES)
@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_an_encrypted_token_comes_through_the_client_to_its_relying_party(client, cxf, party, endpoint, token_type):
    asking = client(endpoint, "13-soap1.2-wsdl")
    asking.tell(tokenType=TOKEN_TYPES[token_type], keyType=f"{ns.WST13}/SymmetricKey")
    *_, markup = asking.issue("urn:sealed")
    decrypted = xmlsec_decrypt(markup.encode(), load_pem_private_key(party.key.read_bytes(), None))
    verify(decrypted.decode(), TOKEN_TYPES[token_type])


@pytest.mark.parametrize("endpoint", UNPROVED)
def test_no_token_is_bound_to_a_key_that_nothing_proves(client, endpoint):
    asking = client(endpoint, "13-soap1.2-wsdl")
    asking.tell(**KEYS["public-keyvalue"].options(WAYS["13-soap1.2-wsdl"]))
    with pytest.raises(Refused) as refused:
        asking.issue("urn:keyed")
    assert refused.value.code == f"{{{ns.WST13}}}InvalidRequest"


@pytest.mark.parametrize("form", ["public-keyvalue", "public-x509data"])
def test_no_token_is_bound_to_a_key_when_another_is_proved(cxf, sts, alice, another, form, tmp_path, request):
    way = WAYS["13-soap1.2-wsdl"]
    store = alice.trusting(another.certificate, tmp_path / "both.p12", alias="other")
    told = {"keys": str(store), "keysPassword": PASSWORD, "signAs": "own", "bindTo": "other"} | RSA_SHA256
    told |= KEYS[form].options(way)
    with pytest.raises(Refused) as refused:
        Client(cxf, sts, to_endpoint(way, "certificatemixed"), name=request.node.name, **told).issue("urn:keyed")
    assert refused.value.code == f"{{{ns.WST13}}}InvalidRequest"


RENEWING = ("13-soap1.2-wsdl", "13-soap1.1-policy", "2005-soap1.2-wsdl")


@pytest.mark.parametrize("token_type", TOKEN_TYPES)
@pytest.mark.parametrize("way", RENEWING)
@pytest.mark.parametrize(
    ("endpoint", "key"),
    [(endpoint, key) for endpoint in ENDPOINTS for key in KEYS if KEYS[key].renewable_at(ENDPOINTS[endpoint])],
)
def test_a_renewed_token_is_bound_to_the_same_key(client, found, endpoint, way, token_type, key):
    asking = client(endpoint, way)
    asking.tell(**KEYS[key].options(WAYS[way]), tokenType=TOKEN_TYPES[token_type])
    issued, *_ = asking.issue("urn:keyed")
    renewed, _ = asking.renew()
    assert renewed != issued
    assert found("renewed") == found("token")


@pytest.mark.parametrize("token_type", TOKEN_TYPES)
@pytest.mark.parametrize("way", RENEWING)
@pytest.mark.parametrize(
    ("endpoint", "key"),
    [(endpoint, key) for endpoint in ENDPOINTS for key in KEYS if not KEYS[key].renewable_at(ENDPOINTS[endpoint])],
)
def test_a_token_is_not_renewed_where_its_key_is_not_proved(client, endpoint, way, token_type, key):
    asking = client("certificatemixed", way)
    asking.tell(**KEYS[key].options(WAYS[way]), tokenType=TOKEN_TYPES[token_type])
    asking.issue("urn:keyed")
    with pytest.raises(Refused) as refused:
        client(endpoint, way).renew()
    assert refused.value.code == f"{{{WAYS[way].trust.namespace}}}UnableToRenew"


def test_a_token_is_not_renewed_by_the_same_user_with_another_key(cxf, sts, client, another, request):
    asking = client("certificatemixed", "13-soap1.2-wsdl")
    asking.tell(**KEYS["public-x509data"].options(WAYS["13-soap1.2-wsdl"]), tokenType=ns.TP11_SAML20)
    asking.issue("urn:keyed")
    way = to_endpoint(WAYS["13-soap1.2-wsdl"], "certificatemixed")
    options = {"keys": str(another.store), "keysPassword": PASSWORD, "signAs": "own"} | RSA_SHA256
    other = Client(cxf, sts, way, name=request.node.name, **options)
    with pytest.raises(Refused) as refused:
        other.renew()
    assert refused.value.code == f"{{{ns.WST13}}}UnableToRenew"


@pytest.mark.parametrize("token_type", TOKEN_TYPES)
@pytest.mark.parametrize(
    ("endpoint", "key"),
    [(endpoint, key) for endpoint in ENDPOINTS for key in KEYS if KEYS[key].is_proved_at(ENDPOINTS[endpoint])],
)
def test_what_is_made_of_a_token_is_bound_to_the_same_key(client, found, endpoint, token_type, key):
    """By Validate. Its holder knows the secret already, and must not offer entropy for another."""
    way = "13-soap1.2-wsdl"
    asking = client(endpoint, way)
    asking.tell(**KEYS[key].options(WAYS[way]), tokenType=TOKEN_TYPES[token_type])
    asking.issue("urn:keyed")
    (other,) = TOKEN_TYPES.keys() - {token_type}
    asking.tell(tokenType=TOKEN_TYPES[other], requiresEntropy="false")
    asking.transform()
    asking.tell(requiresEntropy="true")
    assert found("made")[1:] == found("token")[1:]
    if KEYS[key].key_type == "SymmetricKey":
        with pytest.raises(Refused) as refused:
            asking.transform()
        assert refused.value.code == f"{{{ns.WST13}}}BadRequest"


@pytest.mark.parametrize("token_type", TOKEN_TYPES)
def test_a_token_whose_holder_cannot_read_it_is_none_that_it_can_hand_back(client, token_type):
    asking = client("certificatemixed", "13-soap1.2-wsdl")
    asking.tell(tokenType=TOKEN_TYPES[token_type], keyType=f"{ns.WST13}/SymmetricKey")
    asking.issue("urn:sealed")
    with pytest.raises(Refused) as refused:
        asking.renew()
    assert refused.value.code == f"{{{ns.WST13}}}InvalidSecurityToken"
    with pytest.raises(Refused) as refused:
        asking.validate()
    assert "The token is not valid." in refused.value.text
    assert asking.cancel() == "false"
