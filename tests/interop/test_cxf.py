"""Apache CXF's STSClient, unmodified, against a running STS; the tokens are verified by WSS4J. And what the generators
of CXF and of the JAX-WS RI make of the WSDL.
"""

import pytest
from lxml import etree

from tests.cases import each_token_type
from tests.interop.cxf import Client, Way
from tests.interop.jvm import ELSEWHERE, TRUSTS, Refused, run
from wstrust_sts import ns

pytestmark = pytest.mark.client("Apache CXF", version="4.1.5")


@pytest.fixture
def client(cxf, sts, way, request):
    """Makes clients of the way under test."""

    def make(*, name: str = "", **options: str) -> Client:
        return Client(cxf, sts, way, name=request.node.name + name, **options)

    return make


@each_token_type
def test_a_relying_party_on_wss4j_accepts_the_token(client, cxf, sts, token_type, signing_certificates):
    identifier, kind, left, _ = client(tokenType=token_type).issue()
    assert kind == token_type
    assert 3500 < int(left) <= 3600
    assert cxf.ask("verify", "token", signing_certificates) == [identifier, "alice", sts.url]


@each_token_type
def test_a_token_is_valid_until_it_is_cancelled(client, token_type):
    client(tokenType=token_type).issue()
    holder = client()  # with a token type of its own, STSClient's Validate asks for a token of that type
    assert holder.validate() == ["1"]
    assert holder.cancel() == "true"
    with pytest.raises(Refused) as refused:
        holder.validate()
    assert refused.value.code == "TrustException"
    assert "The token is not valid." in refused.value.text


@each_token_type
@pytest.mark.parametrize("original", [ns.TP11_SAML20, ns.TP11_SAML11], ids=["from-saml20", "from-saml11"])
def test_a_token_of_another_type_is_made_from_a_valid_one_and_ends_with_it(
    client, cxf, sts, original, token_type, signing_certificates
):
    issued, *_ = client(tokenType=original).issue()
    holder = client()
    transformer = client(name="transformer", tokenType=token_type)
    count, identifier, markup = transformer.transform()
    assert count == "1"
    assert identifier != issued
    namespace = ns.SAML20 if token_type == ns.TP11_SAML20 else ns.SAML11
    assert etree.QName(etree.fromstring(markup)).namespace == namespace
    assert cxf.ask("verify", "made", signing_certificates) == [identifier, "alice", sts.url]
    assert holder.validate("made") == ["1"]
    holder.cancel()
    for refused_now in (lambda: holder.validate("made"), transformer.transform):
        with pytest.raises(Refused) as refused:
            refused_now()
        assert "The token is not valid." in refused.value.text


@each_token_type
def test_a_renewed_token_is_as_good_as_the_first_which_stays_valid_for_a_while(
    client, cxf, sts, token_type, signing_certificates
):
    renewing = client(tokenType=token_type, renewing="true")
    issued, *_ = renewing.issue()
    renewed, markup = renewing.renew()
    assert renewed != issued
    namespace = ns.SAML20 if token_type == ns.TP11_SAML20 else ns.SAML11
    assert etree.QName(etree.fromstring(markup)).namespace == namespace
    assert cxf.ask("verify", "renewed", signing_certificates) == [renewed, "alice", sts.url]
    holder = client(name="holder")  # without a token type, which would ask for another token
    assert holder.validate() == holder.validate("renewed") == ["1"]
    assert holder.cancel() == "true"
    with pytest.raises(Refused) as refused:
        renewing.renew()
    assert refused.value.code.endswith("}InvalidSecurityToken")
    assert holder.validate("renewed") == ["1"]


def test_a_token_that_was_asked_for_as_not_to_be_renewed_is_not(client, way):
    holder = client()
    holder.issue()
    with pytest.raises(Refused) as refused:
        holder.renew()
    assert refused.value.code == f"{{{way.trust.namespace}}}UnableToRenew"


def test_a_type_that_is_not_issued_is_a_bad_request(client, way):
    client(tokenType=ns.TP11_SAML20).issue()
    with pytest.raises(Refused) as refused:
        client(tokenType="urn:ietf:params:oauth:token-type:jwt").transform()
    assert refused.value.code == f"{{{way.trust.namespace}}}BadRequest"


