"""pyVmomi's `pyVim.sso`, unmodified: tokens by password, by certificate and by token, and its faults.

The STS is the one that `wstrust-sts init --profile vmware` makes.
"""

import gc
import ssl
from importlib.metadata import version
from pathlib import Path

import pytest
from lxml import etree
from pyVim import sso

from tests.interop.identity import Identity, make_identity
from tests.messages import NAMES
from tests.running import Prepared, prepare, serving
from wstrust_sts import ns
from wstrust_sts.errors import FailedAuthentication

USER, PASSWORD = "administrator@vsphere.local", "clarinet & <more>"
SOLUTION = "vpxd@vsphere.local"
GROUPS = "http://rsa.com/schemas/attr-names/2009/01/GroupIdentity"
IS_SOLUTION = "http://vmware.com/schemas/attr-names/2011/07/isSolution"
STATE = f"""
[[account]]
name = "{USER}"
password = "{PASSWORD}"
groups = ["Administrators"]
[account.claims]
"http://schemas.xmlsoap.org/ws/2005/05/identity/claims/givenname" = "Administrator"
"{IS_SOLUTION}" = "false"

[[account]]
name = "{SOLUTION}"
groups = ["SolutionUsers", "ActAsUsers"]
[account.claims]
"{IS_SOLUTION}" = "true"
"""
RULE = f"""
[[delegation_rule]]
name = "solutions"
actors = ["{SOLUTION}"]
any_subject = true
relying_parties = ["vsphere"]
"""
PATHS = ("/sts/STSService", "/sts/STSService/vsphere.local")
pytestmark = [
    pytest.mark.client("pyVmomi", version=version("pyvmomi")),
    pytest.mark.filterwarnings("ignore:datetime.datetime.utcnow:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),  # its connections
]


@pytest.fixture(scope="module")
def sts(tmp_path_factory):
    prepared = prepare(tmp_path_factory.mktemp("vmware"), state=STATE + RULE, profile="vmware")
    with serving(prepared):
        yield prepared


@pytest.fixture(scope="module")
def solution(sts, tmp_path_factory) -> Identity:
    """A key and a certificate that is mapped to the solution's account."""
    identity = make_identity("vpxd", tmp_path_factory.mktemp("vpxd"))
    identity.map_to(SOLUTION, sts)
    return identity


@pytest.fixture(scope="module")
def administrator(sts, tmp_path_factory) -> Identity:
    identity = make_identity("administrator", tmp_path_factory.mktemp("administrator"))
    identity.map_to(USER, sts)
    return identity


@pytest.fixture(autouse=True)
def collected():
    """pyVmomi leaves its connections open; they go while that is no error."""
    yield
    gc.collect()


@pytest.fixture(params=PATHS)
def client(request, sts) -> sso.SsoAuthenticator:
    return at(sts, request.param)


def at(sts: Prepared, path: str = PATHS[0]) -> sso.SsoAuthenticator:
    return sso.SsoAuthenticator(f"{sts.url}{path}")


def tls(sts: Prepared) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(sts.ca))


def files(identity: Identity) -> dict[str, str]:
    return {"public_key": str(identity.certificate), "private_key": str(identity.key)}


def attributes(token: etree._Element) -> dict[str, tuple[str, list[str]]]:
    """Friendly name and values, by name."""
    return {
        each.get("Name"): (each.get("FriendlyName"), [value.text for value in each])
        for each in token.iterfind(".//saml2:Attribute", NAMES)
    }


def test_a_password_gets_a_bearer_token_with_groups(sts, client):
    token = etree.fromstring(client.get_bearer_saml_assertion(USER, PASSWORD, ssl_context=tls(sts)))
    name = token.find(".//saml2:NameID", NAMES)
    assert (name.get("Format"), name.text) == (ns.NAMEID_UPN, USER)
    assert token.find(".//saml2:SubjectConfirmation", NAMES).get("Method") == ns.SAML20_BEARER
    assert attributes(token) == {
        GROUPS: ("Groups", ["vsphere.local\\Administrators", "vsphere.local\\Everyone"]),
        "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/givenname": ("givenName", ["Administrator"]),
        IS_SOLUTION: ("Subject Type", ["false"]),
    }


