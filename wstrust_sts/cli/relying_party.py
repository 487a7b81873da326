"""`wstrust-sts relying-party`."""

import json
from pathlib import Path
from typing import Any

import click

from wstrust_sts.cli.opening import (
    config_option,
    find_relying_party,
    listing_options,
    named_options,
    not_found,
    opened,
    realm_option,
    remove_named,
    require_realm,
)
from wstrust_sts.cli.output import Refusal, print_json, print_table, show_one
from wstrust_sts.cli.relying_party_snippet import snippet
from wstrust_sts.cli.relying_party_template import merged, row_of_template, set_option, template_option, templates
from wstrust_sts.cli.rows import read_row
from wstrust_sts.declared_relying_parties import (
    RelyingPartyTable,
    relying_party_card,
    relying_party_table,
    write_relying_party,
)
from wstrust_sts.endpoint_section import KEY_TYPES
from wstrust_sts.relying_parties import RelyingParty

_OPTIONS = {
    "name": "NAME",
    "applies_to": "--applies-to or --prefix",
    "token_types": "--token-type",
    "default_token_type": "--default-token-type",
    "key_types": "--key-type",
    "default_key_type": "--default-key-type",
    "encryption.file": "--encryption-certificate",
    "encryption.file or encryption.pem": "--encryption-certificate",
    "encryption.tokens": "--encrypt-tokens",
    "file or pem": "--encryption-certificate",
    "audiences": "--audience",
    "recipient": "--recipient",
    "lifetime.default": "--lifetime",
    "lifetime.maximum": "--maximum-lifetime",
    "name_identifier.format": "--name-format",
    "name_identifier.claim": "--name-claim",
}
"""Keys of a relying party in the declared state, and what fixes say of them, as options."""


@click.group(
    "relying-party",
    epilog="""\b
Example:
  wstrust-sts relying-party templates
  wstrust-sts relying-party add orders --prefix https://orders.example.com/
  wstrust-sts relying-party snippet orders --for wcf
""",
)
def relying_party() -> None:
    """Relying parties: services that tokens are issued for. Nothing is issued for an address that none of them has."""


relying_party.add_command(templates)
relying_party.add_command(snippet)

_key_type_option = click.option(
    "--key-type",
    "key_types",
    multiple=True,
    type=click.Choice(list(KEY_TYPES)),
    help="A key that its tokens may be bound to, or none; repeat for more. [default: bearer]",
)
_NO_DEFAULT = "none"
_default_key_type_option = click.option(
    "--default-key-type",
    type=click.Choice([*KEY_TYPES, _NO_DEFAULT]),
    help="What it gets when a request names none. [default: none, which is the endpoint's]",
)
_encryption_certificate_option = click.option(
    "--encryption-certificate",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Its certificate, PEM or DER: keys and tokens are encrypted for it.",
)
_encrypt_tokens_option = click.option(
    "--encrypt-tokens/--no-encrypt-tokens", default=None, help="Whether its tokens go out encrypted."
)


