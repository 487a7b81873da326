"""`wstrust-sts check`: everything that is wrong with a deployment, at once, each with its fix."""

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click

from wstrust_sts.cli.opening import config_option, now
from wstrust_sts.cli.output import json_option, print_json, print_table
from wstrust_sts.config import Config, ConfigurationError, load_config, read_key_encryption_key
from wstrust_sts.model import Realm, RelyingParty
from wstrust_sts.ports import SecretBox
from wstrust_sts.records import KeyState
from wstrust_sts.strict_toml import Problem

if TYPE_CHECKING:
    from cryptography import x509

    from wstrust_sts.storage.stores import Stores

_SOON = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong; a warning is not yet a fault."""

    problem: Problem
    warning: bool = False


def _fault(where: object, what: str, fix: str) -> Finding:
    return Finding(Problem(str(where), what, fix))


def _warning(where: object, what: str, fix: str) -> Finding:
    return Finding(Problem(str(where), what, fix), warning=True)


@click.command(
    epilog="""\b
Example:
  wstrust-sts check --config /etc/wstrust-sts/sts.toml
Exit status: 0 nothing is wrong (there may be warnings), 1 something is.
"""
)
@json_option
@config_option
@click.pass_context
def check(context: click.Context, config_file: Path, as_json: bool) -> None:
    """Check configuration, files, certificates, database, keys, endpoints and relying parties.

    Nothing is changed, and everything that is wrong is told in one run.
    """
    from wstrust_sts.cli.serve import known_names

    config: Config | None = None
    try:
        config = load_config(config_file, known=known_names())
    except ConfigurationError as error:
        findings = [Finding(problem) for problem in error.problems]
    else:
        findings = list(find_everything(config, now()))
    faults = [finding.problem for finding in findings if not finding.warning]
    warnings = [finding.problem for finding in findings if finding.warning]
    if as_json:
        print_json({"faults": [_json_of(p) for p in faults], "warnings": [_json_of(p) for p in warnings]})
    else:
        _tell(config, faults, warnings)
    context.exit(1 if faults else 0)


def _json_of(problem: Problem) -> dict[str, str]:
    return {"where": problem.where, "what": problem.what, "fix": problem.fix}


def _tell(config: Config | None, faults: Sequence[Problem], warnings: Sequence[Problem]) -> None:
    for title, problems in (("FAULT", faults), ("WARNING", warnings)):
        for problem in problems:
            click.echo(f"{title} {problem}")
    if config is not None:
        print_table(
            ["ENDPOINT", "WS-TRUST", "POLICY", "REALM", "LAYOUT", "TOLERANCES"],
            [
                [
                    config.server.public_url + e.path,
                    _TRUST[e.version.name],
                    e.policy,
                    e.realm,
                    e.layout,
                    sorted(e.tolerances),
                ]
                for e in config.endpoints
            ],
            nothing="no endpoints",
        )
    click.echo(f"{len(faults)} faults, {len(warnings)} warnings")


_TRUST = {"V13": "1.3", "V2005": "2005/02"}


def find_everything(config: Config, at: datetime) -> Iterator[Finding]:
    """Every finding. One part that cannot be looked at does not hide the others."""
    yield from _libraries()
    yield from _tls(config, at)
    yield from _plugins(config)
    box = yield from _key_encryption_key(config)
    yield from _database(config, box, at)


def _libraries() -> Iterator[Finding]:
    from wstrust_sts.wire.native import check_native_libraries

    try:
        check_native_libraries()
    except RuntimeError as error:
        yield _fault("Python environment", str(error), "install both from wheels, as it says")


# -- TLS ---------------------------------------------------------------------------------------------------------------


def _tls(config: Config, at: datetime) -> Iterator[Finding]:
    from cryptography import x509

    certificate_file, key_file = config.server.certificate, config.server.private_key
    if certificate_file is None or key_file is None:
        return
    yield from _private(key_file)
    chain: list[x509.Certificate] = []
    try:
        chain = x509.load_pem_x509_certificates(certificate_file.read_bytes())
    except (OSError, ValueError) as error:
        yield _fault(
            certificate_file, f"is not a readable PEM certificate ({_reason(error)})", "put the certificate there"
        )
    key = yield from _private_key(key_file)
    if not chain:
        return
    leaf = chain[0]
    if key is not None and key != leaf.public_key():
        yield _fault(key_file, f"is not the key of {certificate_file}", "put certificate and key of one pair there")
    yield from _validity(certificate_file, leaf, at, fix="renew it; SIGHUP makes a running server read it")
    host = urlsplit(config.server.public_url).hostname or ""
    if not _names(leaf, host):
        yield _fault(
            certificate_file,
            f"is not for {host}, the host of server.public_url",
            "get one that is, or change public_url",
        )
    if "DEVELOPMENT" in leaf.subject.rfc4514_string():
        yield _warning(certificate_file, "is of a development authority", "replace it in production")


def _private(path: Path) -> Iterator[Finding]:
    """A file that nobody but its owner should read."""
    try:
        mode = path.stat().st_mode & 0o777
    except OSError:
        return  # told where the file is read
    if mode & 0o077:
        yield _fault(path, f"can be read by others (mode {mode:04o})", f"chmod 600 {path}")


def _private_key(path: Path) -> Generator[Finding, None, object]:
    """Finds what is wrong with a key file; returns its public key, None when there is none to be had."""
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        return load_pem_private_key(path.read_bytes(), password=None).public_key()
    except (OSError, ValueError, TypeError) as error:
        yield _fault(path, f"is not a readable PEM key without a password ({_reason(error)})", "put the key there")
        return None


def _reason(error: Exception) -> str:
    return error.strerror or type(error).__name__ if isinstance(error, OSError) else "wrong format"


def _validity(where: object, certificate: "x509.Certificate", at: datetime, *, fix: str) -> Iterator[Finding]:
    begins, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if at < begins:
        yield _fault(where, f"is not valid before {begins:%Y-%m-%d %H:%M}", "check this machine's clock")
    if at >= ends:
        yield _fault(where, f"expired on {ends:%Y-%m-%d}", fix)
    elif at >= ends - _SOON:
        yield _warning(where, f"expires on {ends:%Y-%m-%d}", fix)


def _names(certificate: "x509.Certificate", host: str) -> bool:
    """Whether a TLS client that connects to `host` accepts the certificate's names (RFC 6125 section 6.4)."""
    import ipaddress

    from cryptography import x509

    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return False
    try:
        return ipaddress.ip_address(host) in names.get_values_for_type(x509.IPAddress)
    except ValueError:
        pass
    host = host.lower()
    wildcard = "*." + host.partition(".")[2]
    return any(name.lower() in (host, wildcard) for name in names.get_values_for_type(x509.DNSName))


