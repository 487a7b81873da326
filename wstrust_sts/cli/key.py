"""`wstrust-sts key`: the life of a signing key, from next over active and retiring to retired."""

from datetime import datetime
from pathlib import Path
from typing import Any

import click

from wstrust_sts.cli.opening import Deployment, config_option, opened, realm_option, require_realm
from wstrust_sts.cli.output import Refusal, in_one_line, json_option, print_json, print_table
from wstrust_sts.cli.signing_keys import DEFAULT_ALGORITHM, active_key, add_signing_key, key_in_state, needed_until
from wstrust_sts.records import KeyState, SigningKeyRecord


@click.group()
def key() -> None:
    """Signing keys. What relying parties need of them is the certificate: `key list --pem`.

    A key is made as "next" and published before it signs; `rotate` makes it "active" and the one before it
    "retiring"; tokens of a retiring key stay valid until they expire; `retire` ends a key. Running servers follow at
    once.
    """


@key.command(
    "list",
    epilog="""\b
Example:
  wstrust-sts key list
  wstrust-sts key list --pem > signing-certificates.pem
""",
    short_help="List a realm's signing keys and certificates.",
)
@click.option("--pem", is_flag=True, help="Print the certificates, for relying parties.")
@realm_option
@json_option
@config_option
def list_(config_file: Path, realm: str, pem: bool, as_json: bool) -> None:
    """List a realm's signing keys: those that sign, will sign or did sign. Retired ones are not listed.

    NEEDED UNTIL is when the last token in force that a retiring key signed expires; "-" once there is none.
    """
    with opened(config_file) as deployment:
        require_realm(deployment, realm)
        rows = [
            describe_key(row, needed_until(deployment, row) if row.state is KeyState.RETIRING else None)
            for row in deployment.stores.signing_keys.list(realm)
        ]
    if as_json:
        print_json(rows)
    elif pem:
        for row in rows:
            click.echo(f"# {row['state']} {row['algorithm']} {row['id']}\n{row['pem']}", nl=False)
    else:
        print_table(
            ["KEY", "STATE", "ALGORITHM", "NOT AFTER", "NEEDED UNTIL", "SHA-256 OF THE CERTIFICATE"],
            [
                [row[name] for name in ("id", "state", "algorithm", "not_after", "needed_until", "sha256")]
                for row in rows
            ],
            nothing=f"Realm {realm} has no signing key: wstrust-sts key create",
        )


@key.command(
    epilog="""\b
Example:
  wstrust-sts key create
  wstrust-sts key list --pem > signing-certificates.pem
Give the certificates to the relying parties; when all of them have the new one:
  wstrust-sts key rotate
"""
)
@click.option("--algorithm", default=DEFAULT_ALGORITHM, show_default=True, help="rsa-2048, rsa-3072 or ec-p256.")
@realm_option
@config_option
def create(config_file: Path, realm: str, algorithm: str) -> None:
    """Make a realm's next key, which is published and does not sign until `key rotate`.

    The first key of a realm that has none signs at once.
    """
    with opened(config_file) as deployment:
        require_realm(deployment, realm)
        waiting = key_in_state(deployment, realm, KeyState.NEXT)
        if waiting is not None:
            raise Refusal(
                f"Realm {realm} has a next key already: {waiting.id}. Use it with `wstrust-sts key rotate`, "
                f"or discard it with `wstrust-sts key retire {waiting.id}`."
            )
        state = KeyState.ACTIVE if active_key(deployment, realm) is None else KeyState.NEXT
        try:
            made = add_signing_key(deployment, realm, algorithm=algorithm, state=state)
        except ValueError as error:
            raise click.BadParameter(str(error), param_hint="--algorithm") from None
    if state is KeyState.ACTIVE:
        click.echo(f"Realm {realm} signs with {made.id} ({made.algorithm}) now.")
    else:
        click.echo(
            f"The next key of realm {realm} is {made.id} ({made.algorithm}). It does not sign yet: give its "
            "certificate to the relying parties (wstrust-sts key list --pem), then run: wstrust-sts key rotate"
        )


