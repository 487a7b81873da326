"""node-soap, unmodified, against a running STS: everything it does comes from `?wsdl`. Needs node and npm."""

import json
import os
import subprocess

import pytest
from lxml import etree
from signxml import XMLVerifier

from tests.cases import each_token_type
from tests.messages import RP
from wstrust_sts import ns

pytestmark = pytest.mark.client("node-soap", version="1.13.0")

VERSIONS = {"13": ns.WST13, "2005": ns.WST05}
ID_ATTRIBUTES = {ns.TP11_SAML20: "ID", ns.TP11_SAML11: "AssertionID"}


@pytest.fixture
def run(sts, node, versions):
    version, soap = versions
    wish = {
        "wsdl": f"{sts.url}/trust/{version}/usernamemixed?wsdl",
        "soap": soap,
        "trust": VERSIONS[version],
        "user": "alice",
        "password": "clarinet",
        "token_type": ns.TP11_SAML20,
        "address": RP,
    }

    def run(**changed: str) -> dict:
        done = subprocess.run(
            ["node", str(node / "sts_client.js"), json.dumps(wish | changed)],
            capture_output=True,
            text=True,
            env=os.environ | {"NODE_EXTRA_CA_CERTS": str(sts.ca)},
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run


@each_token_type
def test_the_life_of_a_token(run, versions, token_type):
    life = run(token_type=token_type)
    trust = VERSIONS[versions[0]]
    assert (life["before"], life["after"]) == (f"{trust}/status/valid", f"{trust}/status/invalid")
    response = life["issued"]["RequestSecurityTokenResponse"][0] if trust == ns.WST13 else life["issued"]
    assert response["TokenType"] == token_type
    assert response["AppliesTo"]["EndpointReference"]["Address"] == RP
    _verify(life["token"], ID_ATTRIBUTES[token_type])


def test_a_wrong_password_is_failed_authentication(run, versions):
    assert _code(run(password="trumpet"), versions) == "FailedAuthentication"


def test_an_unregistered_address_is_invalid_scope(run, versions):
    assert _code(run(address="https://unknown.example.test/"), versions) == "InvalidScope"


def _code(result: dict, versions: tuple[str, str]) -> str:
    fault = result["fault"]
    written = fault["faultcode"] if versions[1] == "1.1" else fault["Code"]["Subcode"]["Value"]
    written = written if isinstance(written, str) else written["$value"]
    return written.rpartition(":")[2]


def _verify(token: str, id_attribute: str) -> None:
    assertion = etree.fromstring(token)
    certificate = assertion.findtext(f".//{{{ns.DS}}}X509Certificate")
    pem = f"-----BEGIN CERTIFICATE-----\n{certificate}\n-----END CERTIFICATE-----\n"
    assert XMLVerifier().verify(token, x509_cert=pem, id_attribute=id_attribute).signed_xml.tag == assertion.tag
