"""`wstrust-sts certificate`."""

from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import click
from cryptography import x509

from wstrust_sts.certificate_names import write_subject
from wstrust_sts.certificates import CertificateField, CertificateMapping, CertificateName, Revocation, TrustAnchor
from wstrust_sts.cli.certificate_check import check
from wstrust_sts.cli.opening import (
    Deployment,
    config_option,
    listing_options,
    named_options,
    not_found,
    opened,
    realm_option,
    require_realm,
)
from wstrust_sts.cli.option_groups import option_group
from wstrust_sts.cli.output import Refusal, in_one_line, print_json, print_table
from wstrust_sts.cli.rows import read_row
from wstrust_sts.declared_certificates import (
    RULES,
    CertificateTable,
    TrustAnchorTable,
    anchor_card,
    in_order,
    mapping_card,
)

_OPTIONS = {
    "name": "NAME",
    "file": "FILE",
    "subject": "--subject",
    "email": "--email",
    "dns": "--dns",
    "upn": "--upn",
    "uri": "--uri",
    "intermediates": "--intermediates",
    "issuers_at": "--issuers-at",
    "crls": "--crl",
    "responder": "--ocsp",
    "networks": "--allow-network",
}
"""Keys of mappings and trust anchors in the declared state as they are on the command line."""


@click.group(
    epilog="""\b
Example:
  wstrust-sts certificate map batch batch.pem
  wstrust-sts certificate trust staff-ca ca.pem
  wstrust-sts certificate check alice.pem
""",
)
def certificate() -> None:
    """X.509 certificates: whose they are, and which authorities are trusted to say so.

    \b
    A certificate is an account's when
      - this very certificate is mapped to it (map ACCOUNT FILE), or
      - a trusted authority issued it (trust), and one of its names is mapped to the account (map ACCOUNT --subject ...)
        or is the account's name (trust --account-from ...).
    Names in a certificate that no trusted authority issued prove nothing. A certificate of two accounts is refused.
    """


certificate.add_command(check)


@dataclass(frozen=True, slots=True, kw_only=True)
class Which:
    """Certificates, by what is in them; the field names are the options', and keys of the declared state."""

    file: str | None
    subject: str | None
    email: str | None
    dns: str | None
    upn: str | None
    uri: str | None
    anchor: str | None

    def given(self) -> dict[str, str]:
        return {name: value for name, value in asdict(self).items() if value is not None}

    def mapping(self, realm: str, account: str) -> CertificateMapping:
        """Raises UsageError: not exactly one thing is told; ConfigurationError: it is nothing to map."""
        given = self.given()
        if len(given.keys() - {"anchor"}) != 1:
            raise click.UsageError("Name exactly one of FILE, --subject, --email, --dns, --upn and --uri.")
        return read_row(CertificateTable, given, options=_OPTIONS).mapping(realm, account)


_which = option_group(
    "which",
    Which,
    [
        click.argument("file", required=False, metavar="[FILE]"),
        click.option("--subject", metavar="DN", help='The whole distinguished name: "CN=batch,O=Example,C=DE".'),
        click.option("--email", metavar="ADDRESS", help="A mailbox in subjectAltName."),
        click.option("--dns", metavar="NAME", help="A host name in subjectAltName."),
        click.option("--upn", metavar="NAME", help="A user principal name in subjectAltName (Active Directory)."),
        click.option("--uri", metavar="URI", help="A URI in subjectAltName (SPIFFE and the like)."),
        click.option("--anchor", metavar="NAME", help="With a name: only under this trust anchor. [default: any]"),
    ],
)
"""The argument and options that tell certificates."""


