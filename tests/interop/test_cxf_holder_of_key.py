"""Services on Apache CXF that want tokens bound to a key, and clients of theirs that get such a token by themselves."""

import re
import time
from dataclasses import dataclass, replace

import pytest
from lxml import etree

from tests.interop.cxf import RSA_SHA256, Client, Way, to_endpoint
from tests.interop.cxf_services import Wanted, greet, publish
from tests.interop.identity import PASSWORD, Identity, make_identity
from tests.interop.jvm import TRUSTS, Refused, words
from tests.running import change, free_port
from wstrust_sts import ns

pytestmark = pytest.mark.client("Apache CXF", version="4.1.5")

PARTIES = """
[[relying_party]]
name = "holders"
applies_to = {plain}
key_types = ["symmetric", "public"]
encryption.file = "{certificate}"

[[relying_party]]
name = "holders of sealed tokens"
applies_to = {encrypted}
key_types = ["symmetric", "public"]
encryption.file = "{certificate}"
encryption.tokens = true
encryption.algorithm = "aes256-cbc"
"""
# What WSS4J says: of times and audiences; of a token that nothing proves (its log has more).
CONDITIONS = "SAML token security failure"
UNPROVED = "An error was discovered processing the <wsse:Security> header"
INVALID = "The signature or decryption was invalid"
ENDORSING = {"policy": "transport", "supporting": "EndorsingSupportingTokens"}
SECRET = {"key_type": "SymmetricKey"}
PUBLIC = {"key_type": "PublicKey"}
# The endpoint of the STS is where the client has to get the token.
PLACES = {
    "endorsing-secret": ENDORSING | SECRET | {"endpoint": "usernamemixed"},
    # CXF signs by derived keys with SHA-1 digests here, whatever the suite says, and its service wants the suite's.
    "endorsing-derived": ENDORSING | SECRET | {"endpoint": "usernamemixed", "derived": True, "suite": "Basic256"},
    "endorsing-public": ENDORSING | PUBLIC | {"endpoint": "certificatemixed"},
    "protecting-secret": SECRET | {"endpoint": "username", "policy": "symmetric"},
    "protecting-derived": SECRET | {"endpoint": "usernamemixed", "policy": "symmetric", "derived": True},
    "protecting-public": PUBLIC | {"endpoint": "certificate", "policy": "asymmetric"},
}
# Who else has the same key, and gets plain or encrypted tokens.
SOMEBODY_ELSE = {False: "urn:somebody-else", True: "urn:somebody-else:sealed"}
TOKEN_TYPES = {"saml20": ns.TP11_SAML20, "saml11": ns.TP11_SAML11}


@dataclass(frozen=True)
class Kind:
    """A service: what its policy says, and whether its tokens go out encrypted."""

    wanted: Wanted
    encrypted: bool

    @property
    def algorithms(self) -> dict[str, str]:
        """RSA-SHA256 in the place of the suite's RSA-SHA1; so told, CXF would take no HMAC."""
        return RSA_SHA256 if self.wanted.key_type == "PublicKey" else {}


KINDS = {
    f"{place}-{token_type}{'-encrypted' if encrypted else ''}": Kind(Wanted(token_type=uri, **options), encrypted)
    for place, options in PLACES.items()
    for token_type, uri in TOKEN_TYPES.items()
    for encrypted in (False, True)
} | {
    f"{place}-2005": Kind(Wanted(token_type=ns.TP11_SAML11, version="2005", **options), encrypted=False)
    for place, options in PLACES.items()
}


@pytest.fixture(scope="module")
def owner(tmp_path_factory) -> Identity:
    """The services' key."""
    return make_identity("service", tmp_path_factory.mktemp("service"))


@pytest.fixture(scope="module")
def addresses(sts, owner) -> dict[Kind, str]:
    """Of services that the STS knows."""
    port = free_port()
    chosen = {kind: f"https://localhost:{port}/{name}" for name, kind in KINDS.items()}
    known = {
        encrypted: [somebody, *(address for kind, address in chosen.items() if kind.encrypted is encrypted)]
        for encrypted, somebody in SOMEBODY_ELSE.items()
    }
    change(sts, PARTIES.format(plain=known[False], encrypted=known[True], certificate=owner.certificate))
    return chosen


@pytest.fixture(scope="module")
def serve(cxf, sts, addresses, tls_keys, owner, signing_certificates, tmp_path_factory):
    """Starts the service of a kind, once: its address."""
    keys = {"keys": str(owner.store), "keysPassword": PASSWORD, "signAs": "own", "encryptFor": "useReqSigCert"}
    keys |= {"tlsKeys": str(tls_keys), "trusted": signing_certificates}
    running: set[Kind] = set()

    def start(kind: Kind) -> str:
        address = addresses[kind]
        if kind not in running:
            wsdl = kind.wanted.write(tmp_path_factory.mktemp("service") / "greeting.wsdl", sts=sts, service=address)
            publish(cxf, address, wsdl=wsdl, **keys | kind.algorithms)
            running.add(kind)
        return address

    return start


@pytest.fixture
def kind(request) -> Kind:
    return KINDS[request.param]


@pytest.fixture
def service(kind, serve) -> str:
    """The address of a running service."""
    return serve(kind)


@pytest.fixture(scope="module")
def callers(alice, owner, tmp_path_factory) -> dict[str, str]:
    """The options of a client of the services."""
    store = alice.trusting(owner.certificate, tmp_path_factory.mktemp("caller") / "caller.p12", alias="service")
    return {"keys": str(store), "keysPassword": PASSWORD, "signAs": "own", "encryptFor": "service"}


