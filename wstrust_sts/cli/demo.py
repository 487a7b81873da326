"""`wstrust-sts demo`: the life of a token, from a password to a cancelled assertion, against a real server."""

import os
import shlex
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from wstrust_sts.cli.demo_server import (
    DemoServer,
    free_port,
    remember,
    running_pid,
    start_server,
    stop_remembered,
)
from wstrust_sts.cli.exchanges.over_tls import OverTls
from wstrust_sts.cli.opening import now, opened
from wstrust_sts.cli.output import Refusal
from wstrust_sts.cli.sts_client import SoapFault, SoapVersion, StsClient, TokenWish
from wstrust_sts.cli.sts_connection import StsConnection
from wstrust_sts.cli.token import TOKEN_TYPE_URIS, show_token
from wstrust_sts.config import load_config
from wstrust_sts.model import TrustVersion
from wstrust_sts.records import KeyUse

ORDERS = "https://orders.example.test/api"
INTRANET = "urn:example:intranet"
PATHS = {TrustVersion.V13: "/trust/13/usernamemixed", TrustVersion.V2005: "/trust/2005/usernamemixed"}
_VERSIONS = {TrustVersion.V13: "WS-Trust 1.3", TrustVersion.V2005: "WS-Trust 2005/02"}
_SOAP_VERSIONS: tuple[SoapVersion, ...] = ("1.1", "1.2")


@click.command(
    epilog="""\b
Example:
  wstrust-sts demo .demo
  wstrust-sts demo .demo --leave-running
  wstrust-sts demo .demo --stop
"""
)
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False), default=".demo")
@click.option("--leave-running", is_flag=True, help="Only start the server, and tell how to use it.")
@click.option("--stop", is_flag=True, help="Stop the server that was left running.")
def demo(directory: Path, leave_running: bool, stop: bool) -> None:
    """Show the whole life of a token, on this machine.

    Makes an STS in DIRECTORY (default .demo), starts it, requests SAML 2.0 and 1.1 tokens, verifies, validates and
    cancels them, tries a wrong password, and stops the server.
    """
    if stop:
        click.echo("The server is stopped." if stop_remembered(directory) else "No server is running.")
        return
    _prepare(directory)
    if leave_running:
        _leave_running(directory)
        return
    click.echo("Starting the STS ...")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that the server is stopped then, too
    server = start_server(directory, free_port())
    try:
        seconds = server.wait_until_ready()
        click.echo(f"It serves {server.url(PATHS[TrustVersion.V13])} (process {server.process.pid}, {seconds:.1f} s)")
        Story(server, certificate=_signing_certificate(directory)).tell()
    finally:
        server.stop()
    click.echo("The server is stopped. All is well.")


def _prepare(directory: Path) -> None:
    """An STS with demo users in the directory, made now or before."""
    from wstrust_sts.cli.init import make_sts
    from wstrust_sts.cli.signing_keys import add_missing_keys
    from wstrust_sts.storage.migrate import upgrade

    if (directory / "sts.toml").exists():
        click.echo(f"Using the STS in {directory}; remove that folder to start from nothing.")
        upgrade(load_config(directory / "sts.toml").database.url)
        with opened(directory / "sts.toml") as deployment:
            add_missing_keys(deployment, "default")
        return
    click.echo(f"Making an STS in {directory}: development PKI, database, two users, two relying parties ...")
    make_sts(directory, demo=True)


def _signing_certificate(directory: Path) -> str:
    """The active signing certificate of the realm, PEM: what a relying party would have been given."""
    from wstrust_sts.cli.key import describe_key
    from wstrust_sts.cli.signing_keys import active_key

    with opened(directory / "sts.toml") as deployment:
        key = active_key(deployment, "default", KeyUse.TOKEN)
    if key is None:
        raise Refusal("The demo's realm has no signing key; remove the folder and try again.")
    pem: str = describe_key(key)["pem"]
    return pem


# -- left running ------------------------------------------------------------------------------------------------------


def _leave_running(directory: Path) -> None:
    port = load_config(directory / "sts.toml").server.listen[1]
    if running_pid(directory) is None:
        server = start_server(directory, port)
        try:
            server.wait_until_ready()
        except BaseException:
            server.stop()
            raise
        remember(server)
    _tell_how_to_use(directory, port)


