"""What the layout of an endpoint decides beside the text of its answers, where the configuration says nothing else."""

from collections.abc import Mapping
from dataclasses import dataclass

from wstrust_sts import ns
from wstrust_sts.model import TokenType


@dataclass(frozen=True, slots=True, kw_only=True)
class LayoutDefaults:
    """`token_type` where nobody names one; `saml11_uri`, `saml20_prefix` and `saml20_explicit` as in
    Endpoint.
    """

    token_type: TokenType = TokenType.SAML20
    saml11_uri: str = ns.TP11_SAML11
    saml20_prefix: str = "saml2"
    saml20_explicit: bool = False


_DEFAULTS: Mapping[str, LayoutDefaults] = {
    "adfs": LayoutDefaults(token_type=TokenType.SAML11, saml11_uri=ns.SAML11, saml20_prefix=""),
    "vmware": LayoutDefaults(saml20_explicit=True),
}


def defaults_of(layout: str) -> LayoutDefaults:
    """Those of a layout by its name; most have the usual ones."""
    return _DEFAULTS.get(layout, LayoutDefaults())
