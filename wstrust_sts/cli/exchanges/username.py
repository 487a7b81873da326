"""A password in a message that protects itself (policy `username`, the symmetric binding).

A new secret for every exchange, encrypted for the STS's certificate: whoever answers with it has opened it.
"""

from dataclasses import dataclass, field, replace
from typing import ClassVar

from wstrust_sts import ns
from wstrust_sts.cli.exchanges import symmetric
from wstrust_sts.cli.exchanges.exchange import Sent, username_token
from wstrust_sts.wire.certificates import Certificate
from wstrust_sts.wire.seal import Unsealed
from wstrust_sts.wire.sealing import Methods, SymmetricSeal, WrappedKey, introduce, wrap_secret
from wstrust_sts.wire.wsse import USERNAME_TOKEN
from wstrust_sts.wire.xenc import new_key


@dataclass(frozen=True, slots=True, kw_only=True)
class PasswordInMessage:
    """A `Binding`. `derivation` is the namespace of its DerivedKeyTokens; without, the secret itself is the key."""

    hides: ClassVar[bool] = True
    protects: ClassVar[bool] = True
    decrypter: ClassVar[None] = None
    user: str
    password: str = field(repr=False)
    sts_certificate: Certificate
    methods: Methods
    derivation: str | None = ns.WSC13

    def protect(self, message: Unsealed) -> Sent:
        introduction = self._introduce()
        seal = SymmetricSeal(
            secret=introduction.secret,
            methods=self.methods,
            derivation=self.derivation,
            signing_octets=symmetric.DERIVED_SIGNING_OCTETS,
            introduction=introduction,
        )
        with_password = replace(message, tokens=(username_token(self.user, self.password),))
        return symmetric.protect(with_password, seal=seal, hidden=[USERNAME_TOKEN])

    def _introduce(self) -> WrappedKey:
        """A new secret; where nothing is derived from it, of the length that it is used with."""
        if self.derivation is not None:
            return introduce(self.sts_certificate)
        return wrap_secret(new_key(self.methods.encryption), recipient=self.sts_certificate)
