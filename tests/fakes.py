"""In-memory stand-ins for every store of `ports.py`, and a clock that tests set.

Each does what its port promises and nothing more, in plain dictionaries that a test may look into. `FakeStores`
joins a set of them that see the same data, as one database would show it.
"""

import threading
import uuid
from collections.abc import Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from wstrust_sts import ports
from wstrust_sts.addresses import candidates, parse_address
from wstrust_sts.certificates import CertificateMapping, CertificateName, ExaminedCertificate, TrustAnchor
from wstrust_sts.delegation_rules import DelegationRule
from wstrust_sts.errors import Busy, FailedAuthentication, RequestFailed
from wstrust_sts.keys import AesGcmSecretBox
from wstrust_sts.model import Account, AuthenticationMethod, Claim, Realm
from wstrust_sts.records import (
    AuditEvent,
    AuditSelection,
    ContextKeyRecord,
    ContextRenewed,
    Entry,
    KeyState,
    MessageSeen,
    SigningKeyRecord,
    Standing,
    Tally,
    TokenCancelled,
    TokenRecord,
)
from wstrust_sts.relying_parties import AppliesToRule, RelyingParty, RelyingPartyMatch
from wstrust_sts.security_contexts import SecurityContext, secret_purpose
from wstrust_sts.wire.certificates import read_certificate

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
REALM = Realm(name="default", issuer="https://sts.example.test/trust", pairwise_secret=b"p" * 32)


class FakeClock:
    """Stands still at `now` until a test moves it."""

    def __init__(self, now: datetime = NOON) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def advance(self, by: timedelta) -> None:
        self.now += by


class FakeRealms:
    def __init__(self, realms: Iterable[Realm] = (REALM,)) -> None:
        self.rows = {realm.name: realm for realm in realms}

    def get(self, name: str) -> Realm | None:
        return self.rows.get(name)


class FakeAccounts:
    """`reads` counts the look-ups: the port promises that none is answered from a cache."""

    def __init__(self, accounts: Iterable[Account] = ()) -> None:
        self.rows = {(account.realm, account.name): account for account in accounts}
        self.reads = 0

    def find(self, realm: str, name: str) -> Account | None:
        self.reads += 1
        return self.rows.get((realm, name))

    def find_by_id(self, realm: str, account_id: str) -> Account | None:
        self.reads += 1
        return next((row for row in self.rows.values() if (row.realm, row.id) == (realm, account_id)), None)

    def put(self, account: Account) -> None:
        """Stores `account` as it is; the test chooses its version."""
        self.rows[account.realm, account.name] = account


class FakeCertificates:
    """`trusted` are the anchors, `rows` the mappings, each with the id of its account."""

    def __init__(self, trusted: Iterable[TrustAnchor] = (), rows: Iterable[CertificateMapping] = ()) -> None:
        self.trusted = {(anchor.realm, anchor.name): anchor for anchor in trusted}
        self.rows = list(rows)

    def anchors(self, realm: str) -> Sequence[TrustAnchor]:
        return [anchor for at, anchor in sorted(self.trusted.items()) if at[0] == realm]

    def mappings(self, realm: str, names: Sequence[CertificateName]) -> Sequence[CertificateMapping]:
        return [row for row in self.rows if row.realm == realm and row.name in names]

    def pinned(self, realm: str, name: str) -> Sequence[bytes]:
        certificates = [row.certificate for row in self.rows if row.realm == realm and row.certificate is not None]
        return [der for der in certificates if name in read_certificate(der).index_names()]


class FakeCertificateValidator:
    """Says of a certificate what a test told it in `known`, by its octets; others are unsuitable."""

    def __init__(self) -> None:
        self.known: dict[bytes, ExaminedCertificate] = {}

    def examine(
        self,
        unverified_certificate: bytes,
        *,
        anchors: Sequence[TrustAnchor],
        now: datetime,
        unverified_intermediates: Sequence[bytes] = (),
    ) -> ExaminedCertificate:
        found = self.known.get(unverified_certificate)
        if found is None:
            raise FailedAuthentication("certificate: nobody knows it")
        return found


