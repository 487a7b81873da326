"""What goes out for relying parties that were made from templates, through the whole STS.

What each product demands is in docs/templates.md; none of them was at hand to ask.
"""

from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree
from signxml import XMLVerifier

from tests.harness import Sts, account
from tests.messages import NAMES, issue
from wstrust_sts import ns
from wstrust_sts.cli.relying_party_template import row_of_template
from wstrust_sts.cli.rows import read_row
from wstrust_sts.declared_relying_parties import RelyingPartyTable
from wstrust_sts.model import Claim

MICROSOFT = "http://schemas.microsoft.com/ws/2008/06/identity/claims"
IMMUTABLE_ID = "http://schemas.microsoft.com/LiveID/Federation/2008/05/ImmutableID"
METHODS = "http://schemas.microsoft.com/claims/authnmethodsreferences"
INSIDE = "http://schemas.microsoft.com/ws/2012/01/insidecorporatenetwork"
AWS = "https://aws.amazon.com/SAML/Attributes"
ALICE = account(
    "alice",
    groups=("players", "soloists"),
    claims=(
        Claim(ns.CLAIM_EMAIL, ("alice@example.test",)),
        Claim(ns.CLAIM_UPN, ("alice@corp.example.test",)),
        Claim(IMMUTABLE_ID, ("wuQ8SEYtrkCpZ6RcUXHMVQ==",)),
        Claim(f"{MICROSOFT}/primarysid", ("S-1-5-21-1-2-3-1001",)),
        Claim(f"{MICROSOFT}/windowsaccountname", ("CORP\\alice",)),
        Claim(METHODS, ("http://schemas.microsoft.com/claims/multipleauthn",)),
        Claim(INSIDE, ("true",)),
        Claim("secret", ("she plays jazz",)),
    ),
)


class Saml11:
    """A SAML 1.1 assertion, as a relying party reads it."""

    def __init__(self, assertion: etree._Element) -> None:
        self.attributes = {
            f"{each.get('AttributeNamespace')}/{each.get('AttributeName')}": [value.text for value in each]
            for each in assertion.iterfind(".//saml1:Attribute", NAMES)
        }
        name = assertion.find(".//saml1:AuthenticationStatement//saml1:NameIdentifier", NAMES)
        self.name = (name.get("Format"), name.text)
        self.audiences = [each.text for each in assertion.iterfind(".//saml1:Audience", NAMES)]
        self.life = assertion.find("saml1:Conditions", NAMES).attrib
        self.id_attribute = "AssertionID"


class Saml20:
    """A SAML 2.0 assertion, as a relying party reads it."""

    def __init__(self, assertion: etree._Element) -> None:
        self.attributes = {
            attribute.get("Name"): [value.text for value in attribute]
            for attribute in assertion.iterfind(".//saml2:Attribute", NAMES)
        }
        name = assertion.find("saml2:Subject/saml2:NameID", NAMES)
        self.name = (name.get("Format"), name.text)
        self.audiences = [each.text for each in assertion.iterfind(".//saml2:Audience", NAMES)]
        (confirmation,) = assertion.findall(".//saml2:SubjectConfirmation", NAMES)
        assert confirmation.get("Method") == ns.SAML20_BEARER
        self.confirmation = confirmation.find("saml2:SubjectConfirmationData", NAMES)
        self.life = assertion.find("saml2:Conditions", NAMES).attrib
        self.id_attribute = "ID"


def made_from(template: str, *settings: str):
    row = row_of_template(template, settings)
    return replace(read_row(RelyingPartyTable, {"name": template, **row}).relying_party(), id=template)


def issued(party, address: str, token_type: str | None = None) -> Saml11 | Saml20:
    """What alice gets for it; the signature is verified by a library that is not ours."""
    sts = Sts(relying_parties=(party,))
    sts.stores.accounts.rows[ALICE.realm, ALICE.name] = ALICE
    answer = sts.ask(issue(address=address, token_type=token_type))
    assert answer.fault is None, answer.body
    assertion = etree.fromstring(answer.assertion)
    read = Saml20(assertion) if assertion.tag == f"{{{ns.SAML20}}}Assertion" else Saml11(assertion)
    (certificate,) = sts.keyring.certificates(ALICE.realm)
    pem = x509.load_der_x509_certificate(certificate).public_bytes(Encoding.PEM).decode()
    XMLVerifier().verify(answer.assertion, x509_cert=pem, id_attribute=read.id_attribute)
    return read


