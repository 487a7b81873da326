"""The published WSDL (WSDL 1.1, WS-Policy 1.2 attached by reference) of every endpoint kind."""

from dataclasses import replace
from pathlib import Path

import pytest
from lxml import etree

from wstrust_sts import ns
from wstrust_sts.bindings.metadata import render_wsdl
from wstrust_sts.model import Endpoint, Operation, TrustVersion

RECORDED = Path(__file__).parents[2] / "vectors" / "recorded"
PUBLIC_URL = "https://sts.example.test:8443"
IMPLEMENTED = tuple(Operation)
ENDPOINTS = {
    TrustVersion.V13: Endpoint(path="/trust/13/usernamemixed", version=TrustVersion.V13),
    TrustVersion.V2005: Endpoint(path="/trust/2005/usernamemixed", version=TrustVersion.V2005),
}
N = {
    "wsdl": ns.WSDL,
    "soap": ns.WSDL_SOAP11,
    "soap12": ns.WSDL_SOAP12,
    "wsp": ns.WSP04,
    "wsam": ns.WSAM,
    "xs": ns.XS,
    "sp11": ns.SP11,
    "sp12": ns.SP12,
}
every_version = pytest.mark.parametrize("version", TrustVersion)


def published(version: TrustVersion) -> etree._Element:
    return etree.fromstring(render_wsdl(ENDPOINTS[version], PUBLIC_URL, IMPLEMENTED))


def actions(definitions: etree._Element) -> dict[str, tuple[str, str]]:
    """Operation name -> input and output action."""
    operations = definitions.iterfind("wsdl:portType/wsdl:operation", N)
    action = f"{{{ns.WSAM}}}Action"
    return {
        o.get("name"): (o.find("wsdl:input", N).get(action), o.find("wsdl:output", N).get(action)) for o in operations
    }


@pytest.mark.parametrize(
    ("version", "namespace"),
    [(TrustVersion.V13, ns.WST13 + "/"), (TrustVersion.V2005, ns.WST05)],
)
def test_the_service_and_its_port_type_have_the_names_that_clients_look_for(version, namespace):
    definitions = published(version)
    assert definitions.get("targetNamespace") == namespace
    assert definitions.xpath("wsdl:service/@name", namespaces=N) == ["SecurityTokenService"]
    assert definitions.xpath("wsdl:portType/@name", namespaces=N) == ["STS"]


def test_the_actions_of_ws_trust_13_are_final():
    assert actions(published(TrustVersion.V13)) == {
        "Issue": (ns.WST13 + "/RST/Issue", ns.WST13 + "/RSTRC/IssueFinal"),
        "Validate": (ns.WST13 + "/RST/Validate", ns.WST13 + "/RSTR/ValidateFinal"),
        "Renew": (ns.WST13 + "/RST/Renew", ns.WST13 + "/RSTR/RenewFinal"),
        "Cancel": (ns.WST13 + "/RST/Cancel", ns.WST13 + "/RSTR/CancelFinal"),
    }


def test_the_actions_of_2005_repeat_the_operation():
    assert actions(published(TrustVersion.V2005)) == {
        name: (f"{ns.WST05}/RST/{name}", f"{ns.WST05}/RSTR/{name}") for name in ("Issue", "Validate", "Renew", "Cancel")
    }


@pytest.mark.parametrize(
    ("version", "element"),
    [
        (TrustVersion.V13, "wst:RequestSecurityTokenResponseCollection"),
        (TrustVersion.V2005, "wst:RequestSecurityTokenResponse"),
    ],
)
def test_issue_answers_with_a_collection_in_13_and_with_a_bare_response_in_2005(version, element):
    definitions = published(version)
    message = definitions.find("wsdl:portType/wsdl:operation[@name='Issue']/wsdl:output", N).get("message")
    parts = definitions.findall(f"wsdl:message[@name='{message.removeprefix('tns:')}']/wsdl:part", N)
    assert [part.get("element") for part in parts] == [element]


