"""docker/Dockerfile, its commands carried out in fresh root directories, and the image it makes, run as its user.

Needs root, debootstrap and the network; takes a minute or two.
"""

import os
import shutil
import socket
import ssl
import stat
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.interop.chroot_image import ImageBuilder, Stage

CHECKOUT = Path(__file__).parents[2]
DEADLINE = 60.0


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    work = tmp_path_factory.mktemp("image")
    try:
        yield ImageBuilder(CHECKOUT, work).build(CHECKOUT / "docker" / "Dockerfile")
    finally:
        shutil.rmtree(work)


@pytest.fixture(scope="module")
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Container:
    """The entrypoint's process, as the image's user; the volume is the directory in the root."""

    def __init__(self, image: Stage, port: int) -> None:
        self.image = image
        self.port = port
        self.state = image.root / image.volumes[0].lstrip("/")
        self.log = image.root / "tmp" / "log"

    def start(self) -> None:
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                self.image.command(*self.image.entrypoint),
                env={**self.image.environment, "STS_DEMO": "yes", "STS_PORT": str(self.port)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        give_up = time.monotonic() + DEADLINE
        while self.image.run(*self.image.healthcheck).returncode != 0:
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < give_up, self.log.read_text()
            time.sleep(0.2)

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(timeout=DEADLINE)

    def get(self, path: str) -> bytes:
        (ca,) = self.state.rglob("ca.pem")
        tls = ssl.create_default_context(cafile=str(ca))
        with urllib.request.urlopen(f"https://localhost:{self.port}{path}", context=tls, timeout=5) as answer:
            return bytes(answer.read())


@pytest.fixture(scope="module")
def container(image: Stage, port: int) -> Iterator[Container]:
    container = Container(image, port)
    container.start()
    yield container
    container.stop()


def test_the_image_has_no_compiler_and_no_package_installer(image):
    for program in ("cc", "gcc", "pip", "pip3", "make"):
        assert image.run("which", program).returncode != 0, program
    assert image.run("python3", "-c", "import pip").returncode != 0


def test_the_program_belongs_to_root_and_the_image_s_user_cannot_change_it(image):
    assert image.user != "0:0"
    assert image.run("touch", "/opt/wstrust-sts/bin/wstrust-sts").returncode != 0
    assert image.run("touch", "/usr/local/lib/wstrust-sts/entrypoint.sh").returncode != 0


def test_the_health_check_fails_before_the_server_runs(image):
    assert image.run(*image.healthcheck).returncode == 1


def test_an_empty_volume_becomes_a_running_server_that_publishes_its_contract(container):
    document = container.get("/trust/13/usernamemixed?wsdl")
    assert b"SecurityTokenService" in document


def test_the_server_listens_on_the_addresses_that_a_container_is_reached_by(container):
    listening = Path("/proc/net/tcp").read_text()
    assert f"00000000:{container.port:04X}" in listening


def test_nothing_is_written_outside_the_volume_and_tmp(container):
    uid = int(container.image.user.partition(":")[0])
    outside = []
    for folder, names, files in os.walk(container.image.root):
        if Path(folder) in (container.state, container.image.root / "tmp"):
            names.clear()
            continue
        owned = (Path(folder, name) for name in (*files, *names))
        outside.extend(str(path) for path in owned if path.lstat().st_uid == uid and path != container.state)
    assert outside == []


def test_what_is_on_the_volume_is_for_its_owner_alone(container):
    secret = [path for path in container.state.rglob("*") if path.is_file() and "key" in path.name]
    assert secret
    assert {stat.S_IMODE(path.stat().st_mode) & 0o077 for path in secret} == {0}


def test_a_second_start_keeps_what_the_first_one_made(container):
    def made() -> dict[str, bytes]:
        return {str(path): path.read_bytes() for path in container.state.rglob("*") if path.suffix in {".pem", ".toml"}}

    before = made()
    container.stop()
    container.start()
    assert made() == before
    container.get("/readyz")
