"""Row 32 of the wire contract: FederationMetadata.xml, signed, with every published signing key, the next one too."""

import base64
from dataclasses import replace
from datetime import timedelta

import pytest
import signxml
from lxml import etree

from tests.fakes import NOON, REALM
from tests.harness import ENDPOINTS, PUBLIC_URL, Sts, signing_key
from tests.verifiers import schema, signxml_verify, xmlsec_verify
from wstrust_sts import ns
from wstrust_sts.bindings.http import Request
from wstrust_sts.config import EndpointSection
from wstrust_sts.keys import make_signing_key
from wstrust_sts.model import TrustVersion
from wstrust_sts.records import KeyState
from wstrust_sts.wire.times import read_time

PATH = "/FederationMetadata/2007-06/FederationMetadata.xml"
OTHER_PATH = f"/other{PATH}"
NAMES = {"md": ns.MD, "fed": ns.FED, "auth": ns.AUTHORIZATION, "ds": ns.DS, "a": ns.WSA}


def get(sts, path=PATH, *, method="GET", query="", **headers):
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    return sts.request(Request(method=method, path=path, query=query, headers=fields))


def document(sts, path=PATH):
    answer = get(sts, path)
    assert answer.status == 200
    return answer.root


def published(root) -> list[bytes]:
    keys = root.findall("md:RoleDescriptor/md:KeyDescriptor[@use='signing']", NAMES)
    return [base64.b64decode(key.findtext("ds:KeyInfo/ds:X509Data/ds:X509Certificate", None, NAMES)) for key in keys]


def local_names(element) -> list[str]:
    return [etree.QName(child).localname for child in element]


def another_key(state: KeyState, *, algorithm="ec-p256", realm=REALM.name, age=timedelta(0)):
    _, box = signing_key()
    return make_signing_key(realm, algorithm=algorithm, name="sts.example.test", now=NOON - age, box=box, state=state)


def test_row_32_it_is_saml_metadata_by_the_published_schemas(sts):
    schema("federation-metadata.xsd").assertValid(document(sts))


def test_row_32_every_child_stands_in_its_place(sts):
    root = document(sts)
    assert root.tag == f"{{{ns.MD}}}EntityDescriptor"
    assert local_names(root) == ["Signature", "RoleDescriptor"]
    (role,) = root.findall("md:RoleDescriptor", NAMES)
    order = list(dict.fromkeys(local_names(role)))
    assert order == ["KeyDescriptor", "TokenTypesOffered", "ClaimTypesOffered", "SecurityTokenServiceEndpoint"]


def test_row_32_the_entity_is_the_issuer_of_the_tokens(sts):
    root = document(sts)
    token = etree.fromstring(sts.issue().assertion)
    assert root.get("entityID") == REALM.issuer == token.findtext(f"{{{ns.SAML20}}}Issuer")


def test_row_32_the_role_is_a_security_token_service_in_the_protocols_that_are_spoken(sts):
    role = document(sts).find("md:RoleDescriptor", NAMES)
    prefix, _, name = role.get(f"{{{ns.XSI}}}type").partition(":")
    assert (role.nsmap[prefix], name) == (ns.FED, "SecurityTokenServiceType")
    assert role.get("protocolSupportEnumeration").split() == [ns.WST13, ns.WST05, ns.FED]
    alone = Sts(endpoints=(EndpointSection(path="/one", trust=TrustVersion.V2005),))
    role = document(alone).find("md:RoleDescriptor", NAMES)
    assert role.get("protocolSupportEnumeration").split() == [ns.WST05, ns.FED]


@pytest.mark.parametrize("algorithm", ["rsa-2048", "rsa-3072", "ec-p256"])
def test_row_32_independent_verifiers_accept_the_signature_of_the_active_key(algorithm):
    sts = Sts(algorithm=algorithm)
    body = get(sts).body
    (active,) = published(etree.fromstring(body))
    xmlsec_verify(body, active)
    signed = signxml_verify(body, active, "ID").signed_xml
    assert signed.tag == f"{{{ns.MD}}}EntityDescriptor"
    assert signed.get("entityID") == REALM.issuer
    assert published(signed) == [active]
    token = etree.fromstring(sts.issue().assertion)
    assert base64.b64decode(token.findtext(".//ds:X509Certificate", None, NAMES)) == active


@pytest.mark.parametrize(
    ("told", "forged"),
    [
        (b'entityID="https://sts', b'entityID="https://attacker'),
        (b".test/trust/13/usernamemixed<", b".test/trust/13/attacker<"),
        (b'use="signing"', b'use="encryption"'),
        (b'validUntil="2026', b'validUntil="2036'),
        (b"claims/upn", b"claims/npu"),
    ],
)
def test_row_32_whatever_is_changed_breaks_the_signature(sts, told, forged):
    body = get(sts).body
    (active,) = published(etree.fromstring(body))
    assert body.count(told) == 1
    with pytest.raises(signxml.InvalidDigest):
        signxml_verify(body.replace(told, forged), active, "ID")


def test_row_32_every_published_key_is_there_with_the_active_one_first():
    sts = Sts()
    (active,) = sts.stores.signing_keys.list(REALM.name)
    following, retiring, old = (
        another_key(KeyState.NEXT),
        another_key(KeyState.RETIRING, age=timedelta(days=900)),
        another_key(KeyState.RETIRED, age=timedelta(days=1800)),
    )
    for key in (old, retiring, following, another_key(KeyState.ACTIVE, realm="other")):
        sts.stores.administration.add_signing_key(key)
    assert published(document(sts)) == [key.certificate for key in (active, following, retiring)]