@every_version
def test_both_soap_versions_have_a_binding_and_a_port_at_the_configured_address(version):
    definitions = published(version)
    location = PUBLIC_URL + ENDPOINTS[version].path
    assert definitions.xpath("wsdl:service/wsdl:port/soap12:address/@location", namespaces=N) == [location]
    assert definitions.xpath("wsdl:service/wsdl:port/soap:address/@location", namespaces=N) == [location]
    for prefix in ("soap", "soap12"):
        (binding,) = definitions.xpath(f"wsdl:binding[{prefix}:binding]", namespaces=N)
        assert binding.find(f"{prefix}:binding", N).get("style") == "document"
        assert set(binding.xpath(f"*/*/{prefix}:body/@use", namespaces=N)) == {"literal"}


@every_version
def test_soap_actions_are_the_input_actions(version):
    definitions = published(version)
    wanted = {name: request for name, (request, _) in actions(definitions).items()}
    for binding in definitions.iterfind("wsdl:binding", N):
        operations = binding.findall("wsdl:operation", N)
        assert {o.get("name"): o.xpath("string(*[1]/@soapAction)") for o in operations} == wanted


@every_version
def test_every_name_that_the_document_uses_is_defined_in_it(version):
    definitions = published(version)

    def names(path: str) -> set[str]:
        return {"tns:" + name for name in definitions.xpath(path + "/@name", namespaces=N)}

    assert set(definitions.xpath("//wsdl:operation/*/@message", namespaces=N)) <= names("wsdl:message")
    assert set(definitions.xpath("wsdl:binding/@type", namespaces=N)) <= names("wsdl:portType")
    assert set(definitions.xpath("//wsdl:port/@binding", namespaces=N)) <= names("wsdl:binding")


@every_version
def test_every_binding_refers_to_the_policy_in_the_same_document(version):
    definitions = published(version)
    policies = definitions.findall("wsp:Policy", N)
    references = definitions.xpath("wsdl:binding/wsp:PolicyReference/@URI", namespaces=N)
    assert len(policies) == 1
    assert references == ["#" + policies[0].get(f"{{{ns.WSU}}}Id")] * 2


@every_version
def test_ws_addressing_is_optional_and_has_its_empty_nested_policy(version):
    (addressing,) = published(version).xpath("wsp:Policy//wsam:Addressing", namespaces=N)
    assert addressing.get(f"{{{ns.WSP04}}}Optional") == "true"
    assert [(child.tag, len(child)) for child in addressing] == [(f"{{{ns.WSP04}}}Policy", 0)]


@every_version
def test_all_policies_are_in_the_one_policy_namespace_that_every_stack_reads(version):
    tags = {e.tag for e in published(version).iter() if etree.QName(e).localname in {"Policy", "All", "ExactlyOne"}}
    assert {etree.QName(tag).namespace for tag in tags} == {ns.WSP04}


@pytest.mark.parametrize(
    ("version", "prefix", "trust"), [(TrustVersion.V13, "sp12", "Trust13"), (TrustVersion.V2005, "sp11", "Trust10")]
)
def test_the_policy_asks_for_tls_a_timestamp_and_a_password_in_the_words_of_its_time(version, prefix, trust):
    (policy,) = published(version).findall("wsp:Policy", N)
    for assertion in (
        f"TransportBinding/wsp:Policy/{prefix}:TransportToken/wsp:Policy/{prefix}:HttpsToken",
        f"TransportBinding/wsp:Policy/{prefix}:AlgorithmSuite/wsp:Policy/{prefix}:Basic256Sha256",
        f"TransportBinding/wsp:Policy/{prefix}:Layout/wsp:Policy/{prefix}:Lax",
        f"TransportBinding/wsp:Policy/{prefix}:IncludeTimestamp",
        f"SignedSupportingTokens/wsp:Policy/{prefix}:UsernameToken/wsp:Policy/{prefix}:WssUsernameToken10",
        trust,
    ):
        assert len(policy.findall(f"wsp:ExactlyOne/wsp:All/{prefix}:{assertion}", N)) == 1, assertion
    security_policy = {N[prefix]}
    assert {u for e in policy.iter() if "securitypolicy" in (u := etree.QName(e).namespace)} == security_policy


