"""Servers for the tests of the front: one of a test's own, and two that many tests share."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.system.server.front import Credentials, Server, Start, end_server, make_certificate, start_server


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    with ExitStack() as servers:

        def begin(environment: dict[str, str] | None = None, *, files: int | None = None, **values: Any) -> Server:
            server = start_server(tmp_path, values, environment, files=files)
            servers.callback(end_server, server)
            return server

        yield begin


@pytest.fixture(scope="session")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("server")


@pytest.fixture(scope="session")
def credentials(directory: Path) -> Credentials:
    return make_certificate(directory, "server")


@pytest.fixture(scope="session")
def plain(directory: Path) -> Iterator[Server]:
    server = start_server(directory, {})
    yield server
    end_server(server)


@pytest.fixture(scope="session")
def secure(directory: Path, credentials: Credentials) -> Iterator[Server]:
    server = start_server(
        directory,
        {
            "certificate": credentials.certificate,
            "private_key": credentials.private_key,
            "client_authorities": make_certificate(directory, "client").certificate,
        },
    )
    yield server
    end_server(server)