def test_row_32_the_next_key_is_in_the_metadata_before_it_signs():
    sts = Sts()
    (first,) = published(document(sts))
    following = another_key(KeyState.NEXT, algorithm="rsa-2048")
    sts.stores.administration.add_signing_key(following)
    body = get(sts).body
    assert published(etree.fromstring(body)) == [first, following.certificate]
    xmlsec_verify(body, first)
    xmlsec_verify(sts.issue().assertion, first)
    sts.stores.administration.promote_key(REALM.name, following.id)
    body = get(sts).body
    assert published(etree.fromstring(body)) == [following.certificate, first]
    xmlsec_verify(body, following.certificate)
    xmlsec_verify(sts.issue().assertion, following.certificate)
    (retiring,) = [key.id for key in sts.stores.signing_keys.list(REALM.name) if key.certificate == first]
    sts.stores.administration.set_key_state(REALM.name, retiring, KeyState.RETIRED)
    assert published(document(sts)) == [following.certificate]


def test_row_32_the_token_types_offered_are_issued(sts):
    role = document(sts).find("md:RoleDescriptor", NAMES)
    offered = [each.get("Uri") for each in role.iterfind("fed:TokenTypesOffered/fed:TokenType", NAMES)]
    assert offered == [ns.SAML20, ns.SAML11]
    for token_type in offered:
        assert sts.issue(token_type=token_type).status == 200


def test_row_32_the_claim_types_are_the_well_known_ones_and_give_nothing_of_a_relying_party_away(sts):
    body = get(sts).body
    offered = etree.fromstring(body).findall("md:RoleDescriptor/fed:ClaimTypesOffered/auth:ClaimType", NAMES)
    assert {ns.CLAIM_NAME, ns.CLAIM_EMAIL, ns.CLAIM_ROLE} <= {each.get("Uri") for each in offered}
    assert all(each.get("Optional") == "true" and each.findtext("auth:DisplayName", None, NAMES) for each in offered)
    for secret in (b"claims.example.test", b"orchestra", b"department", b"players", b"rp.example.test", b"alice"):
        assert secret not in body


def test_row_32_the_endpoints_are_those_of_the_realm_at_the_configured_address(sts):
    endpoints = document(sts).findall("md:RoleDescriptor/fed:SecurityTokenServiceEndpoint", NAMES)
    addresses = [each.findtext("a:EndpointReference/a:Address", None, NAMES) for each in endpoints]
    assert addresses == [PUBLIC_URL + endpoint.path for endpoint in ENDPOINTS]
    for path in (address.removeprefix(PUBLIC_URL) for address in addresses):
        assert sts.request(Request(method="GET", path=path, query="wsdl")).status == 200


def test_row_32_nothing_follows_the_address_of_an_endpoint(sts):
    """Early versions of the WsFederationMetadataSerializer of .NET end with an exception there."""
    for reference in document(sts).iter(f"{{{ns.WSA}}}EndpointReference"):
        assert local_names(reference) == ["Address"]


def test_row_32_it_is_good_for_about_a_week_and_stays_so():
    sts = Sts()
    for _ in range(3):
        root = document(sts)
        left = read_time(root.get("validUntil")) - sts.clock.now
        assert timedelta(days=7) < left <= timedelta(days=8)
        assert root.get("cacheDuration") == "PT6H"
        xmlsec_verify(get(sts).body, published(root)[0])
        sts.clock.advance(timedelta(hours=31))


def test_row_32_each_realm_has_a_document_of_its_own():
    sts = Sts(endpoints=(*ENDPOINTS, EndpointSection(path="/other/13", trust=TrustVersion.V13, realm="other")))
    sts.stores.realms.rows["other"] = replace(REALM, name="other", issuer="urn:other")
    key = another_key(KeyState.ACTIVE, realm="other")
    sts.stores.administration.add_signing_key(key)
    root = document(sts, OTHER_PATH)
    assert root.get("entityID") == "urn:other"
    assert published(root) == [key.certificate]
    assert [address.text for address in root.iter(f"{{{ns.WSA}}}Address")] == [f"{PUBLIC_URL}/other/13"]
    assert key.certificate not in published(document(sts))
    assert f"{PUBLIC_URL}/other/13".encode() not in get(sts).body


def test_row_32_a_client_that_has_it_is_told_so():
    sts = Sts()
    answer = get(sts)
    assert answer.content_type == "application/samlmetadata+xml"
    assert answer.headers["cache-control"] == "public, max-age=300"
    tag = answer.headers["etag"]
    for asked in (tag, tag.removeprefix("W/"), f'"x", {tag}', "*"):
        again = get(sts, if_none_match=asked)
        assert (again.status, again.body, again.headers["etag"]) == (304, b"", tag)
    for asked in ("", '"x"', tag[:-2], tag.strip('W/"')):
        assert get(sts, if_none_match=asked).status == 200
    sts.stores.administration.add_signing_key(another_key(KeyState.NEXT))
    assert get(sts, if_none_match=tag).status == 200


def test_row_32_two_nodes_that_say_the_same_have_one_tag():
    for algorithm in ("rsa-2048", "ec-p256"):
        assert get(Sts(algorithm=algorithm)).headers["etag"] == get(Sts(algorithm=algorithm)).headers["etag"]