SUPPORTING = {
    "certificatemixed": {"EndorsingSupportingTokens"},
    "certificatetransport": set(),
    "usernamecertificatemixed": {"EndorsingSupportingTokens", "SignedSupportingTokens"},
    "usernameissuedtokenmixed": {"EndorsingSupportingTokens", "SignedSupportingTokens"},
    "issuedtokenmixedsymmetricbasic256": {"EndorsingSupportingTokens"},
    "issuedtokenmixedasymmetricbasic256": {"EndorsingSupportingTokens"},
}


@every_version
@pytest.mark.parametrize("name", SUPPORTING)
def test_a_policy_inside_of_tls_names_its_tokens_in_the_words_of_its_time(version, name):
    prefix = {TrustVersion.V13: "sp12", TrustVersion.V2005: "sp11"}[version]
    endpoint = Endpoint(path="/trust", version=version, policy=name, algorithms="basic256-sha1")
    document = etree.fromstring(render_wsdl(endpoint, PUBLIC_URL, IMPLEMENTED))
    (policy,) = document.findall("wsp:Policy", N)
    assert {u for e in policy.iter() if "securitypolicy" in (u := etree.QName(e).namespace)} == {N[prefix]}
    assertions = {etree.QName(e).localname for e in policy.find("wsp:ExactlyOne/wsp:All", N)}
    assert {each for each in assertions if each.endswith("Tokens")} == SUPPORTING[name]
    assert len(policy.findall(f".//{prefix}:AlgorithmSuite/wsp:Policy/{prefix}:Basic256", N)) == 1
    signed = policy.findall(f".//{prefix}:EndorsingSupportingTokens/wsp:Policy/{prefix}:SignedParts/{prefix}:Header", N)
    covered = [(header.get("Name"), header.get("Namespace")) for header in signed]
    assert covered == ([("To", ns.WSA), ("To", ns.WSA04)] if SUPPORTING[name] else [])
    (https,) = policy.iter(f"{{{N[prefix]}}}HttpsToken")
    demanded = next(https.iter(f"{{{N[prefix]}}}RequireClientCertificate"), None) is not None
    demanded |= https.get("RequireClientCertificate") == "true"
    assert demanded == (name == "certificatetransport")


@every_version
@pytest.mark.parametrize(("kind", "key"), [("symmetric", "SymmetricKey"), ("asymmetric", "PublicKey")])
def test_a_policy_with_issued_tokens_says_which_key_they_are_bound_to(version, kind, key):
    prefix = {TrustVersion.V13: "sp12", TrustVersion.V2005: "sp11"}[version]
    endpoint = Endpoint(path="/trust", version=version, policy=f"issuedtokenmixed{kind}basic256")
    document = etree.fromstring(render_wsdl(endpoint, PUBLIC_URL, IMPLEMENTED))
    (template,) = document.findall(f".//{prefix}:IssuedToken/{prefix}:RequestSecurityTokenTemplate", N)
    key_type = template.findtext(f"{{{version.namespace}}}KeyType")
    assert key_type == f"{version.namespace}/{key}"


@every_version
def test_a_document_stays_under_the_64_kib_that_wcf_reads(version):
    assert len(render_wsdl(ENDPOINTS[version], PUBLIC_URL, IMPLEMENTED)) < 64 * 1024


