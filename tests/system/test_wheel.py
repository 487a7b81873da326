"""The wheel: built from what is committed, installed in an empty environment elsewhere, and run there."""

import http.client
import os
import shutil
import socket
import ssl
import subprocess
import sys
import time
import venv
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from lxml import etree

from wstrust_sts import ns

CHECKOUT = Path(__file__).parents[2]
DEADLINE = 30.0


def run(*command: str | Path, cwd: Path) -> None:
    """Runs `command` as it would run elsewhere: nothing of this checkout or its environment leaks in."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}
    done = subprocess.run(
        command, cwd=cwd, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    source, dist = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("dist")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=CHECKOUT, capture_output=True, check=True, text=True)
    for name in listed.stdout.split("\0"):
        if name and not name.startswith("tests/") and (CHECKOUT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(CHECKOUT / name, source / name)
    run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", dist, source, cwd=dist)
    (built,) = dist.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def programs(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bin directory of an environment that has the wheel and what it asks for, and nothing else."""
    environment = tmp_path_factory.mktemp("environment")
    venv.create(environment, with_pip=True)
    run(environment / "bin" / "pip", "install", "--quiet", wheel, cwd=environment)
    return environment / "bin"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Demo:
    """A demo server made and started by the installed program, and a client that trusts its CA."""

    def __init__(self, programs: Path, directory: Path) -> None:
        self.port = free_port()
        self.directory = directory / "demo"
        program = programs / "wstrust-sts"
        run(program, "init", self.directory, "--demo", "--port", str(self.port), cwd=directory)
        self.log = directory / "log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [program, "serve", "--config", self.directory / "sts.toml"],
                cwd=directory,
                env={"PATH": os.defpath},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        (ca,) = self.directory.rglob("ca.pem")
        self.tls = ssl.create_default_context(cafile=str(ca))

    def get(self, path: str, **headers: str) -> tuple[int, bytes]:
        connection = http.client.HTTPSConnection("127.0.0.1", self.port, context=self.tls, timeout=5)
        try:
            connection.request("GET", path, headers=headers)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def wait_until_ready(self) -> None:
        give_up = time.monotonic() + DEADLINE
        while time.monotonic() < give_up and self.process.poll() is None:
            try:
                if self.get("/readyz")[0] == 200:
                    return
            except OSError:
                time.sleep(0.05)
        raise AssertionError(f"the server did not become ready:\n{self.log.read_text()}")


@pytest.fixture(scope="module")
def demo(programs: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    demo = Demo(programs, tmp_path_factory.mktemp("state"))
    try:
        demo.wait_until_ready()
        yield demo
    finally:
        demo.process.terminate()
        demo.process.wait(timeout=DEADLINE)


def test_the_wheel_carries_the_documents_that_travel_with_it_and_the_licence_and_no_tests(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    for folder, pattern in (
        ("wsdl", "*.wsdl"),
        ("policies", "*.xml"),
        ("wstrust_sts/templates", "*.toml"),
        ("wstrust_sts/snippets", "*.template"),
    ):
        inside = folder.removeprefix("wstrust_sts/")
        documents = {f"wstrust_sts/{inside}/{path.name}" for path in (CHECKOUT / folder).glob(pattern)}
        assert documents
        assert documents <= names
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)
    assert not [name for name in names if name.startswith(("tests/", "benchmarks/", "certs/", "docker/"))]


def test_the_wheel_carries_every_module_of_the_checkout(wheel):
    """The packages are listed one by one in setup.cfg; a forgotten one would work in the checkout alone."""
    listed = subprocess.run(
        ["git", "ls-files", "wstrust_sts/*.py"], cwd=CHECKOUT, capture_output=True, check=True, text=True
    )
    assert set(listed.stdout.split()) <= set(zipfile.ZipFile(wheel).namelist())


@pytest.mark.parametrize(("path", "namespace"), [("13", ns.WST13 + "/"), ("2005", ns.WST05)])
def test_the_installed_server_publishes_its_wsdl_at_its_own_address_whatever_host_was_asked_for(demo, path, namespace):
    location = f"/trust/{path}/usernamemixed"
    status, document = demo.get(location + "?wsdl", Host="attacker.example")
    assert status == 200
    definitions = etree.fromstring(document)
    assert definitions.get("targetNamespace") == namespace
    addresses = set(definitions.xpath("//*[local-name()='address']/@location"))
    assert len(addresses) == 1
    assert addresses.pop().endswith(f":{demo.port}{location}")
    assert b"attacker" not in document


def test_the_installed_server_stops_when_it_is_told_to(programs, tmp_path):
    demo = Demo(programs, tmp_path)
    demo.wait_until_ready()
    demo.process.terminate()
    assert demo.process.wait(timeout=DEADLINE) in {0, -15}, demo.log.read_text()


def test_the_installed_program_has_its_templates_and_snippets(programs, tmp_path):
    program = programs / "wstrust-sts"
    run(program, "init", "sts", "--demo", cwd=tmp_path)
    where = ("--config", "sts/sts.toml")
    settings = ("--template", "cxf", "--set", "address=https://shop.example.test/")
    run(program, "relying-party", "add", "shop", *settings, *where, cwd=tmp_path)
    run(program, "relying-party", "snippet", "shop", "--for", "cxf", *where, cwd=tmp_path)
