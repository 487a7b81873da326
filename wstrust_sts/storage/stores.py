"""All stores over one database."""

from dataclasses import dataclass

from wstrust_sts import ports
from wstrust_sts.storage.accounts import SqlAccounts
from wstrust_sts.storage.administration import SqlAdministration
from wstrust_sts.storage.audit_trail import SqlAuditTrail
from wstrust_sts.storage.certificates import SqlCertificates
from wstrust_sts.storage.database import Database
from wstrust_sts.storage.delegation_rules import SqlDelegationRules
from wstrust_sts.storage.generation import Generation
from wstrust_sts.storage.issued_tokens import SqlIssuedTokens
from wstrust_sts.storage.journal import SqlJournal
from wstrust_sts.storage.lockouts import SqlLockouts
from wstrust_sts.storage.realms import SqlRealms
from wstrust_sts.storage.relying_parties import SqlRelyingParties
from wstrust_sts.storage.replay_cache import SqlReplayCache
from wstrust_sts.storage.security_contexts import SqlSecurityContexts
from wstrust_sts.storage.sightings import Sightings
from wstrust_sts.storage.signing_keys import SqlSigningKeys
from wstrust_sts.storage.writer import GroupWriter


@dataclass(frozen=True, slots=True, kw_only=True)
class Stores:
    """Every store of `ports.py`. Thread-safe, all of them."""

    realms: ports.Realms
    accounts: ports.Accounts
    certificates: ports.Certificates
    relying_parties: ports.RelyingParties
    delegation_rules: ports.DelegationRules
    signing_keys: ports.SigningKeys
    issued_tokens: ports.IssuedTokens
    security_contexts: ports.SecurityContexts
    journal: ports.Journal
    audit_trail: ports.AuditTrail
    replay_cache: ports.ReplayCache
    lockouts: ports.Lockouts
    administration: ports.Administration
    writer: GroupWriter

    def close(self) -> None:
        """Writes what the journal still holds, and takes nothing more. The database stays open: it is the caller's."""
        self.writer.close()


def open_stores(database: Database, box: ports.SecretBox) -> Stores:
    """The stores of one process; those that cache share one view of the configuration's generation."""
    generation = Generation(database)
    writer, lately = GroupWriter(database), Sightings()
    return Stores(
        realms=SqlRealms(database, generation, box),
        accounts=SqlAccounts(database, generation),
        certificates=SqlCertificates(database, generation),
        relying_parties=SqlRelyingParties(database, generation),
        delegation_rules=SqlDelegationRules(database, generation),
        signing_keys=SqlSigningKeys(database, generation),
        issued_tokens=SqlIssuedTokens(database),
        security_contexts=SqlSecurityContexts(database, box),
        journal=SqlJournal(writer, lately),
        audit_trail=SqlAuditTrail(database),
        replay_cache=SqlReplayCache(writer, lately),
        lockouts=SqlLockouts(database, writer),
        administration=SqlAdministration(database, generation, box),
        writer=writer,
    )