@every_version
def test_protected_faults_are_declared_and_no_others(version):
    """Metro has to know which ones are protected, and how."""
    assert not published(version).xpath("//wsdl:fault", namespaces=N)
    for policy in ("username", "certificate", "certificatesigned", "secureconversation"):
        endpoint = replace(ENDPOINTS[version], policy=policy)
        document = render_wsdl(endpoint, PUBLIC_URL, IMPLEMENTED)
        definitions = etree.fromstring(document)
        (schema,) = definitions.findall(f"wsdl:types/xs:schema[@targetNamespace='{ns.STS}']", N)
        assert schema.xpath("xs:element/@name", namespaces=N) == ["ProtectedFault"]
        for operation in definitions.iterfind("wsdl:portType/wsdl:operation", N):
            (fault,) = operation.findall("wsdl:fault", N)
            assert fault.get("message") == "tns:ProtectedFaultMsg"
        for operation in definitions.iterfind("wsdl:binding/wsdl:operation", N):
            for kind in ("output", "fault"):
                (reference,) = operation.findall(f"wsdl:{kind}/wsp:PolicyReference", N)
                assert reference.get("URI").endswith("-parts")
        assert len(document) < 64 * 1024


@every_version
def test_no_schema_or_document_has_to_be_fetched(version):
    definitions = published(version)
    assert definitions.xpath("//@schemaLocation | //wsdl:import | //xs:include", namespaces=N) == []
    inline = set(definitions.xpath("wsdl:types/xs:schema/@targetNamespace", namespaces=N))
    assert set(definitions.xpath("//xs:import/@namespace", namespaces=N)) <= inline


@every_version
def test_the_addressing_schema_has_the_elements_that_cxf_s_generator_binds(version):
    """wsdl2java of CXF 3.6.9 refuses the document when one of these is not declared."""
    schema = published(version).find(f"wsdl:types/xs:schema[@targetNamespace='{ns.WSA}']", N)
    assert {e.get("name") for e in schema.findall("xs:element", N)} == {
        "EndpointReference",
        "ReplyTo",
        "FaultTo",
        "From",
    }


@every_version
def test_only_the_given_operations_are_published(version):
    document = etree.fromstring(render_wsdl(ENDPOINTS[version], PUBLIC_URL, (Operation.ISSUE,)))
    assert set(document.xpath("//wsdl:operation/@name", namespaces=N)) == {"Issue"}


def test_a_document_without_operations_cannot_be_published():
    with pytest.raises(ValueError, match="operations to publish"):
        render_wsdl(ENDPOINTS[TrustVersion.V13], PUBLIC_URL, ())


@pytest.mark.parametrize("policy", ["nonesuch", "", "../policies/usernamemixed", "usernamemixed.xml"])
@every_version
def test_a_policy_without_a_document_is_refused(version, policy):
    endpoint = Endpoint(path="/trust/other", version=version, policy=policy)
    with pytest.raises(ValueError, match="/trust/other"):
        render_wsdl(endpoint, PUBLIC_URL, IMPLEMENTED)


def test_an_address_is_data_and_never_markup():
    hostile = 'https://sts.example.test/"><x/>&lt;'
    endpoint = Endpoint(path="/a?b=1&c=<2>", version=TrustVersion.V13)
    definitions = etree.fromstring(render_wsdl(endpoint, hostile, IMPLEMENTED))
    (location,) = set(definitions.xpath("//soap:address/@location | //soap12:address/@location", namespaces=N))
    assert location == hostile + endpoint.path


def test_a_slash_at_the_end_of_the_public_url_is_not_doubled():
    with_slash = render_wsdl(ENDPOINTS[TrustVersion.V13], PUBLIC_URL + "/", IMPLEMENTED)
    assert with_slash == render_wsdl(ENDPOINTS[TrustVersion.V13], PUBLIC_URL, IMPLEMENTED)


def test_notes_for_the_repository_s_readers_are_not_published():
    document = render_wsdl(ENDPOINTS[TrustVersion.V13], PUBLIC_URL, IMPLEMENTED)
    assert b"<!--" not in document