@relying_party.command(
    epilog="""\b
Example:
  wstrust-sts relying-party add orders --prefix https://orders.example.com/ --group-claim role \\
      --release http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress
  wstrust-sts relying-party add orders --template wif --set address=https://orders.example.com/ --dry-run
Everything else that a relying party can have: `wstrust-sts apply`.
"""
)
@click.argument("name")
@template_option
@set_option
@click.option("--applies-to", "exact", multiple=True, metavar="ADDRESS", help="Exactly this address; repeat for more.")
@click.option("--prefix", "prefixes", multiple=True, metavar="ADDRESS", help="This address and all below it.")
@click.option("--token-type", "token_types", multiple=True, help="saml20, saml11 or sct. [default: the first two]")
@click.option("--default-token-type", help="What it gets when a request names none. [default: the endpoint's]")
@_key_type_option
@_default_key_type_option
@_encryption_certificate_option
@_encrypt_tokens_option
@click.option("--audience", "audiences", multiple=True, help="Audience of its tokens. [default: the address asked for]")
@click.option("--recipient", help="Recipient in SubjectConfirmationData (SAML 2.0).")
@click.option("--lifetime", metavar="DURATION", help="How long its tokens live, like 30m. [default: 1h]")
@click.option("--maximum-lifetime", metavar="DURATION", help="The longest that may be asked for. [default: 8h]")
@click.option(
    "--name-format", help="Name identifier: unspecified, emailAddress, persistent, X509SubjectName, UPN, URI."
)
@click.option("--name-claim", metavar="TYPE", help="The claim that names the subject. [default: the user name]")
@click.option("--release", multiple=True, metavar="TYPE", help="A claim of the account that it is told.")
@click.option("--group-claim", metavar="TYPE", help="The claim that states the account's groups.")
@click.option("--dry-run", is_flag=True, help="Print it in the form of the declared state, and add nothing.")
@realm_option
@config_option
def add(
    config_file: Path,
    name: str,
    realm: str,
    template: str | None,
    settings: tuple[str, ...],
    exact: tuple[str, ...],
    prefixes: tuple[str, ...],
    token_types: tuple[str, ...],
    default_token_type: str | None,
    key_types: tuple[str, ...],
    default_key_type: str | None,
    encryption_certificate: Path | None,
    encrypt_tokens: bool | None,
    audiences: tuple[str, ...],
    recipient: str | None,
    lifetime: str | None,
    maximum_lifetime: str | None,
    name_format: str | None,
    name_claim: str | None,
    release: tuple[str, ...],
    group_claim: str | None,
    dry_run: bool,
) -> None:
    """Add a relying party, from a template or from nothing."""
    row = row_of_template(template, settings)
    if not exact and not prefixes and not row:
        raise click.UsageError("A relying party has at least one address: --applies-to, --prefix or --template")
    claims: list[dict[str, Any]] = [{"release": type_} for type_ in release]
    if group_claim is not None:
        claims.append({"group": "*", "as": group_claim})
    given = {
        "realm": realm,
        "name": name,
        "applies_to": [*exact, *({"prefix": address} for address in prefixes)],
        "token_types": list(token_types) or None,
        "default_token_type": default_token_type,
        "key_types": list(key_types) or None,
        "default_key_type": None if default_key_type == _NO_DEFAULT else default_key_type,
        "encryption": _given(
            {"file": encryption_certificate and str(encryption_certificate.absolute()), "tokens": encrypt_tokens}
        ),
        "audiences": list(audiences) or None,
        "recipient": recipient,
        "lifetime": _given({"default": lifetime, "maximum": maximum_lifetime}),
        "name_identifier": _given({"format": name_format, "claim": name_claim}),
        "claim": claims,
    }
    party = read_row(RelyingPartyTable, merged(row, _given(given)), options=_OPTIONS).relying_party()
    _add(config_file, party, dry_run=dry_run)
    if not dry_run:
        page = "docs/templates.md" if template else f"wstrust-sts relying-party snippet {name} --for ..."
        click.echo(f"What to set on the other side: {page}", err=True)


def _add(config_file: Path, party: RelyingParty, *, dry_run: bool) -> None:
    """Stores it, or prints what would be stored. Raises Refusal: its name or an address is another's."""
    with opened(config_file) as deployment:
        require_realm(deployment, party.realm)
        if find_relying_party(deployment, party.realm, party.name) is not None:
            change = "to change it: wstrust-sts relying-party set, or apply"
            raise Refusal(f"There is a relying party {party.name!r} already; {change}")
        if dry_run:
            click.echo(write_relying_party(party), nl=False)
            return
        try:
            deployment.stores.administration.put_relying_party(party)
        except ValueError as error:
            raise Refusal(str(error)) from None
    click.echo(f"Relying party {party.name} is added.")


def _given(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if value is not None}