@certificate.command(
    "map",
    epilog="""\b
Example:
  wstrust-sts certificate map batch batch.pem
  wstrust-sts certificate map batch --subject "CN=batch,OU=Jobs,O=Example,C=DE" --anchor staff-ca
  wstrust-sts certificate map alice --upn alice@corp.example.com
openssl x509 -in FILE -noout -subject -nameopt rfc2253 shows a subject as it is to be written.
""",
)
@click.argument("account")
@_which
@realm_option
@config_option
def map_(config_file: Path, realm: str, account: str, which: Which) -> None:
    """Say that certificates are an account's: the one in FILE (PEM or DER), or all with a name under a trust anchor.

    Running servers follow at once.
    """
    mapping = which.mapping(realm, account)
    with opened(config_file) as deployment:
        require_realm(deployment, realm)
        if deployment.stores.accounts.find(realm, account) is None:
            raise not_found("account", account, realm=realm, look="user list; or add it: wstrust-sts user add")
        try:
            added = deployment.stores.administration.add_certificate_mapping(mapping)
        except ValueError as error:
            raise Refusal(str(error)) from None
        unvouched = mapping.certificate is None and not deployment.stores.administration.trust_anchors(realm)
    what = f"{mapping.name.field.value} {mapping.name.value}"
    click.echo(f"{what} is {account}." if added else f"{what} was {account} already.")
    if unvouched:
        click.echo("It counts once an authority is trusted: wstrust-sts certificate trust NAME FILE", err=True)


@certificate.command(
    epilog="""\b
Example:
  wstrust-sts certificate remove batch batch.pem
  wstrust-sts certificate remove batch --sha256 8C:1F:...
  wstrust-sts certificate remove alice --upn alice@corp.example.com
"""
)
@click.argument("account")
@_which
@click.option("--sha256", metavar="HEX", help="The fingerprint of an exact certificate, as list shows it.")
@realm_option
@config_option
def remove(config_file: Path, realm: str, account: str, which: Which, sha256: str | None) -> None:
    """Take certificates from an account, told as they were to map. They stop working at once."""
    if sha256 is None:
        mapping = which.mapping(realm, account)
    elif which.given():
        raise click.UsageError("--sha256 goes alone.")
    else:
        digits = sha256.replace(":", "").lower()
        name = CertificateName(CertificateField.SHA256, digits)
        mapping = CertificateMapping(realm=realm, account=account, name=name)
    with opened(config_file) as deployment:
        require_realm(deployment, realm)
        if not deployment.stores.administration.delete_certificate_mapping(mapping):
            raise Refusal(f"Account {account!r} has no such certificate; see wstrust-sts certificate list")
    click.echo(f"{mapping.name.field.value} {mapping.name.value} is not {account} any more.")


@certificate.command(
    epilog="""\b
Example:
  wstrust-sts certificate trust staff-ca ca.pem
  wstrust-sts certificate trust smartcards ad-ca.pem --account-from upn
  wstrust-sts certificate trust staff-ca ca.pem --intermediates issuing.pem --revocation hard \\
      --crl /var/lib/crl/staff.crl --ocsp http://ocsp.example.com/ --allow-network 10.1.0.0/16
"""
)
@click.argument("name")
@click.argument("file")
@click.option(
    "--account-from",
    type=click.Choice(sorted(RULES)),
    help="The field that is the account's name, for every certificate under it. [default: only mapped ones count]",
)
@click.option("--intermediates", metavar="FILE", help="PEM file of authorities between it and requestors.")
@click.option(
    "--issuers-at",
    metavar="URL",
    multiple=True,
    help="Beginning of URLs where intermediates may be fetched that certificates name. [default: none]",
)
@click.option(
    "--revocation",
    type=click.Choice([each.value for each in Revocation]),
    default=Revocation.OFF.value,
    show_default=True,
    help="hard: refuse what is revoked or cannot be looked up; soft: refuse what is revoked; off: look nothing up.",
)
@click.option(
    "--crl", "crls", metavar="FILE|URL", multiple=True, help="A revocation list, beside those that certificates name."
)
@click.option(
    "--ocsp", "responder", metavar="URL", help="The responder to ask in place of those that certificates name."
)
@click.option(
    "--allow-network",
    "networks",
    metavar="CIDR",
    multiple=True,
    help="A network that may be asked beside public addresses, like 10.1.0.0/16. May be repeated.",
)
@realm_option
@config_option
def trust(
    config_file: Path,
    realm: str,
    name: str,
    file: str,
    account_from: str | None,
    intermediates: str | None,
    issuers_at: tuple[str, ...],
    revocation: str,
    crls: tuple[str, ...],
    responder: str | None,
    networks: tuple[str, ...],
) -> None:
    """Trust an authority, by its certificate in FILE (PEM or DER), to be right about the names in those it issued.

    The name is yours to choose. Trusting again under the same name replaces the certificate and all settings. Between
    it and a requestor's certificate there may be intermediate authorities, which the message brings along or
    --intermediates has; each step is a signature, and what an authority may not issue does not count.
    """
    given = {"account_from": account_from, "intermediates": intermediates, "responder": responder}
    lists = {"issuers_at": list(issuers_at), "crls": list(crls), "networks": list(networks)}
    row: dict[str, Any] = {"realm": realm, "name": name, "file": file, "revocation": revocation} | lists
    row |= {key: value for key, value in given.items() if value is not None}
    anchor = read_row(TrustAnchorTable, row, options=_OPTIONS).anchor()
    with opened(config_file) as deployment:
        require_realm(deployment, realm)
        try:
            deployment.stores.administration.put_trust_anchor(anchor)
        except ValueError as error:
            raise Refusal(str(error)) from None
    click.echo(f"{name} is trusted: {in_one_line(_subject(anchor.certificate))}")
    if anchor.revocation is Revocation.OFF:
        click.echo("Revoked certificates under it are accepted: --revocation hard looks them up.", err=True)


