"""`wstrust-sts relying-party`."""

import json
from pathlib import Path
from typing import Any

import click

from wstrust_sts.cli.opening import Deployment, config_option, opened, realm_option, require_realm
from wstrust_sts.cli.output import Refusal, json_option, print_json, print_table, show_one
from wstrust_sts.cli.rows import read_row
from wstrust_sts.declaration import RelyingPartyTable, relying_party_table
from wstrust_sts.model import RelyingParty


@click.group("relying-party")
def relying_party() -> None:
    """Relying parties: services that tokens are issued for. Nothing is issued for an address that none of them has."""


@relying_party.command(
    epilog="""\b
Example:
  wstrust-sts relying-party add orders --prefix https://orders.example.com/ --group-claim role \\
      --release http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress
Everything else that a relying party can have: `wstrust-sts apply`.
"""
)
@click.argument("name")
@click.option("--applies-to", "exact", multiple=True, metavar="ADDRESS", help="Exactly this address; repeat for more.")
@click.option("--prefix", "prefixes", multiple=True, metavar="ADDRESS", help="This address and all below it.")
@click.option("--token-type", "token_types", multiple=True, help="saml20 or saml11. [default: both]")
@click.option("--default-token-type", help="What it gets when a request names none. [default: the endpoint's]")
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
@realm_option
@config_option
def add(
    config_file: Path,
    name: str,
    realm: str,
    exact: tuple[str, ...],
    prefixes: tuple[str, ...],
    token_types: tuple[str, ...],
    default_token_type: str | None,
    audiences: tuple[str, ...],
    recipient: str | None,
    lifetime: str | None,
    maximum_lifetime: str | None,
    name_format: str | None,
    name_claim: str | None,
    release: tuple[str, ...],
    group_claim: str | None,
) -> None:
    """Add a relying party."""
    if not exact and not prefixes:
        raise click.UsageError("A relying party has at least one address: --applies-to or --prefix")
    claims: list[dict[str, Any]] = [{"release": type_} for type_ in release]
    if group_claim is not None:
        claims.append({"group": "*", "as": group_claim})
    row = {
        "realm": realm,
        "name": name,
        "applies_to": [*exact, *({"prefix": address} for address in prefixes)],
        "token_types": list(token_types) or None,
        "default_token_type": default_token_type,
        "audiences": list(audiences),
        "recipient": recipient,
        "lifetime": _given({"default": lifetime, "maximum": maximum_lifetime}),
        "name_identifier": _given({"format": name_format, "claim": name_claim}),
        "claim": claims,
    }
    party = read_row(RelyingPartyTable, _given(row)).relying_party()
    with opened(config_file) as deployment:
        require_realm(deployment, realm)
        if _find(deployment, realm, name) is not None:
            raise Refusal(f"There is a relying party {name!r} already.")
        try:
            deployment.stores.administration.put_relying_party(party)
        except ValueError as error:
            raise Refusal(str(error)) from None
    click.echo(f"Relying party {name} is added.")


def _given(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if value is not None}


@relying_party.command("list", epilog="\b\nExample:\n  wstrust-sts relying-party list\n")
@realm_option
@json_option
@config_option
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
@realm_option
@json_option
@config_option
def show(config_file: Path, name: str, realm: str, as_json: bool) -> None:
    """Show one relying party, in the words of the declared state."""
    with opened(config_file) as deployment:
        require_realm(deployment, realm)
        party = _find(deployment, realm, name)
    if party is None:
        raise Refusal(f"There is no relying party {name!r} in realm {realm!r}.")
    card = relying_party_table(party)
    if not as_json:
        card["applies_to"] = _addresses(party)
        for section in ("lifetime", "name_identifier"):
            card[section] = ", ".join(f"{key} {value}" for key, value in card[section].items())
        card["claim"] = [json.dumps(rule, ensure_ascii=False) for rule in card.get("claim", [])]
    show_one(card, as_json=as_json)


@relying_party.command(
    epilog="\b\nExample:\n  wstrust-sts relying-party remove orders\n", short_help="Remove a relying party, at once."
)
@click.argument("name")
@realm_option
@config_option
def remove(config_file: Path, name: str, realm: str) -> None:
    """Remove a relying party: no more tokens for its addresses, at once and on every node."""
    with opened(config_file) as deployment:
        if not deployment.stores.administration.delete_relying_party(realm, name):
            raise Refusal(f"There is no relying party {name!r} in realm {realm!r}.")
    click.echo(f"Relying party {name} is removed.")


def _find(deployment: Deployment, realm: str, name: str) -> RelyingParty | None:
    parties = deployment.stores.administration.relying_parties(realm)
    return next((party for party in parties if party.name == name), None)
