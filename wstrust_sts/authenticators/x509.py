"""An X.509 certificate whose key signed the message (X.509 Token Profile 1.1) or TLS: it proves the account it is
mapped to.

A certificate is an account's when that very certificate was mapped to it, or when a trust anchor of the realm vouches
for it and one of its names is mapped, or is the account's name by the anchor's rule. Names of a certificate that no
anchor vouches for prove nothing: whoever makes a certificate chooses them. When two accounts come out, none does.

Every refusal is FailedAuthentication with one text; only the operator's detail tells them apart.
"""

from collections.abc import Iterator
from datetime import datetime

from wstrust_sts.authenticators.lockout import Gate
from wstrust_sts.certificate_names import fingerprint
from wstrust_sts.certificates import CertificateField, ExaminedCertificate
from wstrust_sts.errors import FailedAuthentication
from wstrust_sts.model import Account, Authenticated, AuthenticationMethod, Realm
from wstrust_sts.ports import Accounts, Certificates, CertificateValidator
from wstrust_sts.received_tokens import PresentedCertificate, ReceivedToken


class X509Authenticator:
    """An `Authenticator`. That the requestor holds the private key was proved where the message was read.

    Failures are counted by certificate and source; without a `gate`, certificates may be tried without end.
    """

    def __init__(
        self,
        accounts: Accounts,
        certificates: Certificates,
        validator: CertificateValidator,
        *,
        gate: Gate | None = None,
    ) -> None:
        self._accounts = accounts
        self._certificates = certificates
        self._validator = validator
        self._gate = gate

    def accepts(self, token: ReceivedToken) -> bool:
        return isinstance(token, PresentedCertificate)

    def authenticate(self, token: ReceivedToken, *, realm: Realm, now: datetime) -> Authenticated:
        """The one account of `realm` that the certificate is mapped to. Raises FailedAuthentication, Busy."""
        if not isinstance(token, PresentedCertificate):
            raise FailedAuthentication("not a certificate")
        # NUL: no user name is like it, so that nobody counts failures of a user by showing certificates.
        counted = f"\0certificate {fingerprint(token.certificate)}"
        attempt = None if self._gate is None else self._gate.admit(realm, counted, token.source, now=now)
        try:
            account = self._account_of(token, realm=realm, now=now)
        except FailedAuthentication:
            if attempt is not None:
                attempt.failed()
            raise
        if attempt is not None:
            attempt.proved()
        method = AuthenticationMethod.TLS_CLIENT if token.by_tls else AuthenticationMethod.X509
        return Authenticated(account=account, method=method, instant=now)

    def _account_of(self, token: PresentedCertificate, *, realm: Realm, now: datetime) -> Account:
        anchors = self._certificates.anchors(realm.name)
        examined = self._validator.examine(
            token.certificate, anchors=anchors, now=now, unverified_intermediates=token.intermediates
        )
        # The rows are read now, whatever was cached of the mappings: a lock acts at once.
        found = {account.id: account for account in self._candidates(examined, realm)}
        if not found:
            under = "no trust anchor" if examined.anchor is None else f"the trust anchor {examined.anchor.name!r}"
            raise FailedAuthentication(f"certificate: it is mapped to no account, under {under}")
        if len(found) > 1:
            names = ", ".join(sorted(repr(account.name) for account in found.values()))
            raise FailedAuthentication(f"certificate: it is mapped to several accounts: {names}")
        (account,) = found.values()
        if not account.enabled:
            raise FailedAuthentication(f"account {account.name!r} is disabled")
        if account.expires_at is not None and account.expires_at <= now:
            raise FailedAuthentication(f"account {account.name!r} has expired")
        return account

    def _candidates(self, examined: ExaminedCertificate, realm: Realm) -> Iterator[Account]:
        under = None if examined.anchor is None else examined.anchor.name
        for mapping in self._certificates.mappings(realm.name, examined.believable()):
            if mapping.anchor not in (None, under):
                continue
            account = self._accounts.find(realm.name, mapping.account)
            if account is not None and account.id == mapping.account_id:  # not another one of the same name
                yield account
        name = _named_by_rule(examined)
        named = None if name is None else self._accounts.find(realm.name, name)
        if named is not None:
            yield named


def _named_by_rule(examined: ExaminedCertificate) -> str | None:
    """The account's name by the anchor's rule. A certificate with two such names follows no rule."""
    rule: CertificateField | None = None if examined.anchor is None else examined.anchor.account_from
    values = [name.value for name in examined.names if name.field is rule]
    return values[0] if len(values) == 1 else None