@certificate.command(epilog="\b\nExample:\n  wstrust-sts certificate untrust staff-ca\n")
@named_options
def untrust(config_file: Path, realm: str, name: str) -> None:
    """Trust an authority no more. Mappings that named it with --anchor go with it."""
    with opened(config_file) as deployment:
        require_realm(deployment, realm)
        administration = deployment.stores.administration
        under = sum(mapping.anchor == name for mapping in administration.certificate_mappings(realm))
        if not administration.delete_trust_anchor(realm, name):
            raise not_found("trust anchor", name, realm=realm, look="certificate list")
    click.echo(f"{name} is not trusted any more; {under} mapping{'' if under == 1 else 's'} went with it.")


@certificate.command("list", epilog="\b\nExample:\n  wstrust-sts certificate list --json\n")
@listing_options
def list_(config_file: Path, realm: str, as_json: bool) -> None:
    """List a realm's trust anchors, and what is mapped to its accounts."""
    with opened(config_file) as deployment:
        anchors, mappings = _stored(deployment, realm)
    if as_json:
        print_json(
            {"trust_anchors": [_anchor_json(row) for row in anchors], "mappings": [_mapping_json(m) for m in mappings]}
        )
        return
    print_table(
        ["TRUST ANCHOR", "SUBJECT", "EXPIRES", "ACCOUNT FROM", "REVOCATION"],
        [
            [
                row.name,
                _subject(row.certificate),
                _expiry(row.certificate),
                row.account_from and row.account_from.value,
                row.revocation.value,
            ]
            for row in anchors
        ],
        nothing="No authority is trusted: wstrust-sts certificate trust NAME FILE",
    )
    click.echo()
    print_table(
        ["ACCOUNT", "BY", "VALUE", "ANCHOR", "EXPIRES"],
        [
            [
                row.account,
                row.name.field.value,
                row.name.value,
                row.anchor,
                None if row.certificate is None else _expiry(row.certificate),
            ]
            for row in mappings
        ],
        nothing="Nothing is mapped to an account: wstrust-sts certificate map ACCOUNT FILE",
    )


def _stored(deployment: Deployment, realm: str) -> tuple[list[TrustAnchor], list[CertificateMapping]]:
    require_realm(deployment, realm)
    administration = deployment.stores.administration
    mappings = in_order(administration.certificate_mappings(realm))
    return list(administration.trust_anchors(realm)), sorted(mappings, key=lambda row: row.account)


def _anchor_json(anchor: TrustAnchor) -> dict[str, Any]:
    facts = {"subject": _subject(anchor.certificate), "expires": _expiry(anchor.certificate)}
    return anchor_card(anchor) | facts


def _mapping_json(mapping: CertificateMapping) -> dict[str, Any]:
    card: dict[str, Any] = {"account": mapping.account} | mapping_card(mapping)
    return card if mapping.certificate is None else card | {"expires": _expiry(mapping.certificate)}


def _subject(der: bytes) -> str:
    return write_subject(x509.load_der_x509_certificate(der).subject)


def _expiry(der: bytes) -> datetime:
    return x509.load_der_x509_certificate(der).not_valid_after_utc
