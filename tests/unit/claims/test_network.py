import ipaddress

import pytest

from tests.fakes import NOON
from wstrust_sts.claims.network import NetworkClaims
from wstrust_sts.model import Account, AuthenticationMethod, Claim, Principal
from wstrust_sts.relying_parties import RelyingParty

PARTY = RelyingParty(id="r1", realm="default", name="shop", applies_to=())
ACCOUNT = Account(id="a1", realm="default", name="alice", version=1)
INSIDE = ("10.0.0.0/8", "2001:db8:1::/48", "192.0.2.7/32")
CLAIM = "http://schemas.microsoft.com/ws/2012/01/insidecorporatenetwork"


def told(source: str, inside: tuple[str, ...] = INSIDE) -> list[Claim]:
    subject = Principal(
        realm="default", account=ACCOUNT, methods=(AuthenticationMethod.PASSWORD,), instant=NOON, source=source
    )
    networks = [ipaddress.ip_network(network) for network in inside]
    return list(NetworkClaims(networks).claims_for(subject, PARTY, ()))


@pytest.mark.parametrize("source", ["10.1.2.3", "192.0.2.7", "2001:db8:1::9", "::ffff:10.1.2.3"])
def test_who_asks_from_inside_is_told_to(source: str) -> None:
    assert told(source) == [Claim(CLAIM, ("true",))]


@pytest.mark.parametrize("source", ["192.0.2.8", "11.0.0.1", "2001:db8:2::9", "::ffff:11.0.0.1", "::10.1.2.3", "::1"])
def test_who_asks_from_outside_is_told_to(source: str) -> None:
    assert told(source) == [Claim(CLAIM, ("false",))]


@pytest.mark.parametrize("source", ["", "unix", "10.1.2.3, 192.0.2.1", "10.1.2.3:443", "010.1.2.3", "localhost"])
def test_nothing_is_told_of_where_nobody_knows(source: str) -> None:
    assert told(source) == []


@pytest.mark.parametrize("source", ["10.1.2.3", "192.0.2.8"])
def test_nothing_is_told_where_no_network_is_inside(source: str) -> None:
    assert told(source, ()) == []
