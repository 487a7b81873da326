"""The Python client of Office 365, unmodified: a federated user's name and password, through our token, to a cookie.

The STS is the one that `wstrust-sts init --profile adfs` makes.
"""

from importlib.metadata import version

import pytest
from lxml import etree
from office365.runtime.auth import sts_profile
from office365.runtime.auth.providers.saml_token_provider import SamlTokenProvider
from office365.runtime.auth.user_credential import UserCredential

from tests.interop import sharepoint as sharepoints
from tests.interop.cloud import Cloud
from tests.interop.sharepoint import SharePoint
from tests.interop.test_msal import IMMUTABLE_ID, MEX, PASSWORD, STATE, USER
from tests.messages import NAMES
from tests.running import command, prepare, serving

pytestmark = pytest.mark.client("Office365-REST-Python-Client", version=version("Office365-REST-Python-Client"))


@pytest.fixture(scope="module")
def sts(tmp_path_factory):
    prepared = prepare(tmp_path_factory.mktemp("adfs"), state=STATE, profile="adfs")
    template = ("relying-party", "add", "entra", "--template", "office365", "--config", str(prepared.config))
    command(*template, directory=prepared.directory)
    with serving(prepared):
        yield prepared


@pytest.fixture
def sharepoint(sts, monkeypatch):
    """Where the client looks for the cloud."""
    metadata = etree.fromstring(sts.ask("GET", "/FederationMetadata/2007-06/FederationMetadata.xml").body)
    cloud = Cloud(
        mex_url=sts.url + MEX,
        issuer="http://localhost/adfs/services/trust",
        certificates=[found.text for found in metadata.iterfind("{*}RoleDescriptor//ds:X509Certificate", NAMES)],
        users={IMMUTABLE_ID: USER},
    )
    tls = {"certificate": sts.directory / "server.pem", "key": sts.directory / "server.key"}
    with sharepoints.serving(SharePoint(cloud), **tls) as running:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(sts.ca))
        monkeypatch.setattr(sts_profile, "get_login_authority", lambda environment: running.url)  # it knows one cloud
        yield running


def sign_in(sharepoint: SharePoint, password: str) -> str:
    client = SamlTokenProvider(f"{sharepoint.url}/sites/band", UserCredential(USER, password), browser_mode=False)
    return client.get_authentication_cookie().cookie_header


def test_a_federated_user_gets_the_cookie_of_the_cloud(sts, sharepoint):
    assert sign_in(sharepoint, PASSWORD) == "SPOIDCRL=a cookie"
    ((told),) = sharepoint.seen
    assert told["http://schemas.xmlsoap.org/claims/UPN"] == [USER]


def test_with_a_wrong_password_nobody_signs_in(sts, sharepoint):
    with pytest.raises(IndexError):  # it does not look for a fault
        sign_in(sharepoint, "another")
    assert sharepoint.seen == []
