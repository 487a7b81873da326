"""What relying parties know accounts by: the subject of a token, and those who act for it."""

import hashlib
import hmac
import secrets

from wstrust_sts import ns
from wstrust_sts.errors import RequestFailed
from wstrust_sts.model import Account, NameIdentifier, Realm
from wstrust_sts.relying_parties import RelyingParty


def name_account(account: Account, relying_party: RelyingParty, realm: Realm) -> NameIdentifier:
    """What a relying party knows an account by. Raises RequestFailed."""
    rule = relying_party.name_identifier
    if rule.claim is not None:
        value = next((claim.values[0] for claim in account.claims if claim.type == rule.claim), None)
        if value is None:
            raise RequestFailed(
                f"{relying_party.name} names subjects by the claim {rule.claim}, which {account.name} has not"
            )
        return NameIdentifier(rule.format, value)
    if rule.format == ns.NAMEID_PERSISTENT:
        return NameIdentifier(
            rule.format,
            _pairwise(account, relying_party, realm),
            name_qualifier=realm.issuer,
            sp_name_qualifier=relying_party.name,
        )
    if rule.format == ns.NAMEID_TRANSIENT:
        return NameIdentifier(rule.format, "_" + secrets.token_hex(16))
    return NameIdentifier(rule.format, account.name)


def _pairwise(account: Account, relying_party: RelyingParty, realm: Realm) -> str:
    """The same for one account at one relying party, unlike at every other (SAML 2.0 core section 8.3.7)."""
    if not realm.pairwise_secret:
        raise RequestFailed(f"the realm {realm.name} has no secret for persistent names")
    subject = f"{relying_party.name}\0{account.id}".encode()
    return hmac.new(realm.pairwise_secret, subject, hashlib.sha256).hexdigest()