def test_a_wrong_password_is_failed_authentication(client):
    with pytest.raises(Refused) as refused:
        client(password="trumpet").issue()
    assert refused.value.code == f"{{{ns.WSSE}}}FailedAuthentication"


def test_an_unregistered_address_is_invalid_scope(client, way):
    with pytest.raises(Refused) as refused:
        client().issue(ELSEWHERE)
    assert refused.value.code == f"{{{way.trust.namespace}}}InvalidScope"


def test_a_claim_that_is_asked_for_is_in_the_token(client):
    *_, markup = client(claim=ns.CLAIM_EMAIL, tokenType=ns.TP11_SAML20).issue()
    values = etree.fromstring(markup).iterfind(f".//{{{ns.SAML20}}}AttributeValue")
    assert "alice@example.test" in [value.text for value in values]


def test_a_claim_that_the_sts_does_not_know_is_refused(client, way):
    with pytest.raises(Refused) as refused:
        client(claim="urn:unheard-of").issue()
    assert refused.value.code == f"{{{way.trust.namespace}}}InvalidRequest"


@each_token_type
def test_a_template_of_the_relying_party_counts(client, way, token_type):
    """A policy's RequestSecurityTokenTemplate: in SecondaryParameters in 1.3, in the request itself in 2005."""
    template = (
        f'<sp:RequestSecurityTokenTemplate xmlns:sp="{ns.SP12}" xmlns:t="{way.trust.namespace}">'
        f"<t:TokenType>{token_type}</t:TokenType><t:KeyType>{way.trust.namespace}/Bearer</t:KeyType>"
        f"</sp:RequestSecurityTokenTemplate>"
    )
    _, kind, *_ = client(template=template).issue()
    assert kind == token_type


@pytest.mark.parametrize("address", ["", "/mex"], ids=["itself", "beneath"])
@pytest.mark.parametrize("soap", ["1.1", "1.2"])
@pytest.mark.parametrize("trust", TRUSTS.values(), ids=list(TRUSTS))
def test_an_endpoint_reference_is_enough_to_find_the_contract_by_ws_metadata_exchange(
    cxf, sts, trust, soap, address, request
):
    class Found(Way):
        def options(self, sts) -> dict[str, str]:
            location = sts.url + self.trust.path
            return {"location": location, "mex": location + address, "soap": self.soap}

    client = Client(cxf, sts, Found(trust, soap, by_wsdl=False), name=request.node.name)
    _, kind, *_ = client.issue()
    assert kind == ns.TP11_SAML20
    assert client.validate() == ["1"]


@pytest.mark.parametrize("version", TRUSTS)
def test_cxf_s_generator_makes_classes_that_compile(cxf_classpath, trust_store, sts, version, tmp_path):
    wsdl = f"{sts.url}{TRUSTS[version].path}?wsdl"
    generator = "org.apache.cxf.tools.wsdlto.WSDLToJava"
    run("java", *trust_store, "-cp", cxf_classpath, generator, "-autoNameResolution", "-d", str(tmp_path), wsdl)
    sources = [str(file) for file in tmp_path.rglob("*.java")]
    assert any(source.endswith("/SecurityTokenService.java") for source in sources)
    run("javac", "-proc:none", "-d", str(tmp_path / "classes"), "-cp", cxf_classpath, *sources)


@pytest.mark.parametrize("version", TRUSTS)
def test_wsimport_makes_classes_that_compile(cxf_libraries, trust_store, sts, version, tmp_path):
    """With `-extension`, which wsimport wants for SOAP 1.2 and for one request element in several operations."""
    wsdl = f"{sts.url}{TRUSTS[version].path}?wsdl"
    generator = "com.sun.tools.ws.WsImport"
    jars = f"{cxf_libraries}/wsimport/*"
    said = run("java", *trust_store, "-cp", jars, generator, "-extension", "-keep", "-d", str(tmp_path), wsdl)
    assert "[ERROR]" not in said
    port = next(tmp_path.rglob("STS.java")).read_text()
    for operation in ("Issue", "Validate", "Renew", "Cancel"):
        assert f'operationName = "{operation}"' in port
        assert f"{TRUSTS[version].namespace}/RST/{operation}" in port
    assert any(tmp_path.rglob("SecurityTokenService.class"))
