"""Messages that a security context protects (policy `secureconversation`): signed and encrypted with its key, or with
keys that are derived from it, as the answers are.

The key is that of many messages: an answer counts if it says to which request it is one.
"""

from dataclasses import dataclass, field
from typing import ClassVar

from wstrust_sts import ns
from wstrust_sts.cli.exchanges import symmetric
from wstrust_sts.cli.exchanges.exchange import Sent
from wstrust_sts.wire.contexts import ContextSecret
from wstrust_sts.wire.seal import Unsealed
from wstrust_sts.wire.sealing import Methods, SymmetricSeal


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextInMessage:
    """A `Binding`. `token` is the context's, as the STS wrote it. Without `derivation`, the namespace of derived keys,
    the context's key itself signs and encrypts; it then has the length that `methods.encryption` takes.
    """

    hides: ClassVar[bool] = True
    protects: ClassVar[bool] = True
    decrypter: ClassVar[None] = None
    context: ContextSecret
    token: str = field(repr=False)
    methods: Methods
    derivation: str | None = ns.WSC13

    def protect(self, message: Unsealed) -> Sent:
        seal = SymmetricSeal(
            secret=self.context,
            methods=self.methods,
            derivation=self.derivation,
            signing_octets=symmetric.DERIVED_SIGNING_OCTETS,
            token=self.token,
        )
        return symmetric.protect(message, seal=seal)