@key.command(
    epilog="""\b
Example:
  wstrust-sts key create                  # some days before
  wstrust-sts key rotate
  wstrust-sts key list                    # shows until when the old key is needed
"""
)
@realm_option
@config_option
def rotate(config_file: Path, realm: str) -> None:
    """Sign with the next key from now on. The active key becomes retiring: its tokens are valid until they expire.

    Without a next key one is made, of the active key's algorithm; relying parties that do not have its certificate
    refuse its tokens.
    """
    with opened(config_file) as deployment:
        require_realm(deployment, realm)
        before = active_key(deployment, realm)
        promoted = key_in_state(deployment, realm, KeyState.NEXT)
        if promoted is None:
            algorithm = DEFAULT_ALGORITHM if before is None else before.algorithm
            promoted = add_signing_key(deployment, realm, algorithm=algorithm, state=KeyState.NEXT)
            click.echo(
                f"WARNING {promoted.id} was made just now: no relying party has its certificate yet, and those that "
                "do not take it (wstrust-sts key list --pem) refuse the tokens that it signs.",
                err=True,
            )
        _promote(deployment, promoted)
        until = None if before is None else needed_until(deployment, before)
    click.echo(f"Realm {realm} signs with {promoted.id} ({promoted.algorithm}) now.")
    if before is not None:
        click.echo(f"{before.id} is retiring. {_tell_need(until)} Then run: wstrust-sts key retire {before.id}")


def _promote(deployment: Deployment, key: SigningKeyRecord) -> None:
    """Raises RequestFailed for a key that cannot sign, and Refusal where another command was faster."""
    from wstrust_sts.keys import unwrap

    unwrap(key, box=deployment.box)
    if not deployment.stores.administration.promote_key(key.realm, key.id):
        raise Refusal(f"Key {key.id} is not the next key any more; look with: wstrust-sts key list")


@key.command(
    epilog="""\b
Example:
  wstrust-sts key retire 0f2c5a7e9b1d3f5a7c9e0b2d4f6a8c0e
When a private key has leaked: sign with another one, and end the old one at once.
  wstrust-sts key rotate
  wstrust-sts key retire --force 0f2c5a7e9b1d3f5a7c9e0b2d4f6a8c0e
"""
)
@click.argument("key_id", metavar="KEY-ID")
@click.option("--force", is_flag=True, help="Even if tokens in force were signed by it: they are invalid at once.")
@realm_option
@config_option
def retire(config_file: Path, realm: str, key_id: str, force: bool) -> None:
    """End a key: nothing that it signed is valid any more. There is no way back.

    A retiring key is refused while tokens in force were signed by it, unless --force is given. A next key is discarded.
    Relying parties keep trusting a certificate until they remove it: tell them.
    """
    with opened(config_file) as deployment:
        require_realm(deployment, realm)
        stored = next((row for row in deployment.stores.signing_keys.list(realm) if row.id == key_id), None)
        if stored is None:
            raise Refusal(
                f"Realm {realm} has no key {in_one_line(key_id)}, or it is retired already; "
                "look with: wstrust-sts key list"
            )
        if stored.state is KeyState.ACTIVE:
            raise Refusal(f"Realm {realm} signs with {key_id}; let another one sign first: wstrust-sts key rotate")
        until = needed_until(deployment, stored)
        if until is not None and not force:
            raise Refusal(f"{key_id} cannot retire yet. {_tell_need(until)} To make them invalid at once: --force")
        if not deployment.stores.administration.set_key_state(realm, key_id, KeyState.RETIRED, expected=stored.state):
            raise Refusal(f"Key {key_id} is not {stored.state.value} any more; look with: wstrust-sts key list")
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
        "state": record.state.value,
        "algorithm": record.algorithm,
        "created_at": record.created_at,
        "not_after": certificate.not_valid_after_utc,
        "needed_until": needed_until,
        "subject": certificate.subject.rfc4514_string(),
        "sha256": certificate.fingerprint(hashes.SHA256()).hex(),
        "pem": certificate.public_bytes(Encoding.PEM).decode("ascii"),
    }
