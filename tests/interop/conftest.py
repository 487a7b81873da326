"""One running STS for all client suites, and one JVM for all that is done with Apache CXF."""

import shutil
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, load_pem_private_key, pkcs12

from tests.cases import each_of
from tests.interop.consumers.trusting import Consumer
from tests.interop.cxf import WAYS, secrets_of
from tests.interop.dotnet_runtime import Dotnet, install
from tests.interop.endpoints import enable
from tests.interop.identity import PASSWORD, Identity, make_identity, message_certificate
from tests.interop.jvm import TRUSTS, compile_program, fetch, run, started, trusting
from tests.interop.recording import Consumption, Recorder
from tests.running import command, prepare, serving

NODE = Path(__file__).parent / "node"

soap = each_of(("1.1", "1.2"))
trust = each_of(TRUSTS)
versions = each_of([(version, soap) for version in TRUSTS for soap in ("1.1", "1.2")], ids="-soap".join)
way = each_of(WAYS)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--record-clients", metavar="FILE", type=Path, help="write what was seen to FILE, as JSON")


def pytest_configure(config: pytest.Config) -> None:
    file = config.getoption("--record-clients")
    config.pluginmanager.register(Recorder(file), "recorder")


@pytest.fixture
def consumed(request):
    """Tells what became of a token at a consumer."""
    recorder = request.config.pluginmanager.get_plugin("recorder")

    def tell(consumer: Consumer, what: str, *, taken: bool) -> None:
        recorder.consumed(Consumption(consumer.name, consumer.version, request.path.name, what, taken))

    return tell


@pytest.fixture(scope="session")
def sts(tmp_path_factory, hers, stranger):
    prepared = prepare(tmp_path_factory.mktemp("interop"))
    enable(prepared, client_certificates=(hers.certificate, stranger.certificate))
    with serving(prepared):
        yield prepared


@pytest.fixture(scope="session")
def trust_store(sts, tmp_path_factory) -> list[str]:
    """The JVM's arguments that make it trust the CA of the STS's TLS certificate, and nothing else."""
    return trusting(sts.ca, tmp_path_factory.mktemp("java") / "ca.p12")


@pytest.fixture(scope="session")
def signing_certificates(sts, tmp_path_factory) -> str:
    """What a relying party trusts."""
    file = tmp_path_factory.mktemp("relying-party") / "sts.pem"
    file.write_text(command("key", "list", "--pem", "--config", str(sts.config), directory=sts.directory))
    return str(file)


@pytest.fixture(scope="session")
def hers(tmp_path_factory) -> Identity:
    """Alice's key and certificate, before the STS knows them."""
    return make_identity("alice", tmp_path_factory.mktemp("alice"))


@pytest.fixture(scope="session")
def alice(sts, hers) -> Identity:
    """Her key and a certificate that is mapped to her account."""
    hers.map_to("alice", sts)
    return hers


@pytest.fixture(scope="session")
def certificate_of_the_sts(sts, tmp_path_factory) -> Path:
    """What clients encrypt for."""
    return message_certificate(sts, tmp_path_factory.mktemp("message") / "sts.pem")


@pytest.fixture(scope="session")
def alices(alice, certificate_of_the_sts, tmp_path_factory) -> dict[str, str]:
    """The options of CXF with her keys."""
    return secrets_of(alice, alice.trusting(certificate_of_the_sts, tmp_path_factory.mktemp("alice") / "alice.p12"))


@pytest.fixture(scope="session")
def stranger(tmp_path_factory) -> Identity:
    """A key and a certificate that is nobody's."""
    return make_identity("alice", tmp_path_factory.mktemp("stranger"))


@pytest.fixture(scope="session")
def cxf_libraries(tmp_path_factory) -> Path:
    directory = tmp_path_factory.mktemp("cxf")
    fetch("cxf", directory)
    return directory


@pytest.fixture(scope="session")
def cxf_classpath(cxf_libraries) -> str:
    """CXF's jars and the compiled programs."""
    (jars,) = cxf_libraries.glob("*/lib")
    return compile_program("cxf", jars, cxf_libraries)


@pytest.fixture(scope="session")
def cxf(cxf_classpath, trust_store):
    """The program that drives CXF."""
    with started(cxf_classpath, "CxfProbe", options=trust_store) as probe:
        yield probe


@pytest.fixture(scope="session")
def dotnet_runtime(tmp_path_factory) -> Dotnet:
    return install(tmp_path_factory.mktemp("dotnet"))


@pytest.fixture(scope="session")
def node(tmp_path_factory) -> Path:
    """The directory of programs for Node.js with their packages, at the versions of the lock file."""
    directory = tmp_path_factory.mktemp("node") / "client"
    shutil.copytree(NODE, directory)
    run("npm", "ci", "--prefix", str(directory), "--ignore-scripts", "--no-audit", "--no-fund")
    return directory


@pytest.fixture(scope="session")
def tls_keys(sts, tmp_path_factory) -> Path:
    """The key of the development PKI for localhost, in the form that Java reads."""
    key = load_pem_private_key((sts.directory / "server.key").read_bytes(), None)
    certificates = x509.load_pem_x509_certificates((sts.directory / "server.pem").read_bytes())
    sealed = BestAvailableEncryption(PASSWORD.encode())
    file = tmp_path_factory.mktemp("service") / "tls.p12"
    file.write_bytes(pkcs12.serialize_key_and_certificates(b"tls", key, certificates[0], certificates[1:], sealed))
    return file
