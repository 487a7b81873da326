"""Messages that a security context protects (policy `secureconversation`): signed and encrypted with its key, or with
keys that are derived from it, as the answers are.

The key is that of many messages: an answer counts if it says to which request it is one.
"""

from dataclasses import dataclass, field
from datetime import datetime

from wstrust_sts import ns
from wstrust_sts.cli.exchanges.exchange import DERIVED_SIGNING_OCTETS, Sent, accepted_algorithms, read_octets
from wstrust_sts.cli.exchanges.username import read_answer
from wstrust_sts.wire.contexts import ContextSecret
from wstrust_sts.wire.seal import Unsealed
from wstrust_sts.wire.sealing import Methods, SymmetricSeal
from wstrust_sts.wire.symmetric import open_symmetric
from wstrust_sts.wire.wsse import Freshness
from wstrust_sts.wire.xml import Element


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextInMessage:
    """A `Binding`. `token` is the context's, as the STS wrote it. Without `derivation`, the namespace of derived keys,
    the context's key itself signs and encrypts; it then has the length that `methods.encryption` takes.
    """

    context: ContextSecret
    token: str = field(repr=False)
    methods: Methods
    derivation: str | None = ns.WSC13

    @property
    def hides(self) -> bool:
        return True

    @property
    def protects(self) -> bool:
        return True

    @property
    def decrypter(self) -> None:
        return None

    def protect(self, message: Unsealed) -> Sent:
        seal = SymmetricSeal(
            secret=self.context,
            methods=self.methods,
            derivation=self.derivation,
            signing_octets=DERIVED_SIGNING_OCTETS,
            token=self.token,
        )
        octets = seal.protect(message)
        algorithms = accepted_algorithms(self.methods)
        request = open_symmetric(
            read_octets(octets),
            decrypters=[],
            algorithms=algorithms,
            now=message.now,
            freshness=Freshness(),
            find_context=lambda _: self.context,
        ).protected

        def open_answer(octets: bytes, now: datetime) -> Element:
            return read_answer(octets, to=request, secret=self.context, algorithms=algorithms, now=now)

        return Sent(octets=octets, readable=request.opened.envelope.root, open_answer=open_answer)
