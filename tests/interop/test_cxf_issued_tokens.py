"""Apache CXF's STSClient at endpoints that take tokens of the STS as credentials, by the policy of the WSDL alone."""

from collections.abc import Callable

import pytest
from lxml import etree

from tests.cases import each_token_type
from tests.holders import RECIPIENT
from tests.interop.cxf import RSA_SHA256
from tests.interop.identity import PASSWORD
from tests.interop.jvm import TRUSTS, Refused, verify
from tests.messages import RP
from tests.running import command
from wstrust_sts import ns

pytestmark = pytest.mark.client("Apache CXF", version="4.1.5")

SYMMETRIC, ASYMMETRIC = "issuedtokenmixedsymmetricbasic256", "issuedtokenmixedasymmetricbasic256"
each_version = pytest.mark.parametrize("version", TRUSTS)


@pytest.fixture
def client(cxf, sts, alice) -> Callable[..., str]:
    """Makes clients of an endpoint, which know its WSDL; their names."""

    def make(endpoint: str, version: str = "13", **options: str) -> str:
        name, trust = f"{endpoint} {version} {sorted(options.items())}", TRUSTS[version]
        known = {
            "wsdl": f"{sts.url}/trust/{version}/{endpoint}?wsdl",
            "targetNamespace": trust.target_namespace,
            "port": "STS_Soap12_Port",
            "trust": trust.namespace,
            "tokenType": ns.TP11_SAML20,
            "useCertificate": "true",
            "renewing": "true",
        }
        if "username" in endpoint:
            known |= {"user": "alice", "password": "clarinet"}
        if "keyType" in options:
            known["keyType"] = f"{trust.namespace}/{options.pop('keyType')}"
        if "certificate" in endpoint or endpoint == ASYMMETRIC:
            known |= RSA_SHA256 | {"keys": str(alice.store), "keysPassword": PASSWORD, "signAs": "own", "bindTo": "own"}
        cxf.client(name, known | options)
        return name

    return make


@pytest.fixture
def own(sts) -> str:
    """The STS's own address, for AppliesTo."""
    return sts.url


@pytest.fixture(scope="module")
def keyed(sts, tmp_path_factory) -> str:
    """A relying party that takes tokens bound to secrets."""
    file = tmp_path_factory.mktemp("keyed") / "rp.der"
    file.write_bytes(RECIPIENT)
    command(
        "relying-party", "add", "tokens", "--applies-to", "urn:tokens", "--encryption-certificate", str(file),
        "--key-type", "symmetric", "--config", str(sts.config), directory=sts.directory,
    )  # fmt: skip
    return "urn:tokens"


@each_token_type
@each_version
def test_a_client_gets_tokens_by_one_that_it_got_by_its_password(cxf, client, own, version, token_type):
    first = client("usernamemixed", version, keyType="SymmetricKey", tokenType=token_type)
    cxf.ask("issue", first, "session", own)
    *_, markup = cxf.ask("issue", client(SYMMETRIC, version, tokenType=token_type), "token", RP, "session")
    assert verify(markup, token_type).findtext(".//{*}Audience") == RP


@each_token_type
@each_version
def test_a_client_gets_tokens_by_one_that_is_bound_to_its_certificate(cxf, client, own, version, token_type):
    first = client("certificatemixed", version, keyType="PublicKey", tokenType=token_type)
    cxf.ask("issue", first, "session", own)
    *_, markup = cxf.ask("issue", client(ASYMMETRIC, version, tokenType=token_type), "token", RP, "session")
    assert verify(markup, token_type).findtext(".//{*}Audience") == RP


@each_version
@pytest.mark.parametrize("endpoint", [SYMMETRIC, ASYMMETRIC])
def test_a_client_renews_and_cancels_its_credential_by_itself(cxf, client, own, version, endpoint):
    first, key_type = ("usernamemixed", "SymmetricKey") if endpoint == SYMMETRIC else ("certificatemixed", "PublicKey")
    old, *_ = cxf.ask("issue", client(first, version, keyType=key_type), "session", own)
    there = client(endpoint, version)
    new, markup = cxf.ask("renew", there, "session", "renewed", "session")
    assert verify(markup, ns.TP11_SAML20).get("ID") == new != old
    assert cxf.ask("cancel", there, "session", "session") == ["true"]
    with pytest.raises(Refused) as refused:
        cxf.ask("issue", there, "token", RP, "session")
    assert refused.value.name == "InvalidSecurityToken"


def test_a_token_for_somebody_else_is_no_credential(cxf, client, keyed):
    cxf.ask("issue", client("usernamemixed", keyType="SymmetricKey"), "theirs", keyed)
    with pytest.raises(Refused) as refused:
        cxf.ask("issue", client(SYMMETRIC), "token", RP, "theirs")
    assert refused.value.name == "InvalidSecurityToken"


def test_a_cancelled_token_is_no_credential_any_more(cxf, client, own):
    password = client("usernamemixed", keyType="SymmetricKey")
    cxf.ask("issue", password, "session", own)
    assert cxf.ask("cancel", password, "session") == ["true"]
    with pytest.raises(Refused) as refused:
        cxf.ask("issue", client(SYMMETRIC), "token", RP, "session")
    assert refused.value.name == "InvalidSecurityToken"


@each_version
def test_a_token_for_any_relying_party_is_renewed_where_its_secret_signs_beside_the_password(
    cxf, client, keyed, version
):
    kind = {"keyType": "SymmetricKey"}
    cxf.ask("issue", client("usernamemixed", version, **kind), "token", keyed)
    with pytest.raises(Refused) as refused:
        cxf.ask("renew", client("usernamemixed", version, **kind), "token", "renewed")
    assert refused.value.name == "UnableToRenew"
    _, markup = cxf.ask("renew", client("usernameissuedtokenmixed", version, **kind), "token", "renewed", "token")
    assert verify(markup, ns.TP11_SAML20).findtext(".//{*}Audience") == keyed
    assert etree.fromstring(markup).find(f".//{{{ns.XENC}}}EncryptedKey") is not None
