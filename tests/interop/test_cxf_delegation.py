"""Apache CXF's STSClient as a service that acts for its users; what it gets is verified by WSS4J."""

import pytest

from tests import messages
from tests.cases import each_token_type
from tests.delegated import BACK, delegates_of, subject_of
from tests.interop.cxf import Client
from tests.interop.jvm import Refused, verify
from tests.running import command

pytestmark = pytest.mark.client("Apache CXF", version="4.1.5")
STRANGE = "https://strange.example.test/svc"
each_element = pytest.mark.parametrize("element", ["ActAs", "OnBehalfOf"])


@pytest.fixture(scope="module", autouse=True)
def rules(sts) -> None:
    """Bob is the service `rp`, and calls `back`."""
    at = ("--config", str(sts.config))
    for name, address in (("back", BACK), ("strange", STRANGE)):
        command("relying-party", "add", name, "--applies-to", address, *at, directory=sts.directory)
    command(
        "delegation", "add", "service", "--actor", "bob", "--subject", "alice", "--relying-party", "back",
        "--tokens-for", "rp", "--kind", "ActAs", "--kind", "OnBehalfOf", "--by-name", *at, directory=sts.directory,
    )  # fmt: skip


@pytest.fixture
def client(cxf, sts, way, request):
    """Makes clients of the way under test."""

    def make(*, name: str = "", **options: str) -> Client:
        return Client(cxf, sts, way, name=request.node.name + name, **options)

    return make


def service(client, element: str, shown: str, **options: str) -> Client:
    """Bob's client, which shows this."""
    made = client(name="service", user="bob", password="trombone", **options)
    (made.act_as if element == "ActAs" else made.on_behalf_of)(shown)
    return made


@each_token_type
@each_element
def test_a_service_gets_a_token_about_its_user(client, cxf, sts, signing_certificates, token_type, element):
    client(tokenType=token_type).issue()
    identifier, kind, _, markup = service(client, element, "token", tokenType=token_type).issue(BACK)
    assert kind == token_type
    verify(markup, token_type)
    assert (subject_of(markup), delegates_of(markup)) == ("alice", ["bob"] if element == "ActAs" else [])
    assert cxf.ask("verify", "token", signing_certificates) == [identifier, "alice", sts.url]


@each_element
def test_a_user_that_is_only_named_by_a_rule_that_takes_the_services_word(client, element):
    *_, markup = service(client, element, messages.named("alice")).issue(BACK)
    assert subject_of(markup) == "alice"
    with pytest.raises(Refused) as refused:
        service(client, element, messages.named("bob")).issue(BACK)
    assert refused.value.name == "RequestFailed"


@each_element
def test_a_strangers_token_and_another_relying_party_are_refused(client, element):
    client().issue(STRANGE)
    with pytest.raises(Refused) as refused:
        service(client, element, "token").issue(BACK)
    assert refused.value.name == "RequestFailed"
    client(name="again").issue()
    with pytest.raises(Refused) as refused:
        service(client, element, "token").issue(STRANGE)
    assert refused.value.name == "RequestFailed"


def test_a_tampered_token_is_refused(client, cxf):
    client().issue()
    cxf.ask("forge", "token", "forged", "alice", "bob")
    with pytest.raises(Refused) as refused:
        service(client, "ActAs", "forged").issue(BACK)
    assert refused.value.name == "InvalidSecurityToken"