def test_office365_gets_saml_1_1_named_by_immutable_id_with_upn_and_immutable_id():
    token = issued(made_from("office365"), "urn:federation:MicrosoftOnline")
    assert isinstance(token, Saml11)
    assert token.name == (ns.NAMEID_UNSPECIFIED, "wuQ8SEYtrkCpZ6RcUXHMVQ==")
    assert token.audiences == ["urn:federation:MicrosoftOnline"]
    assert token.attributes == {
        "http://schemas.xmlsoap.org/claims/UPN": ["alice@corp.example.test"],
        IMMUTABLE_ID: ["wuQ8SEYtrkCpZ6RcUXHMVQ=="],
        METHODS: ["http://schemas.microsoft.com/claims/multipleauthn"],
        INSIDE: ["true"],
    }


def test_office365_gets_no_token_of_somebody_without_immutable_id():
    sts = Sts(relying_parties=(made_from("office365"),))
    answer = sts.ask(issue(address="urn:federation:MicrosoftOnline", token_type=None))
    assert answer.fault is not None
    assert b"Assertion" not in answer.body


@pytest.mark.parametrize("address", ["urn:sharepoint:portal", "https://sharepoint.example.test/_trust/"])
def test_sharepoint_gets_saml_1_1_for_its_realm_with_identity_claim_and_roles(address):
    party = made_from(
        "sharepoint", "identifier=urn:sharepoint:portal", "address=https://sharepoint.example.test/_trust/"
    )
    token = issued(party, address)
    assert isinstance(token, Saml11)
    assert token.name == (ns.NAMEID_UNSPECIFIED, "alice@example.test")
    assert token.audiences == ["urn:sharepoint:portal"]
    assert token.attributes == {
        ns.CLAIM_EMAIL: ["alice@example.test"],
        ns.CLAIM_UPN: ["alice@corp.example.test"],
        ns.CLAIM_ROLE: ["players", "soloists"],
    }


def test_dynamics_gets_upn_primary_sid_and_the_windows_account_name_as_name():
    party = made_from("dynamics", "address=https://crm.example.test/")
    address = "https://crm.example.test/Orchestra/XRMServices/2011/Organization.svc"
    token = issued(party, address)
    assert isinstance(token, Saml11)
    assert token.name == (ns.NAMEID_UPN, "alice@corp.example.test")
    assert token.audiences == [address]
    assert token.attributes == {
        ns.CLAIM_UPN: ["alice@corp.example.test"],
        f"{MICROSOFT}/primarysid": ["S-1-5-21-1-2-3-1001"],
        ns.CLAIM_NAME: ["CORP\\alice"],
    }


@pytest.mark.parametrize("login", ["https://login.salesforce.com", "https://orchestra.my.salesforce.com"])
def test_salesforce_gets_saml_2_0_for_its_token_endpoint_that_names_the_user(login):
    token = issued(made_from("salesforce", f"login={login}", f"username={ns.CLAIM_EMAIL}"), login)
    assert isinstance(token, Saml20)
    assert token.name == (ns.NAMEID_UNSPECIFIED, "alice@example.test")
    assert token.audiences == [login]
    assert token.confirmation.get("Recipient") == f"{login}/services/oauth2/token"
    assert token.confirmation.get("NotOnOrAfter") == token.life["NotOnOrAfter"]
    assert token.attributes == {}


