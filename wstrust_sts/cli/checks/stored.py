"""The database and what it holds: its schema, realms, keys and relying parties."""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime, timedelta

from cryptography import x509

from wstrust_sts.cli.checks.certificates import check_certificates, check_encryption_certificate, check_expiry
from wstrust_sts.cli.checks.clock import check_clock_of_keys
from wstrust_sts.cli.checks.delegation import check_delegation_rule
from wstrust_sts.cli.checks.findings import Finding, fault, warning
from wstrust_sts.cli.checks.revocation import check_revocation
from wstrust_sts.cli.checks.tls import check_validity
from wstrust_sts.config import Config
from wstrust_sts.endpoint_section import SIGNED_POLICIES
from wstrust_sts.errors import RequestFailed, StsError
from wstrust_sts.keyring import StoredKeyring
from wstrust_sts.keys import demand_usable
from wstrust_sts.model import Account, Realm
from wstrust_sts.ports import SecretBox
from wstrust_sts.readiness import Obstacle, find_obstacles
from wstrust_sts.records import KeyState, KeyUse, SigningKeyRecord
from wstrust_sts.relying_parties import RelyingParty
from wstrust_sts.storage.database import open_database
from wstrust_sts.storage.failures import UnusableDatabase
from wstrust_sts.storage.stores import Stores, open_stores

_SOON = timedelta(days=90)  # every relying party must learn of a new signing key first
_CLIENTS_FOLLOW = timedelta(days=30)  # docs/operations.md: how long a replaced message key is kept
_PATIENCE = 3  # seconds
_HOLDERS = {KeyUse.TOKEN: "relying parties", KeyUse.MESSAGE: "clients"}
_NOUNS = {KeyUse.TOKEN: "key", KeyUse.MESSAGE: "message key"}


def check_stored(config: Config, box: SecretBox | None, at: datetime) -> Iterator[Finding]:
    """Without the key-encryption key (`box` None) only the database itself can be looked at."""
    where = f"{config.file}: database.url"
    try:
        database = open_database(config.database.url, patience=_PATIENCE)
    except UnusableDatabase as error:
        yield fault(where, str(error), "as it says")
        return
    try:
        if box is None:
            return
        stores = open_stores(database, box)
        try:
            yield from _everything(config, stores, box, at)
        except StsError as error:
            yield fault(where, error.detail, "restore the database, or its key-encryption key")
        finally:
            stores.close()
    finally:
        database.close()


def _everything(config: Config, stores: Stores, box: SecretBox, at: datetime) -> Iterator[Finding]:
    realms = {realm.name: realm for realm in stores.administration.realms()}
    served = {section.realm for section in config.endpoint_sections}
    keyring = StoredKeyring(stores.signing_keys, box)
    message_realms = _message_realms(config)
    for obstacle in find_obstacles(
        served | realms.keys(), realms=stores.realms, keyring=keyring, message_realms=message_realms
    ):
        yield _fault_of(obstacle)
    yield from _endpoints(config, stores)
    for realm in realms.values():
        if realm.name not in served:
            yield warning(f"realm {realm.name}", "no endpoint serves it", "name it in an endpoint of sts.toml")
        yield from _realm(config, realm, stores, box, at)


def _message_realms(config: Config) -> set[str]:
    """Those of the endpoints whose policy needs a message key."""
    return {section.realm for section in config.endpoint_sections if section.policy in SIGNED_POLICIES}


def _fault_of(obstacle: Obstacle) -> Finding:
    return fault(obstacle.where, obstacle.what, obstacle.fix)


def _endpoints(config: Config, stores: Stores) -> Iterator[Finding]:
    for section in config.endpoint_sections:
        where, default = f'{config.file}: endpoint["{section.path}"]', section.default_relying_party
        if default is None:
            continue
        party = stores.relying_parties.get(section.realm, default)
        if party is None or not party.enabled:
            what = f'"{default}" does not exist' if party is None else f'"{default}" is disabled'
            yield fault(f"{where}.default_relying_party", what, "add it: wstrust-sts relying-party add; or enable it")


def _realm(config: Config, realm: Realm, stores: Stores, box: SecretBox, at: datetime) -> Iterator[Finding]:
    where = f"realm {realm.name}"
    accounts = stores.administration.accounts(realm.name)
    names = {account.name for account in accounts}
    anchors = stores.administration.trust_anchors(realm.name)
    mappings = stores.administration.certificate_mappings(realm.name)
    by_rule = any(anchor.account_from is not None for anchor in anchors)
    by_certificate = names if by_rule else {mapping.account for mapping in mappings}
    parties = stores.administration.relying_parties(realm.name)
    yield from _keys(config, realm, stores, box, at)
    yield from check_certificates(where, anchors, mappings, at)
    yield from check_revocation(where, anchors, at, config.authentication.clock_skew)
    if (anchors or mappings) and "x509" not in config.plugins.authenticators:
        fix = 'add "x509" to plugins.authenticators'
        yield warning(where, "it has trust anchors or certificates of accounts, and nothing enabled reads them", fix)
    for name in sorted(realm.administrators - names):
        yield warning(where, f"its administrator {name} is no account", "add the account, or correct administrators")
    if not accounts:
        yield warning(
            where, "it has no accounts: nobody can ask for a token", f"wstrust-sts user add --realm {realm.name} NAME"
        )
    elif not any(_may_log_in(account, at, by_certificate) for account in accounts):
        yield warning(where, "none of its accounts may log in", "wstrust-sts user enable, or user set-password")
    if not any(party.enabled for party in parties):
        fix = f"wstrust-sts relying-party add --realm {realm.name} NAME --prefix https://SERVICE/"
        yield warning(where, "it has no relying parties: nothing is issued", fix)
    claims = Counter(claim.type for account in accounts for claim in account.claims)
    for party in parties:
        yield from _relying_party(config, party, names)
        yield from check_encryption_certificate(party, at)
        yield from _subject_names(party, claims, of=len(accounts))
    for rule in stores.administration.delegation_rules(realm.name):
        yield from check_delegation_rule(rule, accounts=names, relying_parties=[party.name for party in parties])


