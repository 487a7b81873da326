"""Libraries that take tokens, as services have them: tokens of a running STS are good, and what is wrong is refused.

Those of Web SSO want a response around the assertion: they get an unsigned one, so it is the token alone that counts.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from html import unescape
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.holders import RECIPIENT, RECIPIENT_KEY
from tests.interop.consumers.presenting import ACCOMPANIED, TAMPERED, WRAPPED, present
from tests.interop.consumers.programs import JavaConsumer, JsonConsumer, answering
from tests.interop.consumers.python import Pysaml2, Python3Saml
from tests.interop.consumers.signatures import Signxml, Xmlsec1
from tests.interop.consumers.trusting import BY_SHA1, ENCRYPTIONS, FOR_OTHERS, OCCASIONS, Consumer, Refused, Trusted
from tests.interop.jvm import compile_program, run, started
from tests.messages import addressing, content_type, envelope, issue, security, timestamp, username_token
from tests.running import change
from wstrust_sts import ns
from wstrust_sts.app import open_application
from wstrust_sts.bindings.http import Request
from wstrust_sts.config import load_config

GO = Path(__file__).parent / "go"
AUDIENCE = "https://service.example.test/metadata"
RECIPIENT_ADDRESS = "https://service.example.test/acs"
TYPES = {"saml20": ns.TP11_SAML20, "saml11": ns.TP11_SAML11}
LAYOUTS = {"default": "/trust/13/usernamemixed", "adfs": "/trust/13/usernamemixed-adfs"}
TAKERS = {
    "xmlsec1": ("saml20", "saml11"),
    "signxml": ("saml20", "saml11"),
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


Get = Callable[..., str]  # (party, token type, layout, age): the token's markup


@pytest.fixture(scope="module")
def token(sts, tmp_path_factory) -> Get:
    """Gets tokens from the running STS; those with an age from its code, keys and database at that time."""
    file = tmp_path_factory.mktemp("consumer") / "own.pem"
    file.write_bytes(x509.load_der_x509_certificate(RECIPIENT).public_bytes(Encoding.PEM))
    change(sts, parties(file))

    @cache
    def get(name: str, kind: str = "saml20", layout: str = "default", age: timedelta = timedelta(0)) -> str:
        then = datetime.now(UTC) - age
        header = (addressing(f"{ns.WST13}/RST/Issue"), security(timestamp(then), username_token()))
        body = envelope(issue(address=f"urn:consumer:{name}", token_type=TYPES[kind]), *header).encode()
        path, media_type = LAYOUTS[layout], content_type()
        if age:
            with open_application(load_config(sts.config), clock=lambda: then) as application:
                request = Request(method="POST", path=path, headers={"content-type": media_type}, body=body)
                answer = application.handle(request).body
        else:
            answer = sts.ask("POST", path, body, content_type=media_type).body
        text = answer.decode()
        found = re.search(r"<(\w+:RequestedSecurityToken)(?: [^>]*)?>(.*)</\1>", text)
        assert found, unescape(text)
        return found[2]

    return get


@pytest.fixture(scope="module")
def trusted(token, signing_certificates) -> Trusted:
    """What every consumer is told."""
    issuer = re.search(r"Issuer[^>]*>([^<]+)<", token("service"))[1]
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


@pytest.fixture(scope="session")
def go_program(tmp_path_factory) -> Path:
    program = tmp_path_factory.mktemp("go") / "consumer"
    run("go", "build", "-C", str(GO), "-o", str(program), ".")
    return program


@pytest.fixture(scope="module")
def crewjam(go_program) -> Iterator[Consumer]:
    with answering([str(go_program), "crewjam"]) as process:
        yield JsonConsumer("crewjam/saml", "0.5.1", process, BY_SHA1 - {"aes256-gcm"}, frozenset(OCCASIONS))


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
def test_a_token_is_taken_with_its_name_and_attributes(consumer, token, trusted, kind, layout, consumed):
    subject = consumer.take(present(consumer, token("service", kind, layout), trusted), trusted)
    assert subject.name == "alice"
    assert subject.attributes[ns.CLAIM_ROLE] == ["players"]
    assert ["music", "brass"] in [sorted(values, reverse=True) for values in subject.attributes.values()]
    consumed(consumer, f"{kind} {layout}", taken=True)


@consumers(kinds=True, among=[name for name in TAKERS if name != "signxml"])
@pytest.mark.parametrize("encryption", ENCRYPTIONS)
def test_an_encrypted_token_is_taken_by_who_knows_the_algorithms(consumer, token, trusted, kind, encryption, consumed):
    markup = token(f"sealed-{encryption}", kind)
    assert "alice" not in markup
    name = takes(consumer, markup, trusted)
    assert name == ("alice" if encryption in consumer.decrypts else "")
    consumed(consumer, encryption, taken=bool(name))


@consumers(kinds=True)
@pytest.mark.parametrize("tamper", TAMPERED, ids=lambda tamper: tamper.__name__)
def test_what_was_changed_is_refused(consumer, token, trusted, kind, tamper, consumed):
    forged = tamper(token("service", kind))
    assert forged != token("service", kind)
    assert takes(consumer, forged, trusted) == ""
    consumed(consumer, "changed", taken=False)


@consumers(kinds=True)
def test_a_forged_token_around_a_genuine_one_does_not_pass(consumer, token, trusted, kind, consumed):
    genuine = token("service", kind)
    wrappers = (*WRAPPED, *(ACCOMPANIED if consumer.takes_responses else ()))
    names = {wrap.__name__: takes(consumer, wrap(genuine), trusted) for wrap in wrappers}
    assert set(names.values()) <= {"", "alice"}, names
    consumed(consumer, "wrapped", taken=False)


@consumers(kinds=True)
def test_a_token_by_another_key_is_refused(consumer, token, trusted, kind, consumed):
    other = replace(trusted, certificate=trusted.key_certificate)
    assert takes(consumer, token("service", kind), other) == ""
    consumed(consumer, "another key", taken=False)


TOKENS = {
    "expired": lambda token, kind: token("service", kind, age=timedelta(hours=9)),
    "another audience": lambda token, kind: token("other-audience", kind),
    "another recipient": lambda token, kind: token("other-recipient", kind),
    "no recipient": lambda token, kind: token("unnamed", kind),
    "five minutes old": lambda token, kind: token("service", kind, age=timedelta(minutes=5)),
}


@consumers(kinds=True)
@pytest.mark.parametrize("occasion", OCCASIONS)
def test_a_token_for_another_occasion_is_refused_by_who_looks_at_that(
    consumer, token, trusted, kind, occasion, consumed
):
    name = takes(consumer, TOKENS[occasion](token, kind), trusted)
    assert name == ("" if occasion in consumer.refuses else "alice")
    consumed(consumer, occasion, taken=bool(name))