def test_aws_gets_saml_2_0_with_the_roles_of_alices_groups_a_session_name_and_a_duration():
    provider = "arn:aws:iam::123456789012:saml-provider/sts"
    role = "arn:aws:iam::123456789012:role"
    party = made_from(
        "aws",
        f"provider={provider}",
        f"role=players={role}/Reader",
        f"role=conductors={role}/Admin",
        f"role=*={role}/Guest",
        f"session_name={ns.CLAIM_EMAIL}",
        "session_seconds=7200",
    )
    token = issued(party, "urn:amazon:webservices")
    assert isinstance(token, Saml20)
    assert token.name[0] == ns.NAMEID_PERSISTENT
    assert token.audiences == ["urn:amazon:webservices"]
    assert token.confirmation.get("Recipient") == "https://signin.aws.amazon.com/saml"
    assert token.confirmation.get("NotOnOrAfter") == token.life["NotOnOrAfter"]
    assert token.attributes == {
        f"{AWS}/Role": [f"{role}/Reader,{provider}", f"{role}/Guest,{provider}"],
        f"{AWS}/RoleSessionName": ["alice@example.test"],
        f"{AWS}/SessionDuration": ["7200"],
    }


@pytest.mark.parametrize(
    ("template", "settings", "longest"),
    [
        ("salesforce", (), timedelta(minutes=3)),
        (
            "aws",
            ("provider=arn:aws:iam::1:saml-provider/sts", "role=*=arn:aws:iam::1:role/Guest"),
            timedelta(minutes=5),
        ),
        ("office365", (), timedelta(hours=1)),
    ],
)
def test_a_token_that_is_taken_only_when_it_is_fresh_does_not_live_longer(template, settings, longest):
    lifetime = made_from(template, *settings).lifetime
    assert (lifetime.default, lifetime.maximum, lifetime.clip) == (longest, longest, True)


@pytest.mark.parametrize(("asked", "kind"), [(None, Saml11), (ns.TP11_SAML11, Saml11), (ns.TP11_SAML20, Saml20)])
@pytest.mark.parametrize("address", ["https://orders.example.test/Orders.svc", "urn:example:orders"])
def test_wif_gets_name_upn_email_and_roles_in_either_version_of_saml(asked, kind, address):
    party = made_from("wif", "address=https://orders.example.test/", "identifier=urn:example:orders")
    token = issued(party, address, asked)
    assert isinstance(token, kind)
    assert token.name == (ns.NAMEID_UNSPECIFIED, "alice")
    assert token.audiences == [address]
    assert token.attributes == {
        ns.CLAIM_NAME: ["alice"],
        ns.CLAIM_UPN: ["alice@corp.example.test"],
        ns.CLAIM_EMAIL: ["alice@example.test"],
        ns.CLAIM_ROLE: ["players", "soloists"],
    }


@pytest.mark.parametrize(("asked", "kind"), [(None, Saml20), (ns.TP11_SAML11, Saml11), (ns.TP11_SAML20, Saml20)])
def test_cxf_gets_roles_under_its_own_name_for_them(asked, kind):
    party = made_from("cxf", "address=https://orders.example.test/services/")
    token = issued(party, "https://orders.example.test/services/orders", asked)
    assert isinstance(token, kind)
    assert token.name == (ns.NAMEID_UNSPECIFIED, "alice")
    assert token.audiences == ["https://orders.example.test/services/orders"]
    assert token.attributes == {
        ns.CLAIM_NAME: ["alice"],
        ns.CLAIM_EMAIL: ["alice@example.test"],
        f"{ns.IDENTITY}/claims/role": ["players", "soloists"],
    }


def test_vsphere_gets_groups_with_their_domain_under_a_name_in_upn_form():
    token = issued(made_from("vmware", "sts=https://sts.example.test", "domain=corp.test"), "urn:vmware:vsphere")
    assert isinstance(token, Saml20)
    assert token.name == (ns.NAMEID_UPN, "alice")
    assert token.audiences == ["urn:vmware:vsphere", "https://sts.example.test"]
    assert token.attributes == {
        "http://rsa.com/schemas/attr-names/2009/01/GroupIdentity": [
            "corp.test\\players",
            "corp.test\\soloists",
            "corp.test\\Everyone",
        ]
    }


def test_an_address_beside_that_of_the_template_is_refused():
    sts = Sts(relying_parties=(made_from("cxf", "address=https://orders.example.test/services/"),))
    assert sts.ask(issue(address="https://orders.example.test/other")).code == "InvalidScope"
