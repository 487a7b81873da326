"""Exchanges under a secret that both sides have: the request as it went, and the answer under the same secret."""

from collections.abc import Sequence
from datetime import datetime

from wstrust_sts.cli.exchanges.exchange import Sent, accepted_algorithms, demand_answer, read_octets
from wstrust_sts.cli.exchanges.own_key import OwnKey
from wstrust_sts.wire.algorithms import Algorithms
from wstrust_sts.wire.contexts import ContextSecret
from wstrust_sts.wire.opening import BaseSecret
from wstrust_sts.wire.protection import ProtectedMessage
from wstrust_sts.wire.seal import Unsealed
from wstrust_sts.wire.sealing import SymmetricSeal
from wstrust_sts.wire.symmetric import open_symmetric
from wstrust_sts.wire.wsse import Freshness
from wstrust_sts.wire.xml import Element

DERIVED_SIGNING_OCTETS = 24  # WS-SecurityPolicy 1.2 section 6.1: 192 bits in every suite with 256 bits


def protect(message: Unsealed, *, seal: SymmetricSeal, hidden: Sequence[str] = ()) -> Sent:
    """A new exchange under the secret of `seal`: one that it introduces, or that of a security context.

    `hidden` are the names of the tokens that must go signed and encrypted. Raises InvalidSecurity: one does not.
    """
    octets = seal.protect(message)
    secret, introduction, algorithms = seal.secret, seal.introduction, accepted_algorithms(seal.methods)
    context = secret if isinstance(secret, ContextSecret) else None
    request = open_symmetric(
        read_octets(octets),
        decrypters=[] if introduction is None else [OwnKey(introduction)],
        algorithms=algorithms,
        now=message.now,
        freshness=Freshness(),
        find_context=None if context is None else lambda _: context,
    ).protected
    for name in hidden:
        request.take_signed(name, hidden=True)

    def open_answer(octets: bytes, now: datetime) -> Element:
        return read_answer(octets, to=request, secret=secret, algorithms=algorithms, now=now)

    return Sent(octets=octets, readable=request.opened.envelope.root, open_answer=open_answer)


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
