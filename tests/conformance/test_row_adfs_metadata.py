"""Row 31 of the wire contract: the metadata document of AD FS, by plain GET and by SOAP."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from lxml import etree
from msal.mex import Mex

from tests import messages
from tests.harness import ADFS_ENDPOINTS, ENDPOINTS, PUBLIC_URL, SEALED_ENDPOINTS, SERVER, Sts
from tests.messages import Answer
from wstrust_sts import ns, registry
from wstrust_sts.bindings.adfs_mex import render_adfs_mex
from wstrust_sts.bindings.http import Request
from wstrust_sts.model import Endpoint, TrustVersion

GOLDEN = Path(__file__).parents[1] / "vectors" / "adfs" / "mex.xml"
MEX = "/adfs/services/trust/mex"
N = {
    "wsdl": ns.WSDL,
    "soap": ns.WSDL_SOAP11,
    "soap12": ns.WSDL_SOAP12,
    "wsp": ns.WSP04,
    "wsa10": ns.WSA,
    "sp11": ns.SP11,
    "sp12": ns.SP12,
}


@pytest.fixture
def sts() -> Sts:
    return Sts(endpoints=ADFS_ENDPOINTS)


def get(sts: Sts, path: str = MEX, **headers: str) -> Answer:
    return sts.request(Request(method="GET", path=path, headers=headers))


def structure(markup: bytes) -> bytes:
    """The canonical form without the white space between elements."""
    parser = etree.XMLParser(remove_blank_text=True)
    return etree.tostring(etree.fromstring(markup, parser), method="c14n")


def ports(markup: bytes) -> dict[str, str]:
    """Address by name."""
    path = "wsa10:EndpointReference/wsa10:Address"
    return {
        port.get("name"): port.findtext(path, None, N) for port in etree.fromstring(markup).iter(f"{{{ns.WSDL}}}port")
    }


def test_row_31_the_document_is_the_one_that_clients_were_written_for(sts):
    answer = get(sts)
    assert (answer.status, answer.content_type) == (200, "text/xml; charset=utf-8")
    assert structure(answer.body) == structure(GOLDEN.read_bytes())


def test_row_31_it_begins_with_the_definitions_themselves_and_has_no_white_space_between_elements(sts):
    body = get(sts).body
    assert body.startswith(b'<?xml version="1.0" encoding="utf-8"?><wsdl:definitions name="SecurityTokenService" ')
    assert re.search(rb">\s+<|\n", body) is None


def test_row_31_the_prefix_wsu_is_literal_and_sp_is_declared_on_each_assertion(sts):
    body = get(sts).body.decode()
    root = etree.fromstring(body.encode())
    policies = root.findall("wsp:Policy", N)
    assert body.count('<wsp:Policy wsu:Id="') == len(policies) == len(ADFS_ENDPOINTS)
    assertions = [
        each for policy in policies for each in policy.find("wsp:ExactlyOne/wsp:All", N) if each.prefix == "sp"
    ]
    assert len(re.findall(r"<sp:\w+ xmlns:sp=", body)) == len(assertions) == body.count("xmlns:sp=")
    assert "xmlns:sp" not in body[: body.index("<wsp:Policy")]


def test_row_31_it_speaks_soap_12_and_https_alone(sts):
    root = etree.fromstring(get(sts).body)
    assert not list(root.iter(f"{{{ns.WSDL_SOAP11}}}*"))
    addresses = root.xpath("//soap12:address/@location", namespaces=N)
    assert addresses == root.xpath("//wsa10:EndpointReference/wsa10:Address/text()", namespaces=N)
    assert addresses
    assert all(address.startswith("https://") for address in addresses)


def test_row_31_both_versions_have_the_port_types_bindings_and_ports_of_ad_fs(sts):
    body = get(sts).body
    root = etree.fromstring(body)
    assert root.xpath("wsdl:portType/@name", namespaces=N) == ["IWSTrustFeb2005Async", "IWSTrust13Async"]
    expected = {}
    for interface, folder in (("IWSTrustFeb2005Async", "2005"), ("IWSTrust13Async", "13")):
        base = f"{PUBLIC_URL}/adfs/services/trust/{folder}"
        expected |= {
            f"CertificateWSTrustBinding_{interface}": f"{base}/certificatemixed",
            f"CertificateWSTrustBinding_{interface}1": f"{base}/certificatetransport",
            f"UserNameWSTrustBinding_{interface}": f"{base}/usernamemixed",
        }
    assert ports(body) == expected
    assert root.xpath("wsdl:binding/@name", namespaces=N) == list(expected)
    for binding in root.findall("wsdl:binding", N):
        name = binding.get("name")
        assert binding.find("wsp:PolicyReference", N).get("URI") == f"#{name}_policy"
        version = ns.WST05 if "2005" in name else ns.WST13
        assert binding.find("wsdl:operation/soap12:operation", N).get("soapAction") == f"{version}/RST/Issue"


def test_row_31_passwords_are_told_in_the_words_of_each_version(sts):
    root = etree.fromstring(get(sts).body)
    for words, name in (
        ("sp12:SignedEncryptedSupportingTokens/wsp:Policy/sp12:UsernameToken/wsp:Policy/sp12:WssUsernameToken10", "13"),
        ("sp11:SignedSupportingTokens/wsp:Policy/sp11:UsernameToken/wsp:Policy/sp11:WssUsernameToken10", "Feb2005"),
    ):
        (found,) = root.findall(f"wsp:Policy/wsp:ExactlyOne/wsp:All/{words}", N)
        (policy, *_) = [each for each in found.iterancestors(f"{{{ns.WSP04}}}Policy") if each.get(f"{{{ns.WSU}}}Id")]
        assert policy.get(f"{{{ns.WSU}}}Id") == f"UserNameWSTrustBinding_IWSTrust{name}Async_policy"
        assert next(policy.iter("{*}TransportBinding"), None) is not None


def test_row_31_every_reference_in_it_leads_somewhere(sts):
    root = etree.fromstring(get(sts).body)

    def named(kind: str) -> set[str]:
        return {f"tns:{name}" for name in root.xpath(f"wsdl:{kind}/@name", namespaces=N)}

    elements = {
        (schema.get("targetNamespace"), element.get("name"))
        for schema in root.iter(f"{{{ns.XS}}}schema")
        for element in schema
    }
    for part in root.iter(f"{{{ns.WSDL}}}part"):
        prefix, _, name = part.get("element").partition(":")
        assert (root.nsmap[prefix], name) in elements
    assert set(root.xpath("//wsdl:port/@binding", namespaces=N)) == named("binding")
    assert set(root.xpath("//wsdl:binding/@type", namespaces=N)) == named("portType")
    assert set(root.xpath("//wsdl:portType//@message", namespaces=N)) == named("message")


def test_row_31_it_stays_under_64_kib_with_every_credential_there_is():
    """WCF stops reading there."""
    policies = [policy for policy in registry.POLICIES if "mixed" in policy or "transport" in policy]
    rows = [
        Endpoint(path=f"{'/long' * 20}/trust/{version.name}/{policy}", version=version, policy=policy, layout="adfs")
        for policy in policies
        for version in TrustVersion
    ]
    (document,) = render_adfs_mex(rows, PUBLIC_URL).values()
    assert len(document) < 64 * 1024


@pytest.mark.parametrize("missing", ADFS_ENDPOINTS, ids=lambda row: row.path)
def test_row_31_what_is_not_enabled_is_not_in_it(missing):
    body = get(Sts(endpoints=tuple(row for row in ADFS_ENDPOINTS if row != missing))).body
    assert len(ports(body)) == len(ADFS_ENDPOINTS) - 1
    assert PUBLIC_URL + missing.path not in ports(body).values()
    assert f"{PUBLIC_URL}{missing.path}<".encode() not in body


def test_row_31_every_port_in_it_is_served_and_demands_what_it_says(sts):
    for address in ports(get(sts).body).values():
        path = address.removeprefix(PUBLIC_URL)
        answer = sts.issue(path=path)
        assert answer.status == (200 if path.endswith("usernamemixed") else 500), path
        unproved = sts.post(messages.envelope(messages.issue(trust=sts.trust(path))), path=path)
        assert unproved.fault == (ns.WSSE, "InvalidSecurity")


def test_row_31_messages_that_protect_themselves_and_other_layouts_are_not_in_it():
    sealed = tuple(replace(row, layout="adfs", path=f"/adfs{row.path}") for row in SEALED_ENDPOINTS)
    sts = Sts(endpoints=(*ENDPOINTS[:2], *sealed, *ADFS_ENDPOINTS))
    assert structure(get(sts).body) == structure(GOLDEN.read_bytes())
    assert get(Sts(endpoints=(*ENDPOINTS[:2], *sealed))).status == 404


def test_row_31_a_tolerance_that_changes_the_answer_takes_an_endpoint_out_of_it():
    (first, *others) = ADFS_ENDPOINTS
    sts = Sts(endpoints=(replace(first, tolerances=("bare-rstr",)), *others))
    assert PUBLIC_URL + first.path not in ports(get(sts).body).values()


def test_row_31_without_https_there_is_no_such_document():
    plain = replace(SERVER, public_url="http://localhost:8080", plain_http=True, certificate=None, private_key=None)
    assert get(Sts(endpoints=ADFS_ENDPOINTS, server=plain)).status == 404


def test_row_31_endpoints_in_another_folder_have_a_document_of_their_own():
    other = tuple(replace(row, path=f"/other{row.path}") for row in ADFS_ENDPOINTS[:1])
    sts = Sts(endpoints=(*ADFS_ENDPOINTS, *other))
    assert list(ports(get(sts, f"/other{MEX}").body).values()) == [PUBLIC_URL + other[0].path]
    assert structure(get(sts).body) == structure(GOLDEN.read_bytes())


# -- who asks, and how ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("soap", ["1.1", "1.2"])
@pytest.mark.parametrize(
    ("action", "body"), [(ns.WXF_GET, ""), (ns.MEX_REQUEST, f'<m:GetMetadata xmlns:m="{ns.MEX}"/>')]
)
def test_row_31_by_soap_the_same_document_comes_inline(sts, soap, action, body):
    answer = sts.post(messages.envelope(body, messages.addressing(action), soap=soap), path=MEX, soap=soap)
    assert (answer.status, answer.content_type) == (200, messages.content_type(soap))
    (section,) = answer.root.iter(f"{{{ns.MEX}}}MetadataSection")
    assert section.get("Identifier") == "http://schemas.microsoft.com/ws/2008/06/identity/securitytokenservice"
    (definitions,) = section
    assert etree.tostring(definitions, method="c14n", exclusive=True) == etree.tostring(
        etree.fromstring(get(sts).body), method="c14n", exclusive=True
    )


def test_row_31_nothing_but_metadata_is_to_be_had_there(sts):
    answer = sts.ask(messages.issue(), path=MEX, headers=(messages.addressing(f"{ns.WST13}/RST/Issue"),))
    assert answer.code == "ActionNotSupported"
    assert sts.request(Request(method="PUT", path=MEX)).status == 405


@pytest.mark.parametrize("header", ["host", "x-forwarded-host", "forwarded", "x-original-host"])
@pytest.mark.parametrize("path", [MEX, "/FederationMetadata/2007-06/FederationMetadata.xml"])
def test_row_31_no_header_of_a_request_is_reflected(sts, path, header):
    expected = get(sts, path).body
    assert get(sts, path, **{header: "evil.example.test"}).body == expected
    asked = Request(method="GET", path=path, query="wsdl=evil.example.test", headers={header: "evil.example.test"})
    assert sts.request(asked).body == expected
    assert b"evil" not in expected


def test_row_31_msal_finds_the_password_endpoint_of_13_and_where_there_is_none_that_of_2005(sts):
    def found(sts: Sts) -> dict[str, str] | None:
        return Mex(get(sts).body.decode()).get_wstrust_username_password_endpoint()

    def where(folder: str, version: str) -> dict[str, str]:
        address = f"{PUBLIC_URL}/adfs/services/trust/{folder}/usernamemixed"
        return {"address": address, "action": f"{version}/RST/Issue"}

    assert found(sts) == where("13", ns.WST13)
    old = tuple(row for row in ADFS_ENDPOINTS if row.trust is TrustVersion.V2005)
    assert found(Sts(endpoints=old)) == where("2005", ns.WST05)
    certificates = tuple(row for row in ADFS_ENDPOINTS if row.policy != "usernamemixed")
    assert found(Sts(endpoints=certificates)) is None
