"""Apache CXF's STSClient and tokens bound to a key: it computes the key that the relying party finds in them."""

import base64

import pytest

from tests.holders import RECIPIENT, RECIPIENT_KEY, unwrap
from tests.interop.cxf import WAYS, Client, Way
from tests.interop.jvm import each_token_type, verify
from tests.running import command
from tests.verifiers import xmlsec_decrypt
from wstrust_sts import ns


@pytest.fixture(params=WAYS)
def way(request) -> Way:
    return WAYS[request.param]


@pytest.fixture
def client(cxf, sts, way, request):
    """Makes clients of the way under test."""

    def make(*, name: str = "", **options: str) -> Client:
        return Client(cxf, sts, way, name=request.node.name + name, **options)

    return make


@pytest.fixture(scope="session")
def keyed_parties(sts, tmp_path_factory) -> None:
    """Two relying parties that have a key: one takes secrets, and the other wants its tokens encrypted, too."""
    file = tmp_path_factory.mktemp("keyed") / "rp.der"
    file.write_bytes(RECIPIENT)
    for name, *more in (("keyed",), ("sealed", "--encrypt-tokens")):
        command(
            "relying-party", "add", name, "--applies-to", f"urn:{name}", "--encryption-certificate", str(file),
            "--key-type", "symmetric", *more, "--config", str(sts.config), directory=sts.directory,
        )  # fmt: skip


@each_token_type
@pytest.mark.usefixtures("keyed_parties")
def test_client_and_relying_party_share_the_key_of_a_token(client, cxf, token_type):
    *_, markup = client(tokenType=token_type, keyType="SymmetricKey").issue("urn:keyed")
    assertion = verify(markup, token_type)
    (encrypted_key, *_) = assertion.iter(f"{{{ns.XENC}}}EncryptedKey")
    (secret,) = cxf.ask("secret", "token")
    assert base64.b64decode(secret) == unwrap(encrypted_key)
    assert len(unwrap(encrypted_key)) == 32


@each_token_type
@pytest.mark.usefixtures("keyed_parties")
def test_an_encrypted_token_comes_through_the_client_to_its_relying_party(client, cxf, token_type):
    *_, markup = client(tokenType=token_type, keyType="SymmetricKey").issue("urn:sealed")
    assertion = verify(xmlsec_decrypt(markup.encode(), RECIPIENT_KEY).decode(), token_type)
    (encrypted_key, *_) = assertion.iter(f"{{{ns.XENC}}}EncryptedKey")
    (secret,) = cxf.ask("secret", "token")
    assert base64.b64decode(secret) == unwrap(encrypted_key)