class FakeRelyingParties:
    """Reads addresses as the real one does; the rules' own are taken to be canonical."""

    def __init__(self, relying_parties: Iterable[RelyingParty] = ()) -> None:
        self.rows = {(party.realm, party.name): party for party in relying_parties}

    def find(self, realm: str, address: str) -> RelyingPartyMatch | None:
        try:
            asked = parse_address(address)
        except ValueError:
            return None
        owners = {rule: party for party in self.rows.values() if party.realm == realm for rule in party.applies_to}
        for candidate in candidates(asked):
            rule = AppliesToRule(address=asked.origin + candidate.path, prefix=candidate.prefix)
            party = owners.get(rule)
            if party is not None:
                return RelyingPartyMatch(party, asked.text, rule) if party.enabled else None
        return None

    def get(self, realm: str, name: str) -> RelyingParty | None:
        return self.rows.get((realm, name))


class FakeDelegationRules:
    def __init__(self, rules: Iterable[DelegationRule] = ()) -> None:
        self.rows = {(rule.realm, rule.name): rule for rule in rules}

    def of_realm(self, realm: str) -> Sequence[DelegationRule]:
        return [rule for at, rule in sorted(self.rows.items()) if at[0] == realm]


class FakeSigningKeys:
    def __init__(self, keys: Iterable[SigningKeyRecord] = ()) -> None:
        self.rows = {(key.realm, key.id): key for key in keys}
        self.changes = 1

    def list(self, realm: str) -> Sequence[SigningKeyRecord]:
        current = [key for key in self.rows.values() if key.realm == realm and key.state is not KeyState.RETIRED]
        return sorted(current, key=lambda key: key.created_at)

    def generation(self) -> int:
        return self.changes


class FakeIssuedTokens:
    def __init__(self) -> None:
        self.rows: dict[tuple[str, str], TokenRecord] = {}

    def find(self, realm: str, token_id: str) -> TokenRecord | None:
        return self.rows.get((realm, token_id))

    def last_expiry(self, realm: str, key_id: str, *, now: datetime) -> datetime | None:
        return max(
            (
                row.expires_at
                for row in self.rows.values()
                if (row.realm, row.key_id) == (realm, key_id) and row.expires_at > now and not row.is_cancelled(now)
            ),
            default=None,
        )


class FakeSecurityContexts:
    """Keys by realm, identifier and instance; the contexts themselves are in `tokens`. `box` is what seals them."""

    def __init__(self, tokens: FakeIssuedTokens | None = None, box: ports.SecretBox | None = None) -> None:
        self.tokens = tokens if tokens is not None else FakeIssuedTokens()
        self.box = box if box is not None else AesGcmSecretBox(b"k" * 32)
        self.rows: dict[tuple[str, str, str | None], ContextKeyRecord] = {}

    def find(self, realm: str, identifier: str, instance: str | None) -> SecurityContext | None:
        row, record = self.rows.get((realm, identifier, instance)), self.tokens.find(realm, identifier)
        if row is None or record is None or record.cancelled_at is not None:
            return None
        return SecurityContext(
            identifier=identifier,
            instance=instance,
            realm=realm,
            account=record.account,
            relying_party=record.relying_party,
            methods=tuple(AuthenticationMethod(method) for method in row.methods.split()),
            instant=row.authenticated_at,
            created=row.created_at,
            expires_at=row.expires_at,
            renewable=record.renewing_allowed,
            secret=self.box.open(row.sealed_secret, purpose=secret_purpose(realm, identifier, instance)),
        )


