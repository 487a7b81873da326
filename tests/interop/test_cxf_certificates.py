"""Apache CXF's STSClient inside of TLS with a certificate: as an endorsing signature, as the TLS client's, and beside a
password.

To the letter, every suite of WS-SecurityPolicy 1.2 signs with RSA-SHA1, and so does CXF: it meets `certificatemixed`
with `algorithms = "basic256sha256"`, and with the default algorithms and its own setting for RSA-SHA256.
"""

from dataclasses import dataclass

import pytest
from lxml import etree

from tests.cases import each_of, each_token_type
from tests.interop.cxf import RSA_SHA256, Client, Way, to_endpoint
from tests.interop.identity import PASSWORD, Identity, make_identity
from tests.interop.jvm import ELSEWHERE, TRUSTS, Refused
from wstrust_sts import ns

pytestmark = pytest.mark.client("Apache CXF", version="4.1.5")


@dataclass(frozen=True)
class Setting:
    """An endpoint, what CXF is told beside its policy, and the methods that its tokens state."""

    endpoint: str
    options: dict[str, str]
    methods: tuple[str, ...]

    def secrets_of(self, identity: Identity) -> dict[str, str]:
        store = str(identity.store)
        if self.endpoint == "certificatetransport":
            return {"tlsKeys": store, "keysPassword": PASSWORD}
        return {"keys": store, "keysPassword": PASSWORD, "signAs": "own"}


SETTINGS = {
    "certificatemixed as published": Setting("certificatemixed-sha1", {}, (ns.SAML20_AC_X509,)),
    "certificatemixed with RSA-SHA256": Setting("certificatemixed", RSA_SHA256, (ns.SAML20_AC_X509,)),
    "certificatetransport": Setting("certificatetransport", {}, (ns.SAML20_AC_TLS_CLIENT,)),
    "usernamecertificatemixed": Setting(
        "usernamecertificatemixed", RSA_SHA256, (ns.SAML20_AC_X509, ns.SAML20_AC_PASSWORD_PROTECTED)
    ),
}


setting = each_of(SETTINGS)


@pytest.fixture
def client(cxf, sts, way, setting, alice, request):
    """Makes clients of the way and the setting under test."""

    def make(identity: Identity = alice, **options: str) -> Client:
        told = setting.options | setting.secrets_of(identity) | options
        return Client(cxf, sts, to_endpoint(way, setting.endpoint), name=request.node.name, **told)

    return make


@each_token_type
def test_a_relying_party_accepts_the_token_and_it_is_valid_until_it_is_cancelled(
    client, cxf, sts, token_type, signing_certificates
):
    identifier, kind, *_ = client(tokenType=token_type).issue()
    assert kind == token_type
    assert cxf.ask("verify", "token", signing_certificates) == [identifier, "alice", sts.url]
    holder = client()
    assert holder.validate() == ["1"]
    assert holder.cancel() == "true"
    with pytest.raises(Refused) as refused:
        holder.validate()
    assert "The token is not valid." in refused.value.text


def test_the_token_states_every_method_and_the_strongest_first(client, setting):
    *_, markup = client(tokenType=ns.TP11_SAML20).issue()
    stated = etree.fromstring(markup).iterfind(f".//{{{ns.SAML20}}}AuthnContextClassRef")
    assert tuple(element.text for element in stated) == setting.methods


def test_a_certificate_that_is_nobody_s_is_failed_authentication(client, stranger):
    with pytest.raises(Refused) as refused:
        client(stranger).issue()
    assert refused.value.code == f"{{{ns.WSSE}}}FailedAuthentication"


def test_an_unregistered_address_is_invalid_scope(client, way):
    with pytest.raises(Refused) as refused:
        client().issue(ELSEWHERE)
    assert refused.value.code == f"{{{way.trust.namespace}}}InvalidScope"


@pytest.mark.parametrize("version", TRUSTS)
def test_rsa_sha1_is_refused_where_the_operator_does_not_allow_it(cxf, sts, alice, version, request):
    told = SETTINGS["certificatemixed as published"].secrets_of(alice)
    way = to_endpoint(Way(TRUSTS[version], "1.2", by_wsdl=True), "certificatemixed")
    with pytest.raises(Refused) as refused:
        Client(cxf, sts, way, name=request.node.name, **told).issue()
    assert refused.value.code == f"{{{ns.WSSE}}}UnsupportedAlgorithm"


def test_tls_takes_no_certificate_that_is_not_among_the_client_authorities(cxf, sts, tmp_path, request):
    unlisted = make_identity("alice", tmp_path)
    told = SETTINGS["certificatetransport"].secrets_of(unlisted)
    way = to_endpoint(Way(TRUSTS["13"], "1.2", by_wsdl=False), "certificatetransport")
    with pytest.raises(Refused) as refused:
        Client(cxf, sts, way, name=request.node.name, **told).issue()
    assert ns.WSSE not in refused.value.code
