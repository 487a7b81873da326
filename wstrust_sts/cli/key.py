"""`wstrust-sts key`: the life of a key, from next over active and retiring to retired."""

from datetime import datetime
from pathlib import Path
from typing import Any

import click

from wstrust_sts.cli.opening import Deployment, config_option, listing_options, opened, realm_option, require_realm
from wstrust_sts.cli.output import Refusal, in_one_line, print_json, print_table
from wstrust_sts.cli.signing_keys import (
    DEFAULT_ALGORITHM,
    active_key,
    add_key,
    key_in_state,
    keys_of,
    needed_until,
)
from wstrust_sts.records import KeyState, KeyUse, SigningKeyRecord


@click.group(
    epilog="""\b
Example:
  wstrust-sts key list
  wstrust-sts key create
  wstrust-sts key rotate
""",
)
def key() -> None:
    """A realm's keys, by use: those that sign tokens, and those that protect messages.

    \b
    --use token    (default) signs tokens. Relying parties need the certificate:
                   from the federation metadata, or key list --pem
    --use message  signs answers and opens messages at endpoints with the policy
                   username, certificate, certificatesigned or
                   secureconversation. Their clients need the certificate:
                   key list --use message --pem
    TLS has a key of its own, in the files that sts.toml names.

    A key is made as "next" and given out before it signs; `rotate` makes it "active" and the one before it "retiring".
    Tokens of a retiring key stay valid until they expire, and messages for a retiring key are opened; `retire` ends a
    key. Running servers follow at once.
    """


def _use_of(_context: click.Context, _parameter: click.Parameter, value: str) -> KeyUse:
    return KeyUse(value)


use_option = click.option(
    "--use",
    type=click.Choice([use.value for use in KeyUse]),
    default=KeyUse.TOKEN.value,
    show_default=True,
    callback=_use_of,
    help="What the key is for: signing tokens, or protecting messages.",
)


def _command(verb: str, use: KeyUse) -> str:
    """The command line for this use, as messages name it."""
    return f"wstrust-sts key {verb}{'' if use is KeyUse.TOKEN else f' --use {use.value}'}"


@key.command(
    "list",
    epilog="""\b
Example:
  wstrust-sts key list
  wstrust-sts key list --pem > signing-certificates.pem            # for relying parties
  wstrust-sts key list --use message --pem > message-certificates.pem      # for clients
""",
    short_help="List a realm's keys and certificates of one use.",
)
@click.option("--pem", is_flag=True, help="Print the certificates: with token keys for relying parties.")
@use_option
@listing_options
def list_(config_file: Path, realm: str, use: KeyUse, pem: bool, as_json: bool) -> None:
    """List a realm's keys of one use: those that sign, will sign or did sign. Retired ones are not listed.

    NEEDED UNTIL is when the last token in force that a retiring key signed expires; "-" once there is none. Of a
    retiring message key nobody can know it: clients that have no newer certificate still encrypt for it.

    A comment before each certificate of --pem says what it is for. A relying party must not trust a message
    certificate: it is not for tokens.
    """
    with opened(config_file) as deployment:
        require_realm(deployment, realm)
        rows = [
            describe_key(row, needed_until(deployment, row) if row.state is KeyState.RETIRING else None)
            for row in keys_of(deployment, realm, use)
        ]
    if as_json:
        print_json(rows)
    elif pem:
        for row in rows:
            click.echo(f"# {row['use']} {row['state']} {row['algorithm']} {row['id']}\n{row['pem']}", nl=False)
    else:
        print_table(
            ["KEY", "USE", "STATE", "ALGORITHM", "NOT AFTER", "NEEDED UNTIL", "SHA-256 OF THE CERTIFICATE"],
            [
                [row[name] for name in ("id", "use", "state", "algorithm", "not_after", "needed_until", "sha256")]
                for row in rows
            ],
            nothing=f"Realm {realm} has no {use.value} key: {_command('create', use)}",
        )


