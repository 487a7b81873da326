"""What `relying-party snippet` prints for Java: CXF's client and service configured by it, and Spring Web Services."""

import base64
import os
from pathlib import Path

import pytest

from tests.interop.cxf_services import Wanted
from tests.interop.identity import PASSWORD
from tests.interop.jvm import JAVA, Refused, fetch, run, started
from tests.messages import RP
from tests.running import command, free_port
from wstrust_sts import ns

HARD_TO_WRITE = r'urn:example:" \ \u0022 é */'


@pytest.fixture(scope="module")
def address(sts) -> str:
    """Where the service is going to be, a relying party from the template for CXF."""
    address = f"https://localhost:{free_port()}/greeting"
    template = ("--template", "cxf", "--set", f"address={address}", "--applies-to", HARD_TO_WRITE)
    where = ("--config", str(sts.config))
    command("relying-party", "add", "greeting", *template, *where, directory=sts.directory)
    return address


@pytest.fixture(scope="module")
def snippet(sts, address):
    def print_(language: str) -> str:
        arguments = ("relying-party", "snippet", "greeting", "--for", language, "--config", str(sts.config))
        return command(*arguments, directory=sts.directory)

    return print_


@pytest.fixture(scope="module")
def spring(sts, snippet, cxf_classpath, trust_store, signing_certificates, tmp_path_factory):
    """The program that drives Spring: with the class that the snippet is, and the store that CXF's snippet names."""
    directory = tmp_path_factory.mktemp("spring")
    fetch("spring", directory / "lib")
    (directory / "StsConfiguration.java").write_text(snippet("spring"))
    store = ("-keystore", str(directory / "sts-signing.p12"), "-storetype", "PKCS12", "-storepass", "changeit")
    run("keytool", "-importcert", "-noprompt", "-alias", "sts", "-file", signing_certificates, *store)
    classpath = os.pathsep.join([str(directory), f"{directory}/lib/*", cxf_classpath])
    sources = [str(JAVA / "spring" / "SpringProbe.java"), str(directory / "StsConfiguration.java")]
    run("javac", "-proc:none", "-d", str(directory), "-cp", classpath, *sources)
    with started(classpath, "SpringProbe", options=trust_store) as probe:
        yield probe


@pytest.fixture(scope="module")
def configured(sts, spring, snippet, address, tls_keys, tmp_path_factory):
    """Service and client have what the snippet says, and the client alice's password."""
    directory = tmp_path_factory.mktemp("beans")
    beans = directory / "beans.xml"
    beans.write_text(snippet("cxf"))
    spring.ask("beans", str(beans), "alice", "clarinet")
    wanted = Wanted("usernamemixed", ns.TP11_SAML20)
    wsdl = wanted.write(directory / "greeting.wsdl", sts=sts, service=address)
    spring.ask("publish", address, wsdl, str(tls_keys), PASSWORD)
    return beans


def test_a_client_of_cxf_calls_a_service_of_cxf_which_knows_her_name_and_role(spring, configured, address):
    assert spring.ask("greet", address) == ["Hello alice, a player"]


def test_a_client_of_cxf_with_a_wrong_password_does_not(spring, configured, address):
    spring.ask("beans", str(configured), "alice", "trumpet")
    with pytest.raises(Refused):
        spring.ask("greet", address)


def token(sts, address: str, tmp_path: Path) -> bytes:
    password = tmp_path / "password"
    password.write_text("clarinet\n")
    arguments = ("--url", f"{sts.url}/trust/13/usernamemixed", "--user", "alice", "--applies-to", address)
    trust = ("--password-file", str(password), "--ca", str(sts.ca), "--out", "-")
    return command("token", "request", *arguments, *trust, directory=sts.directory).strip().encode()


def intercept(spring, token: bytes) -> str:
    (passed,) = spring.ask("intercept", base64.b64encode(token).decode())
    return passed


def test_spring_web_services_lets_a_token_for_the_service_pass(spring, sts, address, tmp_path):
    assert intercept(spring, token(sts, address, tmp_path)) == "true"


def test_spring_web_services_refuses_a_token_for_somebody_else(spring, sts, tmp_path):
    assert intercept(spring, token(sts, RP, tmp_path)) == "false"


def test_spring_web_services_refuses_what_was_changed_and_what_is_not_signed(spring, sts, address, tmp_path):
    good = token(sts, address, tmp_path)
    assert intercept(spring, good.replace(b">alice<", b">admin<")) == "false"
    before, _, after = good.partition(b"<ds:Signature")
    assert intercept(spring, before + after.partition(b"</ds:Signature>")[2]) == "false"


def test_spring_web_services_refuses_a_request_without_a_token(spring):
    assert intercept(spring, b"") == "false"