def test_a_certificate_gets_a_token_that_is_bound_to_it(sts, client, solution):
    token = etree.fromstring(client.get_hok_saml_assertion(**files(solution), ssl_context=tls(sts)))
    assert token.findtext(".//saml2:NameID", namespaces=NAMES) == SOLUTION
    assert token.find(".//saml2:SubjectConfirmation", NAMES).get("Method") == ns.SAML20_HOLDER_OF_KEY
    assert bound_to(token) == der(solution.certificate)
    assert attributes(token)[IS_SOLUTION] == ("Subject Type", ["true"])


def test_a_token_and_its_key_get_another_token_that_is_bound_to_the_same_key(sts, client, solution):
    first = client.get_hok_saml_assertion(**files(solution), ssl_context=tls(sts))
    second = client.get_token_by_token(first, str(solution.key), ssl_context=tls(sts))
    again, before = etree.fromstring(second), etree.fromstring(first)
    assert again.get("ID") != before.get("ID")
    assert bound_to(again) == der(solution.certificate)
    instants = {each.find(".//saml2:AuthnStatement", NAMES).get("AuthnInstant") for each in (again, before)}
    assert len(instants) == 1


@pytest.mark.parametrize("key", ["bearer", "holder-of-key"])
def test_a_solution_acts_as_whoever_s_token_it_shows(sts, client, solution, administrator, key):
    if key == "bearer":
        hers = client.get_bearer_saml_assertion(USER, PASSWORD, delegatable=True, ssl_context=tls(sts))
    else:
        hers = client.get_hok_saml_assertion(**files(administrator), delegatable=True, ssl_context=tls(sts))
    token = etree.fromstring(client.get_hok_saml_assertion(**files(solution), act_as_token=hers, ssl_context=tls(sts)))
    assert token.findtext("saml2:Subject/saml2:NameID", namespaces=NAMES) == USER
    assert token.findtext(".//{*}Delegate/saml2:NameID", namespaces=NAMES) == SOLUTION
    assert bound_to(token) == der(solution.certificate)
    assert attributes(token)[GROUPS][1] == ["vsphere.local\\Administrators", "vsphere.local\\Everyone"]


def test_without_a_rule_nobody_acts_for_anybody(sts, client, solution, administrator):
    token = client.get_hok_saml_assertion(**files(solution), delegatable=True, ssl_context=tls(sts))
    with pytest.raises(sso.SoapException, match="RequestFailed"):
        client.get_hok_saml_assertion(**files(administrator), act_as_token=token, ssl_context=tls(sts))


def test_a_wrong_password_is_told_in_pyvmomi_s_own_exception(sts, client):
    with pytest.raises(sso.SoapException) as refused:
        client.get_bearer_saml_assertion(USER, "wrong", ssl_context=tls(sts))
    assert f"faultcode: wsse:FailedAuthentication\nfaultstring: {FailedAuthentication.sentence}\n" in str(refused.value)


def test_a_stranger_s_certificate_gets_nothing(sts, client, tmp_path):
    with pytest.raises(sso.SoapException, match="FailedAuthentication"):
        client.get_hok_saml_assertion(**files(make_identity("vpxd", tmp_path)), ssl_context=tls(sts))


def test_a_token_with_another_key_gets_nothing(sts, client, solution, tmp_path):
    token = client.get_hok_saml_assertion(**files(solution), ssl_context=tls(sts))
    thief = make_identity("vpxd", tmp_path)
    with pytest.raises(sso.SoapException, match="FailedCheck"):
        client.get_token_by_token(token, str(thief.key), ssl_context=tls(sts))


def test_a_bearer_token_is_no_credential(sts, client, solution):
    token = client.get_bearer_saml_assertion(USER, PASSWORD, ssl_context=tls(sts))
    with pytest.raises(sso.SoapException, match="InvalidSecurityToken"):
        client.get_token_by_token(token, str(solution.key), ssl_context=tls(sts))


def bound_to(token: etree._Element) -> str:
    return token.findtext(".//saml2:SubjectConfirmationData//ds:X509Certificate", namespaces=NAMES)


def der(certificate: Path) -> str:
    """The certificate's octets in Base64, of PEM."""
    return "".join(certificate.read_text().split("\n")[1:-2])
