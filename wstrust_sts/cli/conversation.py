"""A client for one command, in a security context where its binding asks for one.

A context that the caller has is used and left alone. Where there is none, one is established by the binding's
bootstrap, used for what the command does, and cancelled afterwards.
"""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager

import click

from wstrust_sts import ns
from wstrust_sts.cli.bindings import BINDINGS
from wstrust_sts.cli.key_wishes import SharedKey
from wstrust_sts.cli.opening import now
from wstrust_sts.cli.output import Refusal
from wstrust_sts.cli.sts_client import Issued, StsClient, TokenWish
from wstrust_sts.cli.sts_options import StsOptions
from wstrust_sts.endpoint_section import TRUST_VERSIONS

_KEY_OCTETS = 32


@contextmanager
def conversing(sts: StsOptions, *, target: bytes | None = None, establishes: bool = False) -> Iterator[StsClient]:
    """The client that the caller's options describe. `target` is the token that is asked about, and `establishes` says
    that a context is what is asked for, which is the bootstrap's to protect.

    Raises as `StsOptions.client` does, and, where a context has to be established first, as `StsClient.issue`.
    """
    if not BINDINGS[sts.binding].bootstrap:
        yield sts.client(target=target)
        return
    held = sts.held_context(target)
    if held is not None:
        if establishes:
            raise click.UsageError(f"--binding {sts.binding}: a context is established without another one.")
        yield sts.client_in(held)
        return
    bootstrap = sts.bootstrap().client()
    if establishes:
        yield bootstrap
        return
    established = _establish(bootstrap, sts)
    client = sts.client_in(established, trace=bootstrap.trace)
    try:
        yield client
    finally:
        _leave(client, established)


def _establish(bootstrap: StsClient, sts: StsOptions) -> Issued:
    token_type = f"{ns.WSC_OF_TRUST[TRUST_VERSIONS[sts.trust].namespace]}/sct"
    key = SharedKey(size=8 * _KEY_OCTETS, entropy=secrets.token_bytes(_KEY_OCTETS))
    return bootstrap.issue(TokenWish(token_type=token_type, key=key), now=now())


def _leave(client: StsClient, established: Issued) -> None:
    """On standard error, so that it is in nobody's way who reads the outcome."""
    try:
        client.cancel(established.token, now=now())
    except Refusal as refusal:
        click.echo(
            "A security context was established for this; that it is cancelled was not confirmed, and it ends by "
            f"itself. {refusal.message}",
            err=True,
        )
        return
    click.echo("A security context was established for this, and is cancelled.", err=True)