@key.command(
    epilog="""\b
Example:
  wstrust-sts key create
  wstrust-sts key list --pem > signing-certificates.pem
Give the certificates to the relying parties that do not read the federation metadata; when all of them have the new
one:
  wstrust-sts key rotate
The key of the endpoints with message security:
  wstrust-sts key create --use message
"""
)
@click.option(
    "--algorithm",
    default=DEFAULT_ALGORITHM,
    show_default=True,
    help="rsa-2048, rsa-3072 or, for tokens alone, ec-p256.",
)
@use_option
@realm_option
@config_option
def create(config_file: Path, realm: str, use: KeyUse, algorithm: str) -> None:
    """Make a realm's next key, which is published and does not sign until `key rotate`.

    The first key of a realm and a use signs at once. Messages that are encrypted for a next message key are opened.
    """
    with opened(config_file) as deployment:
        require_realm(deployment, realm)
        waiting = key_in_state(deployment, realm, use, KeyState.NEXT)
        if waiting is not None:
            raise Refusal(
                f"Realm {realm} has a next {use.value} key already: {waiting.id}. Use it with "
                f"`{_command('rotate', use)}`, or discard it with `{_command('retire', use)} {waiting.id}`."
            )
        state = KeyState.ACTIVE if active_key(deployment, realm, use) is None else KeyState.NEXT
        try:
            made = add_key(deployment, realm, use, algorithm=algorithm, state=state)
        except ValueError as error:
            raise click.BadParameter(str(error), param_hint="--algorithm") from None
    if state is KeyState.ACTIVE:
        _tell_active(made)
    else:
        click.echo(
            f"The next {use.value} key of realm {realm} is {made.id} ({made.algorithm}). It does not sign yet: give "
            f"its certificate to the {_HOLDERS[use]} ({_command('list', use)} --pem), then run: "
            f"{_command('rotate', use)}"
        )


_HOLDERS = {
    KeyUse.TOKEN: "relying parties that do not read the federation metadata",
    KeyUse.MESSAGE: "clients",
}


def _tell_active(key: SigningKeyRecord) -> None:
    what = "signs" if key.use is KeyUse.TOKEN else "signs answers and opens messages"
    click.echo(f"Realm {key.realm} {what} with {key.id} ({key.algorithm}) now.")


@key.command(
    epilog="""\b
Example:
  wstrust-sts key create                  # some days before
  wstrust-sts key rotate
  wstrust-sts key list                    # shows until when the old key is needed
"""
)
@use_option
@realm_option
@config_option
def rotate(config_file: Path, realm: str, use: KeyUse) -> None:
    """Sign with the next key from now on. The active key becomes retiring: its tokens are valid until they expire,
    messages that are encrypted for it are opened until it is retired.

    Without a next key one is made, of the active key's algorithm; relying parties that do not have its certificate
    refuse its tokens, clients that do not have it refuse the answers that it signs.
    """
    with opened(config_file) as deployment:
        require_realm(deployment, realm)
        before = active_key(deployment, realm, use)
        promoted = key_in_state(deployment, realm, use, KeyState.NEXT)
        if promoted is None:
            algorithm = DEFAULT_ALGORITHM if before is None else before.algorithm
            promoted = add_key(deployment, realm, use, algorithm=algorithm, state=KeyState.NEXT)
            click.echo(
                f"WARNING {promoted.id} was made just now: {_STRANGERS[use]} has its certificate yet, and those that "
                f"do not take it ({_command('list', use)} --pem) refuse the {_SIGNED[use]} that it signs.",
                err=True,
            )
        _promote(deployment, promoted)
        until = None if before is None else needed_until(deployment, before)
    _tell_active(promoted)
    if before is not None:
        need = _tell_need(until) if use is KeyUse.TOKEN else _UNTIL_CLIENTS_FOLLOW
        click.echo(f"{before.id} is retiring. {need} Then run: {_command('retire', use)} {before.id}")