# -- plug-ins, keys, database -----------------------------------------------------------------------------------------


def _plugins(config: Config) -> Iterator[Finding]:
    from importlib.metadata import entry_points

    from wstrust_sts import registry

    tables = (
        (registry.AUTHENTICATORS, config.plugins.authenticators),
        (registry.TOKEN_PROVIDERS, config.plugins.token_providers),
        (registry.CLAIM_SOURCES, config.plugins.claim_sources),
    )
    for table, names in tables:
        for name in names:
            if name not in table.builders and len(entry_points(group=f"wstrust_sts.{table.kind}", name=name)) != 1:
                yield _fault(
                    f"{config.file}: plugins.{table.kind}",
                    f'"{name}" is offered by no installed package, or by several',
                    f"install its package, or use one of: {', '.join(sorted(table.builders))}",
                )


def _key_encryption_key(config: Config) -> Generator[Finding, None, SecretBox | None]:
    """Finds what is wrong with the key-encryption key; returns its box, None when there is none to be had."""
    from wstrust_sts.keys import AesGcmSecretBox

    if config.secrets.key_encryption_key_file is not None:
        yield from _private(config.secrets.key_encryption_key_file)
    try:
        return AesGcmSecretBox(read_key_encryption_key(config))
    except ConfigurationError as error:
        for problem in error.problems:
            yield Finding(problem)
        return None