class FakeJournal:
    """Durable at once; with `away` every write fails with Busy and stores nothing.

    `entries` is all that was written, in order; `events` the audit events among it.
    """

    def __init__(
        self,
        tokens: FakeIssuedTokens | None = None,
        replay_cache: "FakeReplayCache | None" = None,
        contexts: FakeSecurityContexts | None = None,
    ) -> None:
        self.tokens = tokens if tokens is not None else FakeIssuedTokens()
        self.replay_cache = replay_cache if replay_cache is not None else FakeReplayCache()
        self.contexts = contexts if contexts is not None else FakeSecurityContexts(self.tokens)
        self.entries: list[Entry] = []
        self.away = False

    @property
    def events(self) -> list[AuditEvent]:
        return [entry for entry in self.entries if isinstance(entry, AuditEvent)]

    def write(self, *entries: Entry) -> "Future[None]":
        durable: Future[None] = Future()
        if self.away:
            durable.set_exception(Busy("the journal is away"))
            return durable
        for entry in entries:
            if isinstance(entry, MessageSeen) and not self.replay_cache.see(entry):
                durable.set_exception(FailedAuthentication("a replay"))
                return durable
        for entry in entries:
            self._apply(entry)
        self.entries.extend(entries)
        durable.set_result(None)
        return durable

    def _apply(self, entry: Entry) -> None:
        if isinstance(entry, TokenRecord):
            self.tokens.rows[entry.realm, entry.token_id] = entry
        elif isinstance(entry, TokenCancelled):
            row = self.tokens.rows.get((entry.realm, entry.token_id))
            if row is not None and not row.is_cancelled(entry.at):
                cancelled = replace(row, cancelled_at=entry.at, cancel_reason=entry.reason)
                self.tokens.rows[entry.realm, entry.token_id] = cancelled
        elif isinstance(entry, ContextKeyRecord):
            self.contexts.rows[entry.realm, entry.identifier, entry.instance] = entry
        elif isinstance(entry, ContextRenewed):
            self._renew(entry)

    def _renew(self, renewed: ContextRenewed) -> None:
        key = renewed.realm, renewed.identifier, renewed.instance
        row, old = self.tokens.rows[key[:2]], self.contexts.rows[key]
        self.tokens.rows[key[:2]] = replace(row, expires_at=max(row.expires_at, renewed.expires_at))
        self.contexts.rows[key] = replace(old, expires_at=min(old.expires_at, renewed.ends_at))


class FakeAuditTrail:
    """Reads what a `FakeJournal` was given."""

    def __init__(self, journal: FakeJournal) -> None:
        self._journal = journal

    def of_operation(self, correlation_id: str) -> Sequence[AuditEvent]:
        return [event for event in self._by_time() if event.correlation_id == correlation_id]

    def latest(self, selection: AuditSelection, *, limit: int | None) -> Sequence[AuditEvent]:
        selected = [event for event in self._by_time() if self._selects(selection, event)]
        return selected if limit is None else selected[max(0, len(selected) - limit) :]

    def _by_time(self) -> list[AuditEvent]:
        return sorted(self._journal.events, key=lambda event: event.at)

    @staticmethod
    def _selects(selection: AuditSelection, event: AuditEvent) -> bool:
        names = ("realm", "operation", "requestor", "relying_party")
        return (
            all(getattr(selection, name) in ("", getattr(event, name)) for name in names)
            and selection.outcome in ("", event.outcome, event.outcome.partition(" ")[0])
            and (selection.since is None or event.at >= selection.since)
        )


class FakeReplayCache:
    """`rows` maps (realm, digest) to the instant after which it may be forgotten, `repeatable` to a path."""

    def __init__(self) -> None:
        self.rows: dict[tuple[str, bytes], datetime] = {}
        self.repeatable: dict[tuple[str, bytes], str] = {}
        self._lock = threading.Lock()

    def remember(self, realm: str, digest: bytes, *, now: datetime, keep: timedelta) -> bool:
        with self._lock:
            until = self.rows.get((realm, digest))
            if until is not None and until > now:
                return False
            self.rows[realm, digest] = now + keep
            return True

    def see(self, message: MessageSeen) -> bool:
        key, place = (message.realm, message.digest), message.repeatable_at
        if self.knows(*key, now=message.at, repeatable_at=place):
            return False
        self.rows[key], self.repeatable[key] = message.until, place
        return True

    def knows(self, realm: str, digest: bytes, *, now: datetime, repeatable_at: str = "") -> bool:
        until = self.rows.get((realm, digest))
        if until is None or until <= now:
            return False
        return not repeatable_at or self.repeatable.get((realm, digest)) != repeatable_at