_STRANGERS = {KeyUse.TOKEN: "no relying party", KeyUse.MESSAGE: "no client"}
_SIGNED = {KeyUse.TOKEN: "tokens", KeyUse.MESSAGE: "answers"}
_UNTIL_CLIENTS_FOLLOW = "Messages for it are opened. Keep it until every client has the new certificate."


def _promote(deployment: Deployment, key: SigningKeyRecord) -> None:
    """Raises RequestFailed for a key that cannot sign, and Refusal where another command was faster."""
    from wstrust_sts.keys import demand_usable

    demand_usable(key, box=deployment.box)
    if not deployment.stores.administration.promote_key(key.realm, key.id):
        raise Refusal(f"Key {key.id} is not the next key any more; look with: {_command('list', key.use)}")


@key.command(
    epilog="""\b
Example:
  wstrust-sts key retire 0f2c5a7e9b1d3f5a7c9e0b2d4f6a8c0e
When a private key has leaked: sign with another one, and end the old one at once.
  wstrust-sts key rotate
  wstrust-sts key retire --force 0f2c5a7e9b1d3f5a7c9e0b2d4f6a8c0e
A message key, when every client encrypts for the new one:
  wstrust-sts key retire --use message 3b1f0c9d8e7a6b5c4d3e2f1a0b9c8d7e
"""
)
@click.argument("key_id", metavar="KEY-ID")
@click.option("--force", is_flag=True, help="Even if tokens in force were signed by it: they are invalid at once.")
@use_option
@realm_option
@config_option
def retire(config_file: Path, realm: str, key_id: str, use: KeyUse, force: bool) -> None:
    """End a key: nothing that it signed is valid any more, no message for it is opened. There is no way back.

    A retiring key is refused while tokens in force were signed by it, unless --force is given. A next key is discarded.
    Relying parties keep trusting a certificate until they remove it: tell them. Clients that still encrypt for a
    retired message key are refused.
    """
    with opened(config_file) as deployment:
        require_realm(deployment, realm)
        stored = next((row for row in keys_of(deployment, realm, use) if row.id == key_id), None)
        if stored is None:
            raise Refusal(
                f"Realm {realm} has no {use.value} key {in_one_line(key_id)}, or it is retired already; "
                f"look with: {_command('list', use)}"
            )
        if stored.state is KeyState.ACTIVE:
            raise Refusal(f"Realm {realm} signs with {key_id}; let another one sign first: {_command('rotate', use)}")
        until = needed_until(deployment, stored)
        if until is not None and not force:
            raise Refusal(f"{key_id} cannot retire yet. {_tell_need(until)} To make them invalid at once: --force")
        if not deployment.stores.administration.set_key_state(realm, key_id, KeyState.RETIRED, expected=stored.state):
            raise Refusal(f"Key {key_id} is not {stored.state.value} any more; look with: {_command('list', use)}")
    if use is KeyUse.MESSAGE:
        click.echo(f"{key_id} is retired. Messages that are encrypted for it are refused now.")
    else:
        click.echo(f"{key_id} is retired. Relying parties that have its certificate should remove it.")
    if until is not None:
        click.echo("Tokens in force that it signed are invalid now.")


def _tell_need(until: datetime | None) -> str:
    if until is None:
        return "No token in force was signed by it."
    return f"Tokens in force were signed by it; the last expires at {in_one_line(until)}."


def describe_key(record: SigningKeyRecord, needed_until: datetime | None = None) -> dict[str, Any]:
    """A key as commands show it; the private one is not in it."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.serialization import Encoding

    certificate = x509.load_der_x509_certificate(record.certificate)
    return {
        "id": record.id,
        "realm": record.realm,
        "use": record.use.value,
        "state": record.state.value,
        "algorithm": record.algorithm,
        "created_at": record.created_at,
        "not_after": certificate.not_valid_after_utc,
        "needed_until": needed_until,
        "subject": certificate.subject.rfc4514_string(),
        "sha256": certificate.fingerprint(hashes.SHA256()).hex(),
        "pem": certificate.public_bytes(Encoding.PEM).decode("ascii"),
    }