def _tell_how_to_use(directory: Path, port: int) -> None:
    endpoint = f"https://localhost:{port}{PATHS[TrustVersion.V13]}"
    program = os.path.relpath(sys.argv[0]) if os.path.isabs(sys.argv[0]) else sys.argv[0]
    request = [program, "token", "request", "--url", endpoint, "--ca", str(directory / "ca.pem")]
    request += ["--user", "alice", "--password-file", str(directory / "alice.password"), "--applies-to", ORDERS]
    click.echo(
        f"\nThe demo STS is running (process {running_pid(directory)}, log {directory / 'server.log'}).\n"
        f"  Endpoint   {endpoint}\n"
        f"             https://localhost:{port}{PATHS[TrustVersion.V2005]}\n"
        f"  WSDL       {endpoint}?wsdl\n"
        f"  CA file    {directory / 'ca.pem'}\n"
        f"  User       alice, password {(directory / 'alice.password').read_text('ascii').strip()}\n"
        f"\nPaste this to get a token:\n  {shlex.join(request)}\n"
        f"\nStop it:\n  {shlex.join([program, 'demo', str(directory), '--stop'])}"
    )


# -- the story ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Story:
    """What a client of the running server sees; every step is checked. `certificate` is the STS's, in PEM."""

    server: DemoServer
    certificate: str

    def tell(self) -> None:
        """Raises Refusal at the first thing that is not as it should be."""
        self._show("SAML 2.0", TrustVersion.V13, "1.2", "saml20", ORDERS)
        token = self._show("SAML 1.1", TrustVersion.V2005, "1.1", "saml11", INTRANET)
        self._every_combination()
        self._life_and_death(token)
        self._wrong_password()

    def _client(self, trust: TrustVersion, soap: SoapVersion, *, password: str | None = None) -> StsClient:
        password = password or (self.server.directory / "alice.password").read_text("ascii").strip()
        return StsClient(
            connection=StsConnection(url=self.server.url(PATHS[trust]), ca=self.server.ca),
            binding=OverTls(user="alice", password=password),
            trust=trust,
            soap=soap,
        )

    def _show(self, name: str, trust: TrustVersion, soap: SoapVersion, token_type: str, applies_to: str) -> bytes:
        click.echo(f"\n{name} for {applies_to}, by {_VERSIONS[trust]} and SOAP {soap}, with alice's password:")
        token, card = self._issue(trust, soap, token_type, applies_to)
        show_token(card)
        click.echo("  Its signature is verified, by signxml and by xmlsec.")
        return token

    def _issue(
        self, trust: TrustVersion, soap: SoapVersion, token_type: str, applies_to: str
    ) -> tuple[bytes, dict[str, Any]]:
        """A token that was checked as a relying party would."""
        from wstrust_sts.cli.assertions import describe_token, verify_by_signxml, verify_by_xmlsec

        wish = TokenWish(applies_to=applies_to, token_type=TOKEN_TYPE_URIS[token_type])
        token = self._client(trust, soap).issue(wish, now=now()).token
        verify_by_signxml(token, self.certificate)
        verify_by_xmlsec(token, self.certificate)
        card = describe_token(token)
        if card["audiences"] != [applies_to] or not card["type"].startswith(_SAML[token_type]):
            raise Refusal(f"The token is not what was asked for: {card['type']} for {card['audiences']}")
        return token, card

    def _every_combination(self) -> None:
        click.echo("\nThe same in every version that clients speak:")
        for trust in PATHS:
            for soap in _SOAP_VERSIONS:
                for token_type in TOKEN_TYPE_URIS:
                    _, card = self._issue(trust, soap, token_type, ORDERS)
                    click.echo(f"  {_VERSIONS[trust]:16}  SOAP {soap}  {card['type']}  {card['id']}  verified")

    def _life_and_death(self, token: bytes) -> None:
        client = self._client(TrustVersion.V13, "1.2")
        click.echo("\nThe STS remembers what it issued:")
        verdict = client.validate(token, now=now())
        click.echo(f"  Validate: {'valid' if verdict.valid else 'invalid'}")
        if not verdict.valid:
            raise Refusal(f"A fresh token is not valid: {verdict.reason}")
        client.cancel(token, now=now())
        click.echo("  Cancel:   cancelled")
        verdict = client.validate(token, now=now())
        click.echo(f"  Validate: {'valid' if verdict.valid else 'invalid'}")
        if verdict.valid:
            raise Refusal("A cancelled token is still valid.")

    def _wrong_password(self) -> None:
        click.echo("\nA wrong password gets nothing:")
        try:
            self._client(TrustVersion.V13, "1.2", password="not-her-password").issue(  # noqa: S106 (wrong on purpose)
                TokenWish(applies_to=ORDERS), now=now()
            )
        except SoapFault as fault:
            click.echo(f"  {fault.code}: {fault.reason}\n  correlation id {fault.correlation_id}, as in the log\n")
            if fault.code != "FailedAuthentication":
                raise Refusal(f"A wrong password is refused by {fault.code}.") from None
        else:
            raise Refusal("A wrong password got a token.")


_SAML = {"saml20": "SAML 2.0", "saml11": "SAML 1.1"}