class FakeLockouts:
    """`tallies` counts by (realm, subject, source), with b"" and "" for all of them; `proofs` by the same key."""

    def __init__(self) -> None:
        self.tallies: dict[tuple[str, bytes, str], Tally] = {}
        self.proofs: dict[tuple[str, bytes, str], datetime] = {}
        self.reads = 0

    def find(self, realm: str, subject: bytes, source: str) -> Standing:
        self.reads += 1
        return Standing(
            together=self.tallies.get((realm, subject, source), Tally()),
            user=self.tallies.get((realm, subject, ""), Tally()),
            source=self.tallies.get((realm, b"", source), Tally()),
            proved_at=self.proofs.get((realm, subject, source)),
        )

    def failed(
        self, realm: str, subject: bytes, source: str, *, at_home: bool, now: datetime, keep: timedelta
    ) -> "Future[None]":
        for place in [(subject, source)] if at_home else [(subject, source), (subject, ""), (b"", source)]:
            tally = self.tallies.get((realm, *place), Tally())
            fresh = tally.failed_at is not None and tally.failed_at > now - keep
            self.tallies[realm, *place] = Tally(tally.failures + 1 if fresh else 1, now)
        return _done()

    def proved(self, realm: str, subject: bytes, source: str, *, now: datetime, keep: timedelta) -> "Future[None]":
        self.tallies.pop((realm, subject, source), None)
        self.proofs[realm, subject, source] = now
        return _done()

    def unlock(self, realm: str, subject: bytes) -> bool:
        found = [key for key in self.tallies if key[:2] == (realm, subject)]
        for key in found:
            del self.tallies[key]
        return bool(found)


def _done() -> "Future[None]":
    durable: Future[None] = Future()
    durable.set_result(None)
    return durable


class FakeKeyring:
    """The first signer of a realm is the active one, and so is the first of its message keys."""

    def __init__(self) -> None:
        self.message_keys: dict[str, list[ports.Decrypter]] = {}
        self.signers: dict[str, list[ports.Signer]] = {}
        self.verifiers: dict[str, list[ports.VerificationKey]] = {}

    def signer(self, realm: str) -> ports.Signer:
        if not self.signers.get(realm):
            raise RequestFailed(f"realm {realm} has no active signing key")
        return self.signers[realm][0]

    def verification_keys(self, realm: str) -> Sequence[ports.VerificationKey]:
        return self.verifiers.get(realm, [])

    def message_signer(self, realm: str) -> ports.MessageSigner:
        if not self.message_keys.get(realm):
            raise RequestFailed(f"realm {realm} has no active message key")
        return self.message_keys[realm][0]

    def decrypters(self, realm: str) -> Sequence[ports.Decrypter]:
        return self.message_keys.get(realm, [])

    def certificates(self, realm: str) -> Sequence[bytes]:
        return [signer.certificates[0] for signer in self.signers.get(realm, [])]


