"""MSAL for Python, unmodified: a federated user's name and password, through our metadata, to a token of the cloud.

The STS is the one that `wstrust-sts init --profile adfs` makes.
"""

import base64

import msal
import pytest
from lxml import etree

from tests.interop import cloud as clouds
from tests.interop.cloud import HOST, SAML11_GRANT, SAML20_GRANT, Cloud, client_of
from tests.messages import NAMES
from tests.running import Prepared, prepare, serving
from wstrust_sts import ns

USER, PASSWORD = "alice@corp.example.test", "clarinet & <more>"
GUID, IMMUTABLE_ID = "00112233-4455-6677-8899-aabbccddeeff", "MyIRAFVEd2aImaq7zN3u/w=="
STATE = f"""
[[account]]
name = "{USER}"
password = "{PASSWORD}"
[account.claims]
"http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn" = "{USER}"
"{clouds.IMMUTABLE_ID}" = {{ guid = "{GUID}" }}
"""
PARTY = """
[[relying_party]]
name = "{name}"
applies_to = ["{audience}"]
token_types = ["{token_type}"]
name_identifier = {{ claim = "http://schemas.microsoft.com/LiveID/Federation/2008/05/ImmutableID" }}
[[relying_party.claim]]
release = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn"
as = "http://schemas.xmlsoap.org/claims/UPN"
[[relying_party.claim]]
release = "http://schemas.microsoft.com/LiveID/Federation/2008/05/ImmutableID"
[[relying_party.claim]]
release = "http://schemas.microsoft.com/claims/authnmethodsreferences"
"""
AUDIENCES = {"saml11": "urn:federation:MicrosoftOnline", "saml20": "urn:federation:another"}
GRANTS = {"saml11": SAML11_GRANT, "saml20": SAML20_GRANT}
MEX = "/adfs/services/trust/mex"


@pytest.fixture(scope="module", params=[("13", "2005"), ("2005",)], ids="-".join)
def served(request, tmp_path_factory):
    """The STS, with the endpoints of these versions, and the version that MSAL takes."""
    parties = [PARTY.format(name=name, audience=audience, token_type=name) for name, audience in AUDIENCES.items()]
    prepared = prepare(tmp_path_factory.mktemp("adfs"), state=STATE + "".join(parties), profile="adfs")
    head, *tables = prepared.config.read_text().split("[[endpoint]]")
    kept = [table for table in tables if any(f"/trust/{version}/" in table for version in request.param)]
    prepared.config.write_text("[[endpoint]]".join([head, *kept]))
    with serving(prepared):
        yield prepared, request.param[0]


@pytest.fixture
def sts(served) -> Prepared:
    return served[0]


@pytest.fixture
def cloud(sts):
    metadata = etree.fromstring(sts.ask("GET", "/FederationMetadata/2007-06/FederationMetadata.xml").body)
    stand_in = Cloud(
        mex_url=sts.url + MEX,
        issuer="http://localhost/adfs/services/trust",
        certificates=[found.text for found in metadata.iterfind("{*}RoleDescriptor//ds:X509Certificate", NAMES)],
        users={IMMUTABLE_ID: USER},
    )
    with clouds.serving(
        stand_in, certificate=sts.directory / "server.pem", key=sts.directory / "server.key"
    ) as running:
        yield running


def acquire(cloud: Cloud, sts: Prepared, *, user: str = USER, password: str = PASSWORD):
    with client_of(cloud, ca=sts.ca) as http_client:
        application = msal.PublicClientApplication(
            "a client", authority=f"https://{HOST}/organizations", instance_discovery=False, http_client=http_client
        )
        with pytest.warns(DeprecationWarning, match="deprecated for public client flows"):
            return application.acquire_token_by_username_password(user, password, scopes=["user.read"])


def test_a_federated_user_gets_a_token_of_the_cloud_for_name_and_password(served, cloud):
    sts, version = served
    answer = acquire(cloud, sts)
    assert answer.get("access_token") == f"for {USER}", answer
    (seen,) = cloud.seen
    assert (seen["user"], seen["grant"]) == (USER, SAML11_GRANT)
    assert seen["told"] == {
        "http://schemas.xmlsoap.org/claims/UPN": [USER],
        clouds.IMMUTABLE_ID: [IMMUTABLE_ID],
        "http://schemas.microsoft.com/claims/authnmethodsreferences": [
            "http://schemas.microsoft.com/ws/2008/06/identity/authenticationmethod/password"
        ],
    }
    asked = [line for line in sts.log.read_text().splitlines() if "/adfs/services/trust/" in line]
    assert f"/adfs/services/trust/{version}/usernamemixed" in asked[-1]
    assert "issued" in asked[-1]


@pytest.mark.parametrize("token_type", AUDIENCES)
def test_msal_takes_both_versions_of_saml(sts, cloud, token_type):
    cloud.audience = AUDIENCES[token_type]
    assert "access_token" in acquire(cloud, sts)
    assert [seen["grant"] for seen in cloud.seen] == [GRANTS[token_type]]


def test_a_wrong_password_reaches_the_user_as_code_and_reason(sts, cloud):
    with pytest.raises(RuntimeError, match="'code': 'a:FailedAuthentication'") as failure:
        acquire(cloud, sts, password="another")
    assert "'reason': 'The security token could not be authenticated" in str(failure.value)
    assert cloud.seen == []


def test_a_cloud_that_is_no_relying_party_gets_nothing(sts, cloud):
    cloud.audience = "urn:federation:stranger"
    with pytest.raises(RuntimeError, match="'code': 'a:InvalidScope'"):
        acquire(cloud, sts)


def test_the_stand_in_refuses_what_the_sts_did_not_sign(sts, cloud):
    """Else the other tests would say nothing."""
    redeem, changed = cloud.redeem, []

    def tamper(form):
        octets = base64.urlsafe_b64decode(form["assertion"] + "==").replace(b"alice@", b"admin@")
        changed.append(octets)
        return redeem(form | {"assertion": base64.urlsafe_b64encode(octets).decode()})

    cloud.redeem = tamper
    cloud.users[IMMUTABLE_ID] = USER.replace("alice@", "admin@")
    answer = acquire(cloud, sts)
    assert (answer["error"], answer["error_description"]) == ("invalid_grant", "no signature by a key of the STS")
    assert changed
    assert b"admin@" in changed[0]


def test_the_cloud_reads_the_keys_of_the_sts_in_its_federation_metadata(sts, cloud):
    cloud.certificates.clear()
    assert acquire(cloud, sts)["error"] == "invalid_grant"


def test_the_metadata_is_the_same_for_every_name_that_a_client_calls_the_server_by(sts):
    document = sts.ask("GET", MEX).body
    assert sts.ask("GET", MEX, host="evil.example.test").body == document
    assert b"evil" not in document
    assert f"{ns.WST05}/RST/Issue".encode() in document