def test_the_schemas_around_ws_trust_are_the_same_in_both_documents():
    def around(version: TrustVersion) -> list[bytes]:
        schemas = published(version).findall("wsdl:types/xs:schema", N)
        others = [schema for schema in schemas if schema.get("targetNamespace") != version.namespace]
        return [etree.tostring(schema, method="c14n", exclusive=True) for schema in others]

    assert around(TrustVersion.V13) == around(TrustVersion.V2005)
    assert len(around(TrustVersion.V13)) == 4


# -- what the inline schemas say, held against what real clients sent ---------------------------------------------


def schema_of(version: TrustVersion, directory: Path) -> etree.XMLSchema:
    """The inline schemas, written out so that libxml2 can find each from the other."""
    schemas = published(version).findall("wsdl:types/xs:schema", N)
    files = {schema.get("targetNamespace"): directory / f"{n}.xsd" for n, schema in enumerate(schemas)}
    for schema in schemas:
        for imported in schema.iterfind("xs:import", N):
            imported.set("schemaLocation", files[imported.get("namespace")].name)
        files[schema.get("targetNamespace")].write_bytes(etree.tostring(schema))
    return etree.XMLSchema(file=str(files[version.namespace]))


def recorded_request(name: str) -> etree._Element:
    octets = (RECORDED / name).read_bytes()
    envelope = etree.fromstring(octets[octets.index(b"\n\n") + 2 :] if name.endswith(".http") else octets)
    return etree.ElementTree(envelope[-1][0])


@pytest.mark.parametrize(
    ("version", "name"),
    [
        (TrustVersion.V13, "wcf-ws2007http-username-bearer-saml2.http"),
        (TrustVersion.V13, "wcf-basichttp-soap11-username.http"),
        (TrustVersion.V13, "wcf-symmetric-key-entropy.http"),
        (TrustVersion.V13, "jaxws-ri-wss4j-username.http"),
        (TrustVersion.V13, "gsoap-username.http"),
        (TrustVersion.V13, "wss4j-username-digest.xml"),
        (TrustVersion.V2005, "wcf-wshttp-2005-username-noproofkey-saml11.http"),
    ],
)
def test_the_schema_accepts_what_real_clients_send_in_whatever_order(version, name, tmp_path):
    schema_of(version, tmp_path).assertValid(recorded_request(name))


def test_the_schema_knows_a_key_that_a_client_names(tmp_path):
    """Apache CXF writes AppliesTo in a namespace of WS-Policy that the schema does not have."""
    request = recorded_request("cxf/ut-soap12-public.request.xml").getroot()
    for scope in request.findall(f"{{{ns.WSP15}}}AppliesTo"):
        scope.tag = f"{{{ns.WSP04}}}AppliesTo"
    assert request.find(f"{{{ns.WST13}}}UseKey") is not None
    schema_of(TrustVersion.V13, tmp_path).assertValid(request)


@pytest.mark.parametrize(
    "children",
    [
        "<wst:RequestType>x</wst:RequestType><wst:RequestType>x</wst:RequestType>",
        "<wst:RequestType>x</wst:RequestType><wst:Unheard/>",
        "<wst:TokenType>x</wst:TokenType>",
        "<wst:RequestType>x</wst:RequestType><wst:KeySize>-1</wst:KeySize>",
        "<wst:RequestType>x</wst:RequestType><wst:Entropy><wst:BinarySecret/><wst:BinarySecret/></wst:Entropy>",
        "<wst:RequestType>x</wst:RequestType><wst:UseKey><wst:BinarySecret/></wst:UseKey>",
    ],
)
def test_the_schema_refuses_what_is_doubled_unknown_missing_or_absurd(children, tmp_path):
    request = etree.fromstring(
        f'<wst:RequestSecurityToken xmlns:wst="{ns.WST13}">{children}</wst:RequestSecurityToken>'
    )
    assert not schema_of(TrustVersion.V13, tmp_path).validate(request)
