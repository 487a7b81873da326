"""`wstrust-sts relying-party snippet`."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import click

from wstrust_sts.addresses import candidates, parse_address
from wstrust_sts.cli.opening import (
    Deployment,
    config_option,
    find_relying_party,
    not_found,
    opened,
    realm_option,
    require_realm,
)
from wstrust_sts.cli.output import Refusal
from wstrust_sts.cli.snippets import LANGUAGES, Language, Values, write_snippet
from wstrust_sts.config import Config
from wstrust_sts.model import Endpoint, KeyType, TokenType, TrustVersion
from wstrust_sts.records import KeyUse, SigningKeyRecord
from wstrust_sts.relying_parties import RelyingParty

_POLICY = "usernamemixed"


@click.command(
    short_help="Print configuration for its service or client.",
    epilog="""\b
Example:
  wstrust-sts relying-party snippet orders --for wcf > Web.config
  wstrust-sts relying-party snippet orders --for python > sts_tokens.py
  wstrust-sts relying-party snippet orders --for zeep --address https://orders.example.com/api/ > get_token.py
""",
)
@click.argument("name")
@click.option(
    "--for",
    "target",
    required=True,
    type=click.Choice(list(LANGUAGES)),
    help=" ".join(f"{name}: {language.summary}." for name, language in LANGUAGES.items()),
)
@click.option("--endpoint", "path", metavar="PATH", help="The STS's endpoint. [default: one for passwords over TLS]")
@click.option("--address", metavar="ADDRESS", help="The service's own address. [default: the relying party's first]")
@realm_option
@config_option
def snippet(config_file: Path, name: str, target: str, path: str | None, address: str | None, realm: str) -> None:
    """Print configuration for a relying party's service or client: with this STS's addresses, issuer and certificates.

    It goes to standard output; what is to be done beside it, to standard error. After a change of the signing key the
    service needs it anew.
    """
    language = LANGUAGES[target]
    with opened(config_file) as deployment:
        require_realm(deployment, realm)
        party = find_relying_party(deployment, realm, name)
        if party is None:
            raise not_found("relying party", name, realm=realm, look="relying-party list")
        endpoint = _endpoint(deployment.config, realm, path)
        issuer = next(row.issuer for row in deployment.stores.administration.realms() if row.name == realm)
        keys = _token_keys(deployment, realm)
    certificates = [key.certificate for key in keys]
    values = _values(party, endpoint, public_url=deployment.config.server.public_url, address=address)
    values = {**values, "issuer": issuer, "thumbprint": tuple(map(_thumbprint, certificates))}
    try:
        text = write_snippet(language, values, tuple(map(_pem, certificates)))
    except ValueError as error:
        raise Refusal(f"A name or an address cannot be written for {target}: {error}.") from None
    click.echo(text, nl=False)
    for note in [*language.notes, *_warnings(party, language, keys)]:
        click.echo(note, err=True)


def _endpoint(config: Config, realm: str, path: str | None) -> Endpoint:
    """The one of that path, or the first for the realm, of WS-Trust 1.3 if there is one."""
    usable = [row for row in config.endpoints if row.realm == realm and row.policy == _POLICY]
    if path is not None:
        usable = [row for row in usable if row.path == path]
    if not usable:
        which = f"the path {path}" if path else "this realm"
        raise Refusal(f'No endpoint of {which} has the policy "{_POLICY}", which is what snippets speak.')
    return min(usable, key=lambda row: row.version is not TrustVersion.V13)


def _values(party: RelyingParty, endpoint: Endpoint, *, public_url: str, address: str | None) -> Values:
    from wstrust_sts import ns

    service = party.applies_to[0].address if address is None else _own(address, party)
    exact = [rule.address for rule in party.applies_to if not rule.prefix]
    token_type = party.default_token_type or (
        endpoint.default_token_type if endpoint.default_token_type in party.token_types else party.token_types[0]
    )
    return {
        "sts": public_url + endpoint.path,
        "trust": endpoint.version.namespace,
        "target_namespace": endpoint.version.namespace + ("/" if endpoint.version is TrustVersion.V13 else ""),
        "bearer": ns.NO_PROOF_KEY if endpoint.version is TrustVersion.V2005 else f"{ns.WST13}/Bearer",
        "token_type": ns.TP11_SAML20 if token_type is TokenType.SAML20 else ns.TP11_SAML11,
        "address": service,
        "audience": party.audiences or tuple(dict.fromkeys([service, *exact])),
        "recipient": party.recipient if token_type is TokenType.SAML20 else None,
    }


def _own(unverified_address: str, party: RelyingParty) -> str:
    """The address, if it is one of the relying party's, in canonical form. Raises Refusal."""
    try:
        address = parse_address(unverified_address)
    except ValueError as error:
        raise Refusal(f"{unverified_address!r} cannot be an address: {error}") from None
    covered = {(rule.address, rule.prefix) for rule in party.applies_to}
    for candidate in candidates(address):
        if (address.origin + candidate.path, candidate.prefix) in covered:
            return address.text
    raise Refusal(f"{address.text} is not an address of relying party {party.name!r}: it would get no token.")


def _token_keys(deployment: Deployment, realm: str) -> Sequence[SigningKeyRecord]:
    """Those whose tokens are or will be in force. Raises Refusal."""
    from wstrust_sts.cli.signing_keys import keys_of

    found = keys_of(deployment, realm, KeyUse.TOKEN)
    if not found:
        raise Refusal(f"Realm {realm!r} has no key that signs tokens: wstrust-sts key create")
    return found


def _thumbprint(certificate: bytes) -> str:
    return hashlib.sha1(certificate, usedforsecurity=False).hexdigest().upper()


def _pem(certificate: bytes) -> str:
    from wstrust_sts.declared_certificates import pem_of

    return pem_of(certificate)


def _warnings(party: RelyingParty, language: Language, keys: Sequence[SigningKeyRecord]) -> list[str]:
    """What the snippet cannot do for this relying party."""
    warnings = []
    if party.encryption.tokens:
        warnings.append("Note: its tokens are encrypted, and the snippet does not decrypt them.")
    if KeyType.BEARER not in party.key_types:
        warnings.append("Note: it takes no bearer tokens, and the snippet has nothing else.")
    if not language.ecdsa and any(key.algorithm.startswith("ec-") for key in keys):
        warnings.append("Note: a key of the realm signs with ECDSA, which the library of the snippet does not verify.")
    return warnings
