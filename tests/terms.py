"""What an endpoint asks of a message, for tests that read messages without an STS around it."""

from tests.fakes import NOON
from wstrust_sts.keys import LocalMessageKey
from wstrust_sts.wire.algorithms import DEFAULT
from wstrust_sts.wire.terms import Terms
from wstrust_sts.wire.wsse import Freshness, Transport


def over_tls(**how: object) -> Terms:
    """At NOON, without any key; `how` are fields that are otherwise."""
    values: dict[str, object] = {
        "transport": Transport(tls=True),
        "now": NOON,
        "freshness": Freshness(),
        "algorithms": DEFAULT,
        "tolerances": frozenset(),
        "decrypters": tuple,
        "signer": _no_signer,
    }
    return Terms(**(values | how))


def _no_signer() -> LocalMessageKey:
    raise AssertionError("nothing is signed where TLS protects the message")