@relying_party.command(
    "set",
    epilog="""\b
Example:
  wstrust-sts relying-party set orders --encryption-certificate orders.pem --key-type bearer --key-type symmetric
  wstrust-sts relying-party set orders --encrypt-tokens
Everything else: `wstrust-sts apply`.
""",
)
@click.argument("name")
@_key_type_option
@_default_key_type_option
@_encryption_certificate_option
@_encrypt_tokens_option
@realm_option
@config_option
def set_(
    config_file: Path,
    name: str,
    realm: str,
    key_types: tuple[str, ...],
    default_key_type: str | None,
    encryption_certificate: Path | None,
    encrypt_tokens: bool | None,
) -> None:
    """Change what is encrypted for a relying party, and which keys its tokens may be bound to. The rest stays."""
    if not key_types and default_key_type is None and encryption_certificate is None and encrypt_tokens is None:
        raise click.UsageError(
            "Nothing to change: --key-type, --default-key-type, --encryption-certificate or --encrypt-tokens"
        )
    with opened(config_file) as deployment:
        require_realm(deployment, realm)
        stored = find_relying_party(deployment, realm, name)
        if stored is None:
            raise not_found("relying party", name, realm=realm, look="relying-party list")
        row = relying_party_table(stored)
        encryption = dict(row.pop("encryption", {}))
        if encryption_certificate is not None:
            encryption.pop("pem", None)
            encryption["file"] = str(encryption_certificate.absolute())
        if encrypt_tokens is not None:
            encryption["tokens"] = encrypt_tokens
        row |= {"encryption": encryption} | ({"key_types": list(key_types)} if key_types else {})
        if default_key_type is not None:
            row["default_key_type"] = None if default_key_type == _NO_DEFAULT else default_key_type
        changed = read_row(RelyingPartyTable, _given(row), options=_OPTIONS).relying_party()
        deployment.stores.administration.put_relying_party(changed)
    click.echo(f"Relying party {name} is changed.")


@relying_party.command("list", epilog="\b\nExample:\n  wstrust-sts relying-party list\n")
@listing_options
def list_(config_file: Path, realm: str, as_json: bool) -> None:
    """List a realm's relying parties."""
    with opened(config_file) as deployment:
        require_realm(deployment, realm)
        parties = sorted(deployment.stores.administration.relying_parties(realm), key=lambda row: row.name)
    if as_json:
        print_json([relying_party_table(party) for party in parties])
        return
    print_table(
        ["NAME", "ENABLED", "TOKENS", "ADDRESSES"],
        [[p.name, p.enabled, [t.value for t in p.token_types], _addresses(p)] for p in parties],
        nothing=f"Realm {realm} has no relying parties, and so issues nothing: wstrust-sts relying-party add NAME",
    )


def _addresses(party: RelyingParty) -> list[str]:
    return [f"{rule.address} and below" if rule.prefix else rule.address for rule in party.applies_to]


@relying_party.command(epilog="\b\nExample:\n  wstrust-sts relying-party show orders\n")
@click.argument("name")
@listing_options
def show(config_file: Path, name: str, realm: str, as_json: bool) -> None:
    """Show one relying party, in the words of the declared state."""
    with opened(config_file) as deployment:
        require_realm(deployment, realm)
        party = find_relying_party(deployment, realm, name)
    if party is None:
        raise not_found("relying party", name, realm=realm, look="relying-party list")
    card = relying_party_card(party)
    if not as_json:
        card["applies_to"] = _addresses(party)
        for section in {"lifetime", "name_identifier", "encryption"} & card.keys():
            card[section] = ", ".join(f"{key} {value}" for key, value in card[section].items())
        card["claim"] = [json.dumps(rule, ensure_ascii=False) for rule in card.get("claim", [])]
    show_one(card, as_json=as_json)


@relying_party.command(
    epilog="\b\nExample:\n  wstrust-sts relying-party remove orders\n", short_help="Remove a relying party, at once."
)
@named_options
def remove(config_file: Path, name: str, realm: str) -> None:
    """Remove a relying party: no more tokens for its addresses, at once and on every node."""
    remove_named(
        config_file,
        realm,
        name,
        what="relying party",
        look="relying-party list",
        delete=lambda administration, realm, name: administration.delete_relying_party(realm, name),
    )
