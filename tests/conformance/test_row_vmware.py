"""Section 4 of the wire contract, `vmware`: what vCenter's clients ask for at the one address, and what they get."""

from datetime import timedelta

import pytest
from lxml import etree

from tests import messages
from tests.endorsed import b64
from tests.issued import Holder
from tests.messages import NAMES, Answer, instant
from tests.vmware import (
    ALICE,
    MALLORY,
    VmwareSts,
    bearer,
    beside,
    body,
    by_password,
    by_token,
    holder_of,
    signed,
    use_key,
)
from wstrust_sts import ns
from wstrust_sts.bindings.metadata import render_wsdl
from wstrust_sts.model import Endpoint, Operation, TrustVersion


@pytest.fixture
def sts() -> VmwareSts:
    return VmwareSts()


def bound_to(answer: Answer) -> str:
    token = etree.fromstring(answer.assertion)
    return token.findtext(".//saml2:SubjectConfirmationData//ds:X509Certificate", namespaces=NAMES)


def rstr(answer: Answer) -> etree._Element:
    assert answer.status == 200, answer.body
    return answer.root.find("{*}Body")[0]


def test_a_password_gets_a_bearer_token_for_the_relying_party_by_default_in_a_collection(sts):
    answer = sts.get(by_password(sts))
    assert etree.QName(rstr(answer)).localname == "RequestSecurityTokenResponseCollection"
    assert sts.stores.issued_tokens.find("default", etree.fromstring(answer.assertion).get("ID")).relying_party == "rp"


def test_who_says_for_whom_gets_that(sts):
    answer = sts.get(by_password(sts, address=messages.RP))
    assert rstr(answer).find(".//{*}AppliesTo") is not None


def test_a_signature_gets_a_token_that_is_bound_to_the_key_that_use_key_names_by_it(sts):
    assert bound_to(sts.get(signed())) == b64(ALICE.certificate)


def test_a_password_and_a_signature_get_a_token_that_is_bound_to_the_key_whoever_s_certificate_it_has(sts):
    answer = sts.get(signed(MALLORY, more=(messages.username_token(),)))
    assert bound_to(answer) == b64(MALLORY.certificate)
    token = etree.fromstring(answer.assertion)
    assert token.findtext(".//saml2:NameID", namespaces=NAMES) == "alice"
    assert len(token.findall(".//saml2:AuthnStatement", NAMES)) == 1


def test_beside_a_password_it_is_not_asked_whose_account_the_certificate_is_mapped_to(sts):
    answer = sts.get(signed(ALICE, more=(messages.username_token("bob", "trombone"),)))
    assert etree.fromstring(answer.assertion).findtext(".//saml2:NameID", namespaces=NAMES) == "bob"


def test_vmware_s_sdk_for_java_has_use_key_behind_the_request_and_signs_with_sha_512(sts):
    """As WsTrustAuthenticator.acquireHokTokenWithUserCredentials of com.vmware.sdk.ssoclient sends it."""
    lifetime = (
        f'<t:Lifetime><u:Created xmlns:u="{ns.WSU}">{instant(sts.clock.now)}</u:Created>'
        f'<u:Expires xmlns:u="{ns.WSU}">{instant(sts.clock.now, timedelta(minutes=30))}</u:Expires></t:Lifetime>'
    )
    asked = body(lifetime, key="PublicKey") + beside()
    answer = sts.get(signed(MALLORY, asked, method=ns.RSA_SHA512, digest=ns.SHA512, more=(messages.username_token(),)))
    assert bound_to(answer) == b64(MALLORY.certificate)
    assert rstr(answer)[0][0].tag == f"{{{ns.WST13}}}RequestedSecurityToken"  # it looks nowhere else
    again = sts.get(by_token(Holder(answer.assertion.decode(), MALLORY)))
    assert bound_to(again) == b64(MALLORY.certificate)


def test_a_token_gets_another_one_that_is_bound_to_the_same_key_without_use_key(sts):
    assert bound_to(sts.get(by_token(holder_of(sts)))) == b64(ALICE.certificate)


@pytest.mark.parametrize("soap", ["1.1", "1.2"])
def test_either_version_of_soap_will_do(sts, soap):
    assert sts.get(signed(soap=soap), soap=soap).status == 200


def test_renew_with_the_key_s_signature_is_answered_by_one_response(sts):
    before = holder_of(sts)
    asked = messages.rst("Renew", use_key(), f"<t:RenewTarget>{before.token}</t:RenewTarget>")
    answer = sts.get(signed(asked=asked))
    assert etree.QName(rstr(answer)).localname == "RequestSecurityTokenResponse"
    assert rstr(answer)[0].tag == f"{{{ns.WST13}}}RequestedSecurityToken"
    assert bound_to(answer) == b64(ALICE.certificate)
    assert etree.fromstring(answer.assertion).get("ID") != before.id


def test_renew_by_a_password_proves_no_key(sts):
    before = holder_of(sts)
    message = messages.envelope(
        messages.renew(before.token),
        messages.security(messages.timestamp(sts.clock.now), messages.username_token()),
        soap="1.1",
    )
    assert sts.get(message).fault == (ns.WST13, "UnableToRenew")


def test_validate_says_what_a_token_is_worth(sts):
    assert sts.get(signed(asked=messages.validate(bearer(sts)))).status_code == "valid"


def test_a_renewed_token_is_the_text_that_its_holder_signed(sts):
    """What is signed is a token written again from its parts; it is this one only if it has the same canonical form."""
    token = holder_of(sts).token
    written = etree.tostring(etree.fromstring(token), method="c14n", exclusive=True).decode()
    asked = messages.rst("Renew", use_key(), f"<t:RenewTarget>{written}</t:RenewTarget>")
    assert sts.get(signed(asked=asked)).status == 200


def test_the_usual_endpoints_answer_as_ever(sts):
    assert sts.issue().status == 200
    assert b"CorrelationId" in sts.issue(password="wrong").body


@pytest.mark.parametrize("version", TrustVersion)
def test_the_policy_says_its_four_alternatives_and_what_is_signed(version):
    endpoint = Endpoint(path="/sts/STSService", version=version, policy="vmware")
    document = etree.fromstring(render_wsdl(endpoint, "https://sts.example.test", tuple(Operation)))
    (policy,) = document.findall(f"{{{ns.WSP04}}}Policy")
    ((*alternatives,),) = policy
    told = []
    for each in alternatives:
        tokens = [
            found.tag for name in ("UsernameToken", "X509Token", "IssuedToken") for found in each.iter(f"{{*}}{name}")
        ]
        told.append(([etree.QName(tag).localname for tag in tokens], len(list(each.iter("{*}Body")))))
    assert told == [
        (["UsernameToken"], 0),
        (["UsernameToken", "X509Token"], 1),
        (["X509Token"], 1),
        (["IssuedToken"], 1),
    ]
