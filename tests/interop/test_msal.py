"""MSAL for Python, Java and .NET, and ADAL before it, unmodified: a federated user's name and password, through our
metadata, to a token.

The STS is the one that `wstrust-sts init --profile adfs` makes.
"""

import base64
import re
from collections.abc import Callable

import adal as adal_python
import msal
import pytest
from lxml import etree

from tests.interop import cloud as clouds
from tests.interop.cloud import HOST, SAML11_GRANT, SAML20_GRANT, Cloud, client_of
from tests.interop.dotnet_runtime import Dotnet
from tests.interop.jvm import Probe, Refused, built, started, trusting
from tests.messages import NAMES
from tests.running import Prepared, command, prepare, serving
from wstrust_sts import ns
from wstrust_sts.errors import FailedAuthentication, InvalidScope

USER, PASSWORD = "alice@corp.example.test", "clarinet & <more>"
GUID, IMMUTABLE_ID = "00112233-4455-6677-8899-aabbccddeeff", "MyIRAFVEd2aImaq7zN3u/w=="
STATE = f"""
[[account]]
name = "{USER}"
password = "{PASSWORD}"
[account.claims]
"http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn" = "{USER}"
"{clouds.IMMUTABLE_ID}" = {{ guid = "{GUID}" }}

[[relying_party]]
name = "another"
applies_to = ["urn:federation:another"]
token_types = ["saml20"]
name_identifier = {{ claim = "http://schemas.microsoft.com/LiveID/Federation/2008/05/ImmutableID" }}
[[relying_party.claim]]
release = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn"
as = "http://schemas.xmlsoap.org/claims/UPN"
[[relying_party.claim]]
release = "http://schemas.microsoft.com/LiveID/Federation/2008/05/ImmutableID"
"""
pytestmark = [
    pytest.mark.filterwarnings("ignore:This API has been deprecated:DeprecationWarning"),
    pytest.mark.client("MSAL for Python", version=msal.__version__, when="python"),
    pytest.mark.client("MSAL for Java", version="1.23.1", when="java"),
    pytest.mark.client("ADAL for Python", version=adal_python.__version__, when="adal"),
    pytest.mark.client("MSAL for .NET", version="4.64.0", when="dotnet"),
]
AUDIENCES = {"saml11": "urn:federation:MicrosoftOnline", "saml20": "urn:federation:another"}
GRANTS = {"saml11": SAML11_GRANT, "saml20": SAML20_GRANT}
AUTHORITY = f"https://{HOST}/organizations"
ADFS = "/adfs/services"
MEX = f"{ADFS}/trust/mex"
ALONE = "/alone"  # WS-Trust 1.3 with a metadata document of its own


@pytest.fixture(scope="module", params=[("13", "2005"), ("2005",)], ids="-".join)
def served(request, tmp_path_factory):
    """The STS, with the endpoints of these versions, and the version that MSAL takes."""
    prepared = prepare(tmp_path_factory.mktemp("adfs"), state=STATE, profile="adfs")
    template = ("relying-party", "add", "entra", "--template", "office365", "--config", str(prepared.config))
    command(*template, directory=prepared.directory)
    head, *tables = prepared.config.read_text().split("[[endpoint]]")
    kept = [table for table in tables if any(f"/trust/{version}/" in table for version in request.param)]
    (first,) = (table for table in tables if "/trust/13/usernamemixed" in table)
    kept.append(first.replace(ADFS, ALONE))
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


class Failed(Exception):
    """Its text is what the client told."""


Acquire = Callable[..., str]  # (user, password) -> the cloud's token; raises Failed


@pytest.fixture
def python(sts, cloud) -> Acquire:
    def acquire(user: str = USER, password: str = PASSWORD) -> str:
        with client_of(cloud, ca=sts.ca) as http_client:
            application = msal.PublicClientApplication(
                "a client", authority=AUTHORITY, instance_discovery=False, http_client=http_client
            )
            try:
                answer = application.acquire_token_by_username_password(user, password, scopes=["user.read"])
            except RuntimeError as failure:
                raise Failed(str(failure)) from None
        if "access_token" not in answer:
            raise Failed(answer["error_description"])
        return answer["access_token"]

    return acquire


@pytest.fixture(scope="session")
def java_program(tmp_path_factory) -> str:
    directory = tmp_path_factory.mktemp("msal")
    return built("msal", directory)


@pytest.fixture(scope="module")
def probe(served, java_program, tmp_path_factory):
    options = trusting(served[0].ca, tmp_path_factory.mktemp("java") / "ca.p12")
    with started(java_program, "MsalProbe", options=options) as probe:
        yield probe


@pytest.fixture
def java(probe, cloud) -> Acquire:
    return asking(probe, cloud)


@pytest.fixture(scope="module")
def probe_in_dotnet(served, dotnet_runtime: Dotnet):
    with dotnet_runtime.started("msal_probe.py", SSL_CERT_FILE=str(served[0].ca)) as process:
        yield Probe(process)


@pytest.fixture
def dotnet(probe_in_dotnet, cloud) -> Acquire:
    return asking(probe_in_dotnet, cloud)


