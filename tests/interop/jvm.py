"""Programs of Java clients: how their libraries come, how they are compiled, started and talked to.

They need a JDK of 17 or later and Maven. What Maven fetches goes where Maven keeps it.
"""

import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lxml import etree
from signxml import XMLVerifier

from wstrust_sts import ns

JAVA = Path(__file__).parent / "java"
STORE_PASSWORD = "changeit"
ELSEWHERE = "https://unknown.example.test/"
ID_ATTRIBUTES = {ns.TP11_SAML20: "ID", ns.TP11_SAML11: "AssertionID"}


@dataclass(frozen=True)
class Trust:
    """A WS-Trust version: how its endpoint is found and described, and what a bearer token is called."""

    path: str
    namespace: str
    target_namespace: str
    policy: str
    bearer: str


TRUSTS = {
    "13": Trust("/trust/13/usernamemixed", ns.WST13, ns.WST13 + "/", "usernamemixed.xml", f"{ns.WST13}/Bearer"),
    "2005": Trust("/trust/2005/usernamemixed", ns.WST05, ns.WST05, "usernamemixed-2005.xml", ns.NO_PROOF_KEY),
}


class Refused(Exception):
    """What the Java side ended with: the fault's code, in Clark notation, or the name of its own exception."""

    def __init__(self, code: str, text: str):
        super().__init__(f"{code} {text}")
        self.code = code
        self.text = text

    @property
    def name(self) -> str:
        """The code without its namespace, which not every client keeps."""
        return self.code.rpartition("}")[2]


class Probe:
    """The Java program: one line to it, one line back (java/Lines.java)."""

    def __init__(self, process: "subprocess.Popen[str]"):
        self.process = process

    def ask(self, *words: str) -> list[str]:
        self.process.stdin.write("\t".join(words) + "\n")
        self.process.stdin.flush()
        result, *fields = self.process.stdout.readline().rstrip("\n").split("\t")
        if result == "fault":
            raise Refused(*fields)
        assert result == "ok", "the Java program has ended; what it wrote to its standard error says why"
        return fields

    def client(self, name: str, options: dict[str, str]) -> None:
        self.ask("client", name, *words(options))


@dataclass(frozen=True)
class JavaClient:
    """What the Java program has under a name of its own."""

    probe: Probe
    name: str
    trust: Trust

    def send(self, operation: str, body: str) -> str:
        """The answer to a body that the test wrote."""
        (answer,) = self.probe.ask("send", self.name, f"{self.trust.namespace}/RST/{operation}", body)
        return answer


def words(options: Mapping[str, object]) -> list[str]:
    """Options as the Java side reads them."""
    return [f"{name}={value}" for name, value in options.items()]


def fetch(project: str, directory: Path) -> None:
    """What the project's pom.xml brings, into the directory."""
    pom = JAVA / project / "pom.xml"
    run("mvn", "--quiet", "--batch-mode", "--file", str(pom), f"-Dlibraries={directory}", "generate-resources")


def compile_program(project: str, jars: Path, directory: Path) -> str:
    """The classpath of the compiled program and its jars."""
    classes = directory / "classes"
    sources = [str(JAVA / "Lines.java"), *(str(source) for source in (JAVA / project).glob("*.java"))]
    run("javac", "-proc:none", "-d", str(classes), "-cp", f"{jars}/*", *sources)
    return f"{classes}:{jars}/*"


def built(project: str, directory: Path) -> str:
    """The classpath of the compiled program and of what its project brings."""
    fetch(project, directory)
    return compile_program(project, directory / "lib", directory)


@contextmanager
def started(classpath: str, program: str, *arguments: str, options: Sequence[str]) -> Iterator[Probe]:
    """The program in a JVM with these options; it ends when its input does."""
    command = ["java", *options, "-cp", classpath, program, *arguments]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield Probe(process)
    finally:
        process.communicate(timeout=20)


def trusting(ca: Path, store: Path) -> list[str]:
    """The JVM's arguments that make it trust this CA (PEM), and nothing else; `store` is a file to be made."""
    of_the_store = ["-keystore", str(store), "-storetype", "PKCS12", "-storepass", STORE_PASSWORD]
    run("keytool", "-importcert", "-noprompt", "-alias", "sts", "-file", str(ca), *of_the_store)
    properties = {"trustStore": store, "trustStoreType": "PKCS12", "trustStorePassword": STORE_PASSWORD}
    return [f"-Djavax.net.ssl.{name}={value}" for name, value in properties.items()]


def run(*arguments: str) -> str:
    """The output of a command. Raises AssertionError with all of it when the command fails."""
    done = subprocess.run(arguments, capture_output=True, text=True)
    assert done.returncode == 0, f"{' '.join(arguments)}: status {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout


def verify(markup: str, token_type: str) -> etree._Element:
    """The assertion that came out of a client is still the one that was signed, and of this type."""
    assertion = etree.fromstring(markup)
    certificate = assertion.findtext(f".//{{{ns.DS}}}X509Certificate")
    pem = f"-----BEGIN CERTIFICATE-----\n{certificate}\n-----END CERTIFICATE-----\n"
    verified = XMLVerifier().verify(markup, x509_cert=pem, id_attribute=ID_ATTRIBUTES[token_type])
    assert verified.signed_xml.tag == assertion.tag
    return assertion