class FakeAdministration:
    """Changes the other fakes, and counts what nodes cache as a new generation of `keys`."""

    def __init__(
        self,
        *,
        realms: FakeRealms,
        accounts: FakeAccounts,
        certificates: FakeCertificates,
        relying_parties: FakeRelyingParties,
        delegation_rules: FakeDelegationRules,
        keys: FakeSigningKeys,
    ) -> None:
        self._realms = realms
        self._accounts = accounts
        self._certificates = certificates
        self._relying_parties = relying_parties
        self._delegation_rules = delegation_rules
        self._keys = keys

    def realms(self) -> Sequence[Realm]:
        return list(self._realms.rows.values())

    def put_realm(self, realm: Realm) -> None:
        stored = self._realms.rows.get(realm.name)
        secret = realm.pairwise_secret or (stored.pairwise_secret if stored else uuid.uuid4().bytes * 2)
        self._realms.rows[realm.name] = replace(realm, pairwise_secret=secret)
        self._keys.changes += 1

    def accounts(self, realm: str) -> Sequence[Account]:
        return [account for account in self._accounts.rows.values() if account.realm == realm]

    def put_account(
        self,
        realm: str,
        name: str,
        *,
        enabled: bool,
        expires_at: datetime | None,
        claims: Sequence[Claim],
        groups: Sequence[str],
        password_hash: str | None,
        digest_password: bytes | None = None,
    ) -> None:
        stored = self._accounts.rows.get((realm, name))
        if stored is not None and password_hash is None:
            password_hash = stored.password_hash
        if digest_password is None and stored is not None and password_hash == stored.password_hash:
            digest_password = stored.sealed_digest_password
        self._accounts.rows[realm, name] = Account(
            id=stored.id if stored else uuid.uuid4().hex,
            realm=realm,
            name=name,
            version=stored.version + 1 if stored else 1,
            enabled=enabled,
            expires_at=expires_at,
            password_hash=password_hash,
            claims=tuple(claims),
            groups=tuple(groups),
            sealed_digest_password=digest_password or None,  # this fake seals nothing
        )

    def delete_account(self, realm: str, name: str) -> bool:
        self._certificates.rows = [row for row in self._certificates.rows if (row.realm, row.account) != (realm, name)]
        return self._accounts.rows.pop((realm, name), None) is not None

    def certificate_mappings(self, realm: str) -> Sequence[CertificateMapping]:
        return [row for row in self._certificates.rows if row.realm == realm]

    def add_certificate_mapping(self, mapping: CertificateMapping) -> bool:
        account = self._accounts.rows.get((mapping.realm, mapping.account))
        if account is None or mapping.anchor not in (None, *self._anchor_names(mapping.realm)):
            raise ValueError(f"there is no account {mapping.account} or no anchor {mapping.anchor}")
        if mapping in self._certificates.rows:
            return False
        for other in self._certificates.mappings(mapping.realm, [mapping.name]):
            overlaps = None in (other.anchor, mapping.anchor) or other.anchor == mapping.anchor
            if other.account != mapping.account and overlaps:
                raise ValueError(f"{mapping.name.value} already is {other.account}")
        self._certificates.rows.append(replace(mapping, account_id=account.id))
        self._keys.changes += 1
        return True

    def delete_certificate_mapping(self, mapping: CertificateMapping) -> bool:
        named = (mapping.realm, mapping.account, mapping.name, mapping.anchor)
        kept = [row for row in self._certificates.rows if (row.realm, row.account, row.name, row.anchor) != named]
        gone = len(kept) < len(self._certificates.rows)
        self._certificates.rows = kept
        self._keys.changes += gone
        return gone

    def trust_anchors(self, realm: str) -> Sequence[TrustAnchor]:
        return self._certificates.anchors(realm)

    def put_trust_anchor(self, anchor: TrustAnchor) -> None:
        self._certificates.trusted[anchor.realm, anchor.name] = anchor
        self._keys.changes += 1

    def delete_trust_anchor(self, realm: str, name: str) -> bool:
        self._certificates.rows = [row for row in self._certificates.rows if (row.realm, row.anchor) != (realm, name)]
        gone = self._certificates.trusted.pop((realm, name), None) is not None
        self._keys.changes += gone
        return gone

    def _anchor_names(self, realm: str) -> list[str]:
        return [anchor.name for anchor in self._certificates.anchors(realm)]

    def relying_parties(self, realm: str) -> Sequence[RelyingParty]:
        return [party for party in self._relying_parties.rows.values() if party.realm == realm]

    def put_relying_party(self, relying_party: RelyingParty) -> None:
        for other in self.relying_parties(relying_party.realm):
            shared = set(other.applies_to) & set(relying_party.applies_to)
            if other.name != relying_party.name and shared:
                raise ValueError(f"{min(rule.address for rule in shared)} already belongs to {other.name}")
        stored = self._relying_parties.get(relying_party.realm, relying_party.name)
        row = replace(relying_party, id=stored.id if stored else uuid.uuid4().hex)
        self._relying_parties.rows[row.realm, row.name] = row
        self._keys.changes += 1

    def delete_relying_party(self, realm: str, name: str) -> bool:
        gone = self._relying_parties.rows.pop((realm, name), None) is not None
        self._keys.changes += gone
        return gone

    def delegation_rules(self, realm: str) -> Sequence[DelegationRule]:
        return self._delegation_rules.of_realm(realm)

    def put_delegation_rule(self, rule: DelegationRule) -> None:
        self._delegation_rules.rows[rule.realm, rule.name] = rule
        self._keys.changes += 1

    def delete_delegation_rule(self, realm: str, name: str) -> bool:
        gone = self._delegation_rules.rows.pop((realm, name), None) is not None
        self._keys.changes += gone
        return gone

    def add_signing_key(self, key: SigningKeyRecord) -> None:
        self._keys.rows[key.realm, key.id] = key
        self._keys.changes += 1

    def set_key_state(self, realm: str, key_id: str, state: KeyState, *, expected: KeyState | None = None) -> bool:
        key = self._keys.rows.get((realm, key_id))
        if key is None or expected not in (None, key.state):
            return False
        self._keys.rows[realm, key_id] = replace(key, state=state)
        self._keys.changes += 1
        return True

    def promote_key(self, realm: str, key_id: str) -> bool:
        promoted = self._keys.rows.get((realm, key_id))
        if promoted is None or promoted.state is not KeyState.NEXT:
            return False
        for key in self._keys.list(realm):
            if key.use is promoted.use and key.state is KeyState.ACTIVE:
                self.set_key_state(realm, key.id, KeyState.RETIRING)
        return self.set_key_state(realm, key_id, KeyState.ACTIVE)