def asking(probe: Probe, cloud: Cloud) -> Acquire:
    def acquire(user: str = USER, password: str = PASSWORD) -> str:
        try:
            (token,) = probe.ask("acquire", AUTHORITY, str(cloud.port), user, password)
        except Refused as failure:
            raise Failed(failure.text) from None
        return token

    return acquire


@pytest.fixture
def adal(sts, cloud) -> Acquire:
    def acquire(user: str = USER, password: str = PASSWORD) -> str:
        application = adal_python.AuthenticationContext(
            f"https://localhost:{cloud.port}/organizations", validate_authority=False, verify_ssl=str(sts.ca)
        )
        try:
            answer = application.acquire_token_with_username_password("a resource", user, password, "a client")
        except adal_python.AdalError as failure:
            raise Failed(str(failure)) from None
        return answer["accessToken"]

    return acquire


@pytest.fixture(params=["python", "java", "adal", "dotnet"])
def client(request) -> str:
    return request.param


@pytest.fixture
def acquire(request, client) -> Acquire:
    return request.getfixturevalue(client)


def test_a_federated_user_gets_a_token_of_the_cloud_for_name_and_password(served, cloud, client, acquire):
    assert acquire() == f"for {USER}"
    (seen,) = cloud.seen
    assert (seen["user"], seen["grant"]) == (USER, SAML11_GRANT)
    assert seen["told"] == {
        "http://schemas.xmlsoap.org/claims/UPN": [USER],
        clouds.IMMUTABLE_ID: [IMMUTABLE_ID],
        "http://schemas.microsoft.com/claims/authnmethodsreferences": [
            "http://schemas.microsoft.com/ws/2008/06/identity/authenticationmethod/password"
        ],
    }
    sts, version = served
    assert last_operation(sts) == ("issued", "2005" if client == "dotnet" else version)


def last_operation(sts: Prepared) -> tuple[str, str]:
    """What the log says of it: the outcome, and the version of its endpoint."""
    *_, (outcome, version) = re.findall(r"outcome=(\S+) .*endpoint=\S+/trust/(\d+)/usernamemixed", sts.log.read_text())
    return outcome, version


def test_msal_for_java_takes_2005_from_its_second_look_at_the_metadata_on(sts, java):
    """Which is why both versions have to be in it."""
    for _ in range(2):
        assert java() == f"for {USER}"
    assert last_operation(sts) == ("issued", "2005")


def test_msal_for_net_finds_no_endpoint_where_the_metadata_has_1_3_alone(sts, cloud, dotnet):
    """Below SignedEncryptedSupportingTokens of WS-SecurityPolicy 1.2 it looks for the UsernameToken of 1.1."""
    cloud.mex_url = f"{sts.url}{ALONE}/trust/mex"
    with pytest.raises(Failed, match="WS-Trust endpoint not found in metadata document"):
        dotnet()


@pytest.mark.parametrize("token_type", AUDIENCES)
def test_both_versions_of_saml_are_taken(cloud, acquire, token_type):
    cloud.audience = AUDIENCES[token_type]
    assert acquire() == f"for {USER}"
    assert [seen["grant"] for seen in cloud.seen] == [GRANTS[token_type]]


def test_a_wrong_password_reaches_the_user_with_its_reason(cloud, acquire):
    with pytest.raises(Failed, match=FailedAuthentication.sentence):
        acquire(password="another")
    assert cloud.seen == []


def test_msal_for_python_tells_the_code_of_a_fault(python):
    with pytest.raises(Failed, match="'code': 'a:FailedAuthentication'"):
        python(password="another")


def test_a_cloud_that_is_no_relying_party_gets_nothing(cloud, acquire):
    cloud.audience = "urn:federation:stranger"
    with pytest.raises(Failed, match=InvalidScope.sentence):
        acquire()


def test_the_stand_in_refuses_what_the_sts_did_not_sign(cloud, acquire):
    """Else the other tests would say nothing."""
    redeem, changed = cloud.redeem, []

    def tamper(form):
        octets = base64.urlsafe_b64decode(form["assertion"] + "==").replace(b"alice@", b"admin@")
        changed.append(octets)
        return redeem(form | {"assertion": base64.urlsafe_b64encode(octets).decode()})

    cloud.redeem = tamper
    cloud.users[IMMUTABLE_ID] = USER.replace("alice@", "admin@")
    with pytest.raises(Failed, match="no signature by a key of the STS"):
        acquire()
    assert changed
    assert b"admin@" in changed[0]


def test_the_cloud_reads_the_keys_of_the_sts_in_its_federation_metadata(cloud, python):
    cloud.certificates.clear()
    with pytest.raises(Failed, match="no signature by a key of the STS"):
        python()


def test_the_metadata_is_the_same_for_every_name_that_a_client_calls_the_server_by(sts):
    document = sts.ask("GET", MEX).body
    assert sts.ask("GET", MEX, host="evil.example.test").body == document
    assert b"evil" not in document
    assert f"{ns.WST05}/RST/Issue".encode() in document
