"""`wstrust-sts serve`: from sts.toml to a running server."""

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from wstrust_sts import toml_kinds
from wstrust_sts.cli.opening import config_option
from wstrust_sts.config import Config, KnownNames, load_config
from wstrust_sts.strict_toml import Place, Refused

if TYPE_CHECKING:
    from wstrust_sts.server import ServerSettings

_OTHER_FILES = 68  # the loop's, the log, pipes, and what is read now and then
_FILES_OF_A_CONNECTION = 3  # to SQLite: the database and its two journals


@click.command(
    epilog="""\b
Example:
  wstrust-sts serve --config /etc/wstrust-sts/sts.toml
It stops at SIGTERM or Ctrl-C, after the requests under way; at SIGHUP it reads the TLS certificate again.
"""
)
@click.option("--listen", metavar="HOST:PORT", help="Listen here instead of where sts.toml says.")
@config_option
def serve(config_file: Path, listen: str | None) -> None:
    """Run the server until it is told to stop.

    /healthz answers while a process lives, /readyz once it can issue tokens.
    """
    from wstrust_sts import log
    from wstrust_sts.app import open_application
    from wstrust_sts.server import serve as run_server

    config = load_config(config_file, known=known_names())
    if listen is not None:
        config = _listening(config, listen)
    log.configure(format=config.log.format, level=config.log.level)
    run_server(
        lambda: open_application(config),
        server_settings(config),
        on_ready=lambda host, port: click.echo(
            f"wstrust-sts serves {config.server.public_url} on {host}:{port}", err=True
        ),
    )


def _listening(config: Config, written: str) -> Config:
    """The configuration with another listener, held to the same rules."""
    try:
        address = toml_kinds.listen_address().read(written, Place(Path("--listen"), []))
    except Refused:
        raise click.BadParameter("must be host:port, like 127.0.0.1:8443", param_hint="--listen") from None
    changed = replace(config, server=replace(config.server, listen=address))
    if any(changed.faults()):
        raise click.BadParameter("without TLS only a loopback address is allowed", param_hint="--listen")
    return changed


def known_names() -> KnownNames:
    """What the registry has that an endpoint may name."""
    from wstrust_sts import registry
    from wstrust_sts.wire.algorithms import ALGORITHMS

    return KnownNames(
        policies=frozenset(registry.POLICIES),
        layouts=frozenset(registry.LAYOUTS),
        algorithms=frozenset(ALGORITHMS),
        tolerances=registry.TOLERANCES,
    )


def server_settings(config: Config) -> "ServerSettings":
    """The front's settings, in its own words."""
    from wstrust_sts.server import ServerSettings

    section = config.server
    host, port = section.listen
    return ServerSettings(
        host=host,
        port=port,
        certificate=section.certificate,
        private_key=section.private_key,
        client_authorities=section.client_authorities,
        workers=section.workers or os.cpu_count() or 1,
        threads=section.request_threads,
        max_in_work=section.maximum_in_work,
        max_requests=section.maximum_requests,
        max_connections=section.maximum_connections,
        max_connections_per_source=section.maximum_connections_per_source,
        other_descriptors=_OTHER_FILES + _FILES_OF_A_CONNECTION * config.database.connections,
        max_body=section.maximum_body_bytes,
        handshake_seconds=section.header_timeout.total_seconds(),
        head_seconds=section.header_timeout.total_seconds(),
        body_seconds=section.body_timeout.total_seconds(),
        idle_seconds=section.keep_alive_timeout.total_seconds(),
        request_seconds=section.request_timeout.total_seconds(),
        stop_seconds=section.stop_timeout.total_seconds(),
    )
