"""Libraries that take tokens, as services have them: tokens of a running STS are good, and what is wrong is refused.

Those of Web SSO want a response around the assertion: they get an unsigned one, so it is the token alone that counts.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from functools import cache
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.holders import RECIPIENT, RECIPIENT_KEY
from tests.interop.consumers.presenting import ACCOMPANIED, TAMPERED, WRAPPED, present
from tests.interop.consumers.programs import JavaConsumer, JsonConsumer, answering
from tests.interop.consumers.python import Pysaml2, Python3Saml
from tests.interop.consumers.signatures import Signxml, Xmlsec1
from tests.interop.consumers.tokens import LAYOUTS, Tokens
from tests.interop.consumers.trusting import (
    AT_ONCE,
    BY_SHA1,
    ENCRYPTIONS,
    FOR_OTHERS,
    OCCASIONS,
    Consumer,
    Refused,
    Trusted,
)
from tests.interop.dotnet_runtime import add_xml_security
from tests.interop.jvm import compile_program, run, started
from tests.running import change
from wstrust_sts import ns

GO = Path(__file__).parent / "go"
AUDIENCE = "https://service.example.test/metadata"
RECIPIENT_ADDRESS = "https://service.example.test/acs"
TAKERS = {
    "xmlsec1": ("saml20", "saml11"),
    "signxml": ("saml20", "saml11"),
    "signed-xml": ("saml20", "saml11"),
    "wss4j": ("saml20", "saml11"),
    "opensaml": ("saml20",),
    "pysaml2": ("saml20",),
    "python3-saml": ("saml20",),
    "node-saml": ("saml20",),
    "crewjam": ("saml20",),
    "gosaml2": ("saml20",),
}


def party(name: str, *, audience: str = AUDIENCE, recipient: str | None = RECIPIENT_ADDRESS, more: str = "") -> str:
    confirmed = "" if recipient is None else f'recipient = "{recipient}"\n'
    return f"""
[[relying_party]]
name = "{name}"
applies_to = ["urn:consumer:{name}"]
audiences = ["{audience}"]
{confirmed}{more}
[[relying_party.claim]]
release = "department"
[[relying_party.claim]]
group = "players"
as = "{ns.CLAIM_ROLE}"
"""


def parties(certificate: Path) -> str:
    sealed = [
        party(f"sealed-{name}", more=f'[relying_party.encryption]\nfile = "{certificate}"\ntokens = true\n{settings}')
        for name, settings in ENCRYPTIONS.items()
    ]
    return "\n".join(
        [
            party("service"),
            party("unnamed", recipient=None),
            party("other-audience", audience="urn:another"),
            party("other-recipient", recipient="https://another.example.test/acs"),
            *sealed,
        ]
    )


@pytest.fixture(scope="module")
def tokens(sts, alice, tmp_path_factory) -> Tokens:
    file = tmp_path_factory.mktemp("consumer") / "own.pem"
    file.write_bytes(x509.load_der_x509_certificate(RECIPIENT).public_bytes(Encoding.PEM))
    change(sts, parties(file))
    return Tokens(sts, alice)


@pytest.fixture(scope="module")
def genuine(tokens) -> Callable[[str], str]:
    """A token for the service, the same one for many tests."""
    return cache(lambda kind: tokens.get(kind=kind))


@pytest.fixture(scope="module")
def trusted(genuine, signing_certificates) -> Trusted:
    """What every consumer is told."""
    issuer = re.search(r"Issuer[^>]*>([^<]+)<", genuine("saml20"))[1]
    (certificate,) = x509.load_pem_x509_certificates(Path(signing_certificates).read_bytes())
    return Trusted(
        issuer=issuer,
        certificate=pem_of(certificate),
        audience=AUDIENCE,
        recipient=RECIPIENT_ADDRESS,
        key=RECIPIENT_KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
        key_certificate=pem_of(x509.load_der_x509_certificate(RECIPIENT)),
    )


def pem_of(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(Encoding.PEM).decode()


# -- the consumers -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def node_saml(node) -> Iterator[Consumer]:
    with answering(["node", str(node / "consumer.js")]) as process:
        yield JsonConsumer("node-saml", "5.1.0", process, BY_SHA1, frozenset({"expired", "another audience"}))


@pytest.fixture(scope="module")
def signed_xml(dotnet_runtime) -> Iterator[Consumer]:
    add_xml_security(dotnet_runtime)
    versions = frozenset(TAKERS["signed-xml"])
    with dotnet_runtime.started("consumer.py") as process:
        yield JsonConsumer(
            "SignedXml and EncryptedXml of .NET",
            dotnet_runtime.version,
            process,
            decrypts=frozenset({"aes256-cbc"}),
            refuses=frozenset(),
            takes_responses=False,
            versions=versions,
        )


@pytest.fixture(scope="session")
def go_program(tmp_path_factory) -> Path:
    program = tmp_path_factory.mktemp("go") / "consumer"
    run("go", "build", "-C", str(GO), "-o", str(program), ".")
    return program


@pytest.fixture(scope="module")
def crewjam(go_program) -> Iterator[Consumer]:
    with answering([str(go_program), "crewjam"]) as process:
        yield JsonConsumer("crewjam/saml", "0.5.1", process, BY_SHA1 - {"aes256-gcm"}, AT_ONCE)


@pytest.fixture(scope="module")
def gosaml2(go_program) -> Iterator[Consumer]:
    with answering([str(go_program), "gosaml2"]) as process:
        yield JsonConsumer("russellhaering/gosaml2", "0.12.0", process, BY_SHA1, FOR_OTHERS | {"no recipient"})


@pytest.fixture(scope="module")
def java_consumer(cxf_libraries, tmp_path_factory):
    (jars,) = cxf_libraries.glob("*/lib")
    classes = compile_program("consumers", jars, tmp_path_factory.mktemp("consumers"))
    with started(classes, "ConsumerProbe", options=[]) as probe:
        yield probe


@pytest.fixture(scope="module")
def wss4j(java_consumer) -> Consumer:
    refuses = frozenset({"expired", "another audience"})
    return JavaConsumer("Apache WSS4J", "4.0.1", java_consumer, "wss4j", refuses, frozenset(TAKERS["wss4j"]))


@pytest.fixture(scope="module")
def opensaml(java_consumer) -> Consumer:
    return JavaConsumer("OpenSAML", "5.1.6", java_consumer, "opensaml", FOR_OTHERS, frozenset(TAKERS["opensaml"]))


IN_PYTHON = {"xmlsec1": Xmlsec1, "signxml": Signxml, "pysaml2": Pysaml2, "python3-saml": Python3Saml}


@pytest.fixture
def consumer(request) -> Consumer:
    name = request.param
    return IN_PYTHON[name]() if name in IN_PYTHON else request.getfixturevalue(name.replace("-", "_"))


def consumers(*, kinds: bool = False, among=TAKERS):
    """Parametrises a test with each consumer, and each version of SAML that it takes."""
    if kinds:
        pairs = [pytest.param(name, kind, id=f"{name}-{kind}") for name in among for kind in TAKERS[name]]
        return pytest.mark.parametrize(("consumer", "kind"), pairs, indirect=["consumer"])
    return pytest.mark.parametrize("consumer", list(among), indirect=True)


# -- tests -------------------------------------------------------------------------------------------------------------


def takes(consumer: Consumer, token: str, trusted: Trusted) -> str:
    """The subject's name, or nothing where the token is refused."""
    try:
        return consumer.take(present(consumer, token, trusted), trusted).name
    except Refused:
        return ""


