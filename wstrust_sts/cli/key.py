"""`wstrust-sts key`."""

from pathlib import Path
from typing import Any

import click

from wstrust_sts.cli.opening import config_option, opened, realm_option, require_realm
from wstrust_sts.cli.output import Refusal, json_option, print_json, print_table
from wstrust_sts.cli.signing_keys import DEFAULT_ALGORITHM, active_key, add_signing_key
from wstrust_sts.records import SigningKeyRecord


@click.group()
def key() -> None:
    """Signing keys. What relying parties need of them is the certificate: `key list --pem`."""


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
    """List a realm's signing keys: those that sign, will sign or did sign."""
    with opened(config_file) as deployment:
        require_realm(deployment, realm)
        keys = deployment.stores.signing_keys.list(realm)
    rows = [describe_key(row) for row in keys]
    if as_json:
        print_json(rows)
    elif pem:
        for row in rows:
            click.echo(f"# {row['state']} {row['algorithm']} {row['id']}\n{row['pem']}", nl=False)
    else:
        print_table(
            ["KEY", "STATE", "ALGORITHM", "NOT AFTER", "SHA-256 OF THE CERTIFICATE"],
            [[row["id"], row["state"], row["algorithm"], row["not_after"], row["sha256"]] for row in rows],
            nothing=f"Realm {realm} has no signing key: wstrust-sts key create",
        )


@key.command(
    epilog="""\b
Example:
  wstrust-sts key create --realm partners --algorithm ec-p256
"""
)
@click.option("--algorithm", default=DEFAULT_ALGORITHM, show_default=True, help="rsa-2048, rsa-3072 or ec-p256.")
@realm_option
@config_option
def create(config_file: Path, realm: str, algorithm: str) -> None:
    """Make the first signing key of a realm that has none."""
    with opened(config_file) as deployment:
        require_realm(deployment, realm)
        existing = active_key(deployment, realm)
        if existing is not None:
            raise Refusal(f"Realm {realm} signs with {existing.id} already.")
        try:
            made = add_signing_key(deployment, realm, algorithm=algorithm)
        except ValueError as error:
            raise click.BadParameter(str(error), param_hint="--algorithm") from None
    click.echo(f"Realm {realm} signs with {made.id} ({made.algorithm}) now.")


def describe_key(record: SigningKeyRecord) -> dict[str, Any]:
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
        "subject": certificate.subject.rfc4514_string(),
        "sha256": certificate.fingerprint(hashes.SHA256()).hex(),
        "pem": certificate.public_bytes(Encoding.PEM).decode("ascii"),
    }