@dataclass(slots=True)
class FakeStores:
    """One set of stores over the same data."""

    clock: FakeClock = field(default_factory=FakeClock)
    realms: FakeRealms = field(default_factory=FakeRealms)
    accounts: FakeAccounts = field(default_factory=FakeAccounts)
    certificates: FakeCertificates = field(default_factory=FakeCertificates)
    relying_parties: FakeRelyingParties = field(default_factory=FakeRelyingParties)
    delegation_rules: FakeDelegationRules = field(default_factory=FakeDelegationRules)
    signing_keys: FakeSigningKeys = field(default_factory=FakeSigningKeys)
    issued_tokens: FakeIssuedTokens = field(default_factory=FakeIssuedTokens)
    security_contexts: FakeSecurityContexts = field(init=False)
    replay_cache: FakeReplayCache = field(default_factory=FakeReplayCache)
    lockouts: FakeLockouts = field(default_factory=FakeLockouts)
    keyring: FakeKeyring = field(default_factory=FakeKeyring)
    journal: FakeJournal = field(init=False)
    audit_trail: FakeAuditTrail = field(init=False)
    administration: FakeAdministration = field(init=False)

    def __post_init__(self) -> None:
        self.security_contexts = FakeSecurityContexts(self.issued_tokens)
        self.journal = FakeJournal(self.issued_tokens, self.replay_cache, self.security_contexts)
        self.audit_trail = FakeAuditTrail(self.journal)
        self.administration = FakeAdministration(
            realms=self.realms,
            accounts=self.accounts,
            certificates=self.certificates,
            relying_parties=self.relying_parties,
            delegation_rules=self.delegation_rules,
            keys=self.signing_keys,
        )


def _each_fake_is_what_its_port_asks(stores: FakeStores) -> tuple[object, ...]:
    """Never called: the type checker reads it."""
    clock: ports.Clock = stores.clock
    realms: ports.Realms = stores.realms
    accounts: ports.Accounts = stores.accounts
    certificates: ports.Certificates = stores.certificates
    relying_parties: ports.RelyingParties = stores.relying_parties
    rules: ports.DelegationRules = stores.delegation_rules
    keys: ports.SigningKeys = stores.signing_keys
    tokens: ports.IssuedTokens = stores.issued_tokens
    contexts: ports.SecurityContexts = stores.security_contexts
    journal: ports.Journal = stores.journal
    trail: ports.AuditTrail = stores.audit_trail
    replay: ports.ReplayCache = stores.replay_cache
    lockouts: ports.Lockouts = stores.lockouts
    keyring: ports.Keyring = stores.keyring
    administration: ports.Administration = stores.administration
    stored = realms, accounts, relying_parties, rules, keys, tokens, contexts, journal, trail, replay, lockouts
    validator: ports.CertificateValidator = FakeCertificateValidator()
    return clock, *stored, certificates, validator, keyring, administration
