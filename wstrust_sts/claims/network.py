"""Whether the subject asks from inside: from one of the networks that the operator calls so."""

import ipaddress
from collections.abc import Iterable, Sequence

from wstrust_sts import ns
from wstrust_sts.model import Claim, Principal, RequestedClaim
from wstrust_sts.relying_parties import RelyingParty

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class NetworkClaims:
    """A ClaimSource: `true` or `false`, by the address that the subject's own request came from.

    It says nothing where no network is called inside, and nothing about a subject that asks through somebody else.
    """

    def __init__(self, inside: Sequence[Network]) -> None:
        self._inside = tuple(inside)

    def claims_for(
        self, subject: Principal, relying_party: RelyingParty, wanted: Sequence[RequestedClaim]
    ) -> Iterable[Claim]:
        address = _address(subject.source)
        if not self._inside or address is None:
            return ()
        inside = any(address in network for network in self._inside)
        return (Claim(ns.CLAIM_INSIDE_CORPORATE_NETWORK, ("true" if inside else "false",)),)


def _address(source: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """An IPv4 address in IPv6 form is that IPv4 address."""
    try:
        address = ipaddress.ip_address(source)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address):
        return address.ipv4_mapped or address
    return address