@pytest.fixture(scope="module")
def thief(stranger, owner, tmp_path_factory) -> dict[str, str]:
    """The options of somebody with another key."""
    store = stranger.trusting(owner.certificate, tmp_path_factory.mktemp("thief") / "thief.p12", alias="service")
    return {"keys": str(store), "keysPassword": PASSWORD, "bindTo": "own"}


@pytest.fixture
def caller(kind, callers) -> dict[str, str]:
    return callers | kind.algorithms


@pytest.fixture
def requestor(kind, cxf, alices, request) -> str:
    """The name of a client that has secrets, and knows no STS."""
    known = {"trust": kind.wanted.trust, "user": "alice", "password": "clarinet", "bindTo": "own"}
    cxf.client(request.node.name, alices | known | {"useCertificate": "true"} | kind.algorithms)
    return request.node.name


@pytest.fixture
def issue(cxf, sts, alices, request):
    """Gets a token of the sort that a kind of service wants: its markup."""

    def get(kind: Kind, address: str, **options: str) -> str:
        way = to_endpoint(Way(TRUSTS[kind.wanted.version], "1.2", by_wsdl=True), kind.wanted.endpoint)
        told = alices | {"bindTo": "own", "useCertificate": "true", "tokenType": kind.wanted.token_type}
        told |= {"keyType": f"{kind.wanted.trust}/{kind.wanted.key_type}"} | kind.algorithms | options
        *_, markup = Client(cxf, sts, way, name=f"{request.node.name} at the STS", **told).issue(address)
        return markup

    return get


def of_kinds(pattern: str = ""):
    """The kinds of services whose names match."""
    return pytest.mark.parametrize("kind", [name for name in KINDS if re.search(pattern, name)], indirect=True)


@of_kinds()
def test_the_client_gets_a_token_by_itself_and_the_service_knows_its_user(cxf, service, requestor, caller):
    assert greet(cxf, requestor, service, **caller) == "Hello alice"


@of_kinds("encrypted$")
def test_a_token_that_its_holder_cannot_read_is_accepted(cxf, service, requestor, caller, issue, kind):
    assert etree.QName(etree.fromstring(issue(kind, service))).localname in ("EncryptedAssertion", "EncryptedData")
    assert greet(cxf, requestor, service, token="token", **caller) == "Hello alice"


@of_kinds("public-saml..$")
def test_a_token_that_holds_a_key_without_its_certificate_is_accepted(cxf, service, requestor, caller):
    cxf.ask("tell", requestor, "useCertificate=false")
    assert greet(cxf, requestor, service, **caller) == "Hello alice"


@of_kinds("public-saml..$")
def test_a_renewed_token_is_as_good_as_the_first(cxf, service, requestor, caller, issue, kind):
    issue(kind, service, renewing="true")
    cxf.ask("renew", f"{requestor} at the STS", "token", "renewed")
    assert greet(cxf, requestor, service, token="renewed", **caller) == "Hello alice"


@of_kinds("endorsing-.*saml..$")
def test_a_token_without_a_proof_of_its_key_is_refused(cxf, sts, service, requestor, caller, issue, kind, tmp_path):
    issue(kind, service)
    careless = replace(kind.wanted, supporting="SignedSupportingTokens", derived=False)
    wsdl = careless.write(tmp_path / "careless.wsdl", sts=sts, service=service)
    assert _refusal(cxf, requestor, service, token="token", wsdl=wsdl, **caller) == UNPROVED


@of_kinds("saml..$")
def test_a_token_with_another_s_key_as_proof_is_refused(cxf, service, requestor, caller, issue, kind, thief):
    """For what was encrypted under another secret the service has many texts, by chance."""
    issue(kind, service)
    cxf.ask("rekey", "stolen", "token=token", *(words(thief) if kind.wanted.key_type == "PublicKey" else ()))
    text = _refusal(cxf, requestor, service, token="stolen", **caller | thief)
    assert text == INVALID or kind.wanted.policy == "symmetric"


@of_kinds("saml20$")
def test_a_token_that_was_changed_is_refused(cxf, service, requestor, caller, issue, kind):
    issue(kind, service)
    cxf.ask("forge", "token", "forged", "alice", "mallory")
    assert _refusal(cxf, requestor, service, token="forged", **caller) == "SAML signature validation failed"


@of_kinds("saml11")
def test_a_token_for_somebody_else_with_the_same_key_is_refused(cxf, service, requestor, caller, issue, kind):
    issue(kind, SOMEBODY_ELSE[kind.encrypted])
    assert _refusal(cxf, requestor, service, token="token", **caller) == CONDITIONS


@of_kinds("(secret|public)-saml20$")
def test_a_token_that_has_expired_is_refused(cxf, service, requestor, caller, issue, kind):
    issue(kind, service, seconds="2")
    cxf.ask("forge", "token", "aging", "alice", "alice")  # the same; its holder does not look at its time
    time.sleep(2.2)
    assert _refusal(cxf, requestor, service, token="aging", **caller) == CONDITIONS


def _refusal(cxf, requestor: str, service: str, **how: str) -> str:
    with pytest.raises(Refused) as refused:
        greet(cxf, requestor, service, **how)
    assert refused.value.code.startswith("{")  # it is the service that refuses
    return refused.value.text
