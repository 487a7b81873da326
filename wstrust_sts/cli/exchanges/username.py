"""A password in a message that protects itself (policy `username`, the symmetric binding).

A new secret for every exchange, encrypted for the STS's certificate: whoever answers with it has opened it.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime

from wstrust_sts import ns
from wstrust_sts.cli.exchanges.exchange import (
    DERIVED_SIGNING_OCTETS,
    Sent,
    accepted_algorithms,
    demand_answer,
    read_octets,
    username_token,
)
from wstrust_sts.cli.exchanges.own_key import OwnKey
from wstrust_sts.wire.algorithms import Algorithms
from wstrust_sts.wire.certificates import Certificate
from wstrust_sts.wire.contexts import ContextSecret
from wstrust_sts.wire.opening import BaseSecret
from wstrust_sts.wire.protection import ProtectedMessage
from wstrust_sts.wire.seal import Unsealed
from wstrust_sts.wire.sealing import Methods, SymmetricSeal, WrappedKey, introduce, wrap_secret
from wstrust_sts.wire.symmetric import open_symmetric
from wstrust_sts.wire.wsse import USERNAME_TOKEN, Freshness
from wstrust_sts.wire.xenc import new_key
from wstrust_sts.wire.xml import Element


@dataclass(frozen=True, slots=True, kw_only=True)
class PasswordInMessage:
    """A `Binding`. `derivation` is the namespace of its DerivedKeyTokens; without, the secret itself is the key."""

    user: str
    password: str = field(repr=False)
    sts_certificate: Certificate
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
        introduction = self._introduce()
        seal = SymmetricSeal(
            secret=introduction.secret,
            methods=self.methods,
            derivation=self.derivation,
            signing_octets=DERIVED_SIGNING_OCTETS,
            introduction=introduction,
        )
        octets = seal.protect(replace(message, tokens=(username_token(self.user, self.password),)))
        algorithms = accepted_algorithms(self.methods)
        request = open_symmetric(
            read_octets(octets),
            decrypters=[OwnKey(introduction)],
            algorithms=algorithms,
            now=message.now,
            freshness=Freshness(),
        ).protected
        request.take_signed(USERNAME_TOKEN, hidden=True)

        def open_answer(octets: bytes, now: datetime) -> Element:
            return read_answer(octets, to=request, secret=introduction.secret, algorithms=algorithms, now=now)

        return Sent(octets=octets, readable=request.opened.envelope.root, open_answer=open_answer)

    def _introduce(self) -> WrappedKey:
        """A new secret; where nothing is derived from it, of the length that it is used with."""
        if self.derivation is not None:
            return introduce(self.sts_certificate)
        return wrap_secret(new_key(self.methods.encryption), recipient=self.sts_certificate)


def read_answer(
    octets: bytes, *, to: ProtectedMessage, secret: BaseSecret, algorithms: Algorithms, now: datetime
) -> Element:
    """The answer's envelope: under the request's own secret, which makes it an answer to no other request; or under
    that of a security context, which does not.

    Raises StsError.
    """
    answer = open_symmetric(
        read_octets(octets), decrypters=[], algorithms=algorithms, now=now, freshness=Freshness(), known=[secret]
    ).protected
    demand_answer(answer, to=to, has_to_say=isinstance(secret, ContextSecret))
    return answer.opened.envelope.root