def _may_log_in(account: Account, at: datetime, by_certificate: Collection[str]) -> bool:
    current = account.expires_at is None or account.expires_at > at
    return account.enabled and current and (account.password_hash is not None or account.name in by_certificate)


def _keys(config: Config, realm: Realm, stores: Stores, box: SecretBox, at: datetime) -> Iterator[Finding]:
    where = f"realm {realm.name}"
    keys = stores.signing_keys.list(realm.name)
    yield from check_clock_of_keys(where, keys, at)
    tokens = [key for key in keys if key.use is KeyUse.TOKEN]
    messages = [key for key in keys if key.use is KeyUse.MESSAGE]
    yield from _usable_keys(where, tokens, box, at, looked_at=True)
    yield from _usable_keys(where, messages, box, at, looked_at=realm.name in _message_realms(config))
    yield from _retiring_token_keys(where, tokens, stores, at)
    yield from _retiring_message_keys(where, messages, at)


def _usable_keys(
    where: str, keys: Sequence[SigningKeyRecord], box: SecretBox, at: datetime, *, looked_at: bool
) -> Iterator[Finding]:
    """Of the keys of one use. `looked_at`: that there is an active one that opens, `find_obstacles` has seen to."""
    active = [key for key in keys if key.state is KeyState.ACTIVE]
    for key in keys:
        if key.state is KeyState.RETIRING:
            fix = (
                f"when none of them needs it: wstrust-sts key retire --use {key.use.value} --realm {key.realm} {key.id}"
            )
            named = f"{where}, retiring {_NOUNS[key.use]} {key.id}, which {_HOLDERS[key.use]} still go by"
            yield from check_expiry(named, key.certificate, at, fix)
        if key.state is KeyState.RETIRING and key.use is KeyUse.TOKEN:
            continue  # its private key is not used any more
        certificate = x509.load_der_x509_certificate(key.certificate)
        named = f"{where}, {key.state.value} {_NOUNS[key.use]} {key.id}"
        if key.state is not KeyState.RETIRING:
            fix = f"plan its replacement with the {_HOLDERS[key.use]}: docs/operations.md"
            yield from check_validity(named, certificate, at, soon=_SOON, fix=fix)
        if looked_at and active and key is active[-1]:
            continue
        try:
            demand_usable(key, box=box)
        except RequestFailed as failure:
            yield fault(named, failure.detail, "use the key-encryption key that it was made with")
    for key in active[:-1]:
        what = f"it has more than one active {_NOUNS[key.use]}: {key.id} does not sign"
        yield warning(where, what, "the newest one signs")


def _retiring_token_keys(
    where: str, keys: Sequence[SigningKeyRecord], stores: Stores, at: datetime
) -> Iterator[Finding]:
    for key in keys:
        if key.state is KeyState.RETIRING and stores.issued_tokens.last_expiry(key.realm, key.id, now=at) is None:
            fix = f"wstrust-sts key retire --realm {key.realm} {key.id}"
            yield warning(f"{where}, retiring key {key.id}", "no token in force was signed by it any more", fix)


def _retiring_message_keys(where: str, keys: Sequence[SigningKeyRecord], at: datetime) -> Iterator[Finding]:
    """Nobody can know which clients still encrypt for one; it is told when they had their time."""
    newest = max((key.created_at for key in keys if key.state is KeyState.ACTIVE), default=at)
    if at < newest + _CLIENTS_FOLLOW:
        return
    for key in keys:
        if key.state is KeyState.RETIRING:
            what = f"messages for it are still opened, and the key in its place is of {newest:%Y-%m-%d}"
            fix = f"when every client has that one: wstrust-sts key retire --use message --realm {key.realm} {key.id}"
            yield warning(f"{where}, retiring message key {key.id}", what, fix)


def _relying_party(config: Config, party: RelyingParty, accounts: set[str]) -> Iterator[Finding]:
    where = f"relying party {party.realm}/{party.name}"
    missing = [type_.value for type_ in party.token_types if type_.value not in config.plugins.token_providers]
    if missing:
        fix = "enable it in plugins.token_providers, or take it from token_types"
        yield fault(where, f"it takes {', '.join(missing)}, which nothing that is enabled issues", fix)
    if not party.applies_to:
        yield fault(where, "it has no address: nothing is issued for it", "give it applies_to, or remove it")
    if not party.claim_rules:
        what = "it has no claim rules: its tokens tell the subject's name and nothing else"
        yield warning(where, what, "add [[relying_party.claim]] rules, if it needs more")
    for name in sorted(party.validators - accounts):
        yield warning(where, f"its validator {name} is no account", "add the account, or correct validators")
    if not party.enabled:
        yield warning(
            where, "it is disabled: nothing is issued for its addresses", "enable it with apply, or remove it"
        )


def _subject_names(party: RelyingParty, claims: "Counter[str]", *, of: int) -> Iterator[Finding]:
    claim = party.name_identifier.claim
    if claim is None or claims[claim] >= of:
        return
    yield warning(
        f"relying party {party.realm}/{party.name}",
        f"it names subjects by {claim}, which {of - claims[claim]} of {of} accounts do not have",
        "give it to those who ask for its tokens; others are refused",
    )