@consumers(kinds=True)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_token_is_taken_with_its_name_and_attributes(consumer, tokens, trusted, kind, layout, consumed):
    subject = consumer.take(present(consumer, tokens.get(kind=kind, layout=layout), trusted), trusted)
    assert subject.name == "alice"
    assert subject.attributes[ns.CLAIM_ROLE] == ["players"]
    assert ["music", "brass"] in [sorted(values, reverse=True) for values in subject.attributes.values()]
    consumed(consumer, f"{kind} {layout}", taken=True)


@consumers(kinds=True, among=[name for name in TAKERS if name != "signxml"])
@pytest.mark.parametrize("encryption", ENCRYPTIONS)
def test_an_encrypted_token_is_taken_by_who_knows_the_algorithms(consumer, tokens, trusted, kind, encryption, consumed):
    markup = tokens.get(f"sealed-{encryption}", kind)
    assert "alice" not in markup
    name = takes(consumer, markup, trusted)
    assert name == ("alice" if encryption in consumer.decrypts else "")
    consumed(consumer, encryption, taken=bool(name))


@consumers(kinds=True)
@pytest.mark.parametrize("tamper", TAMPERED, ids=lambda tamper: tamper.__name__)
def test_what_was_changed_is_refused(consumer, genuine, trusted, kind, tamper, consumed):
    forged = tamper(genuine(kind))
    assert forged != genuine(kind)
    assert takes(consumer, forged, trusted) == ""
    consumed(consumer, "changed", taken=False)


@consumers(kinds=True)
def test_a_forged_token_around_a_genuine_one_does_not_pass(consumer, genuine, trusted, kind, consumed):
    wrappers = (*WRAPPED, *(ACCOMPANIED if consumer.takes_responses else ()))
    names = {wrap.__name__: takes(consumer, wrap(genuine(kind)), trusted) for wrap in wrappers}
    assert set(names.values()) <= {"", "alice"}, names
    consumed(consumer, "wrapped", taken=False)


@consumers(kinds=True)
def test_a_token_by_another_key_is_refused(consumer, genuine, trusted, kind, consumed):
    other = replace(trusted, certificate=trusted.key_certificate)
    assert takes(consumer, genuine(kind), other) == ""
    consumed(consumer, "another key", taken=False)


TOKENS = {
    "expired": lambda tokens, kind: tokens.get_old(kind, age=timedelta(hours=9)),
    "another audience": lambda tokens, kind: tokens.get("other-audience", kind),
    "another recipient": lambda tokens, kind: tokens.get("other-recipient", kind),
    "no recipient": lambda tokens, kind: tokens.get("unnamed", kind),
    "five minutes old": lambda tokens, kind: tokens.get_old(kind, age=timedelta(minutes=5)),
    "two methods": lambda tokens, kind: tokens.get_by_two_methods(kind),
}


@pytest.fixture(scope="module")
def occasional(tokens) -> Callable[[str, str], str]:
    return cache(lambda occasion, kind: TOKENS[occasion](tokens, kind))


@consumers(kinds=True)
@pytest.mark.parametrize("occasion", OCCASIONS)
def test_a_token_for_another_occasion_is_refused_by_who_looks_at_that(
    consumer, occasional, trusted, kind, occasion, consumed
):
    name = takes(consumer, occasional(occasion, kind), trusted)
    assert name == ("" if occasion in consumer.refuses else "alice")
    consumed(consumer, occasion, taken=bool(name))


def test_dotnet_verifies_the_federation_metadata(sts, signed_xml, trusted):
    metadata = sts.ask("GET", "/FederationMetadata/2007-06/FederationMetadata.xml").body.decode()
    assert signed_xml.take(metadata, trusted).name == trusted.issuer
    with pytest.raises(Refused, match="the signature is wrong"):
        signed_xml.take(metadata.replace(trusted.issuer, "https://another.example.test"), trusted)