def _database(config: Config, box: SecretBox | None, at: datetime) -> Iterator[Finding]:
    from wstrust_sts.errors import StsError
    from wstrust_sts.keys import AesGcmSecretBox
    from wstrust_sts.storage.database import open_database
    from wstrust_sts.storage.failures import UnusableDatabase
    from wstrust_sts.storage.stores import open_stores

    try:
        database = open_database(config.database.url, patience=3)
    except UnusableDatabase as error:
        yield _fault(f"{config.file}: database.url", str(error), "as it says")
        return
    try:
        stores = open_stores(database, box or AesGcmSecretBox(bytes(32)))
        try:
            yield from _stored(config, stores, box, at)
        except StsError as error:
            yield _fault(
                f"{config.file}: database.url", error.detail, "restore the database, or its key-encryption key"
            )
        finally:
            stores.close()
    finally:
        database.close()


def _stored(config: Config, stores: "Stores", box: SecretBox | None, at: datetime) -> Iterator[Finding]:
    if box is None:
        return  # realms hold a sealed secret; without the key nothing of them can be read
    realms = {realm.name: realm for realm in stores.administration.realms()}
    for section in config.endpoint_sections:
        where = f'{config.file}: endpoint["{section.path}"]'
        if section.realm not in realms:
            fix = f"use one of: {', '.join(sorted(realms)) or '(none)'}; or declare it: wstrust-sts apply"
            yield _fault(f"{where}.realm", f'there is no realm "{section.realm}"', fix)
        elif section.default_relying_party is not None and (
            stores.relying_parties.get(section.realm, section.default_relying_party) is None
        ):
            fix = "add it: wstrust-sts relying-party add"
            yield _fault(f"{where}.default_relying_party", f'"{section.default_relying_party}" does not exist', fix)
    for realm in realms.values():
        yield from _realm(config, realm, stores, box, at)


def _realm(config: Config, realm: Realm, stores: "Stores", box: SecretBox, at: datetime) -> Iterator[Finding]:
    where = f"realm {realm.name}"
    accounts = {account.name for account in stores.administration.accounts(realm.name)}
    parties = stores.administration.relying_parties(realm.name)
    yield from _signing_keys(where, realm.name, stores, box, at)
    for name in sorted(realm.administrators - accounts):
        yield _warning(where, f"its administrator {name} is no account", "add the account, or correct administrators")
    if not accounts:
        yield _warning(where, "it has no accounts: nobody can ask for a token", "wstrust-sts user add")
    if not any(party.enabled for party in parties):
        yield _warning(where, "it has no relying parties: nothing is issued", "wstrust-sts relying-party add")
    for party in parties:
        yield from _relying_party(config, party, accounts)


def _signing_keys(where: str, realm: str, stores: "Stores", box: SecretBox, at: datetime) -> Iterator[Finding]:
    from cryptography import x509

    from wstrust_sts.errors import RequestFailed
    from wstrust_sts.keys import unwrap

    keys = stores.signing_keys.list(realm)
    if not any(key.state is KeyState.ACTIVE for key in keys):
        yield _fault(where, "it has no active signing key", f"wstrust-sts key create --realm {realm}")
    for key in keys:
        try:
            unwrap(key, box=box)
        except RequestFailed as failure:
            yield _fault(where, failure.detail, "use the key-encryption key that the database was made with")
        certificate = x509.load_der_x509_certificate(key.certificate)
        if key.state in (KeyState.ACTIVE, KeyState.NEXT):
            yield from _validity(f"{where}, key {key.id}", certificate, at, fix="make a new signing key")


def _relying_party(config: Config, party: RelyingParty, accounts: set[str]) -> Iterator[Finding]:
    where = f"relying party {party.realm}/{party.name}"
    missing = [type_.value for type_ in party.token_types if type_.value not in config.plugins.token_providers]
    if missing:
        fix = "enable it in plugins.token_providers, or take it from token_types"
        yield _fault(where, f"it takes {', '.join(missing)}, which nothing that is enabled issues", fix)
    for name in sorted(party.validators - accounts):
        yield _warning(where, f"its validator {name} is no account", "add the account, or correct validators")
    if not party.enabled:
        yield _warning(
            where, "it is disabled: nothing is issued for its addresses", "enable it with apply, or remove it"
        )
