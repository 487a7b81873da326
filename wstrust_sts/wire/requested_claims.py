"""wst:Claims in the dialects that clients write (WS-Trust 1.3 section 4.1.1), as one list of wishes."""

from wstrust_sts import ns
from wstrust_sts.errors import InvalidRequest
from wstrust_sts.model import RequestedClaim
from wstrust_sts.wire.xml import Element, boolean, children, local, text_of

_MAX_CLAIMS = 256
_MAX_NAME = 1024
_CLAIM_TYPE = frozenset(
    {
        f"{{{ns.IDENTITY}}}ClaimType",
        f"{{{ns.IDENTITY}}}ClaimValue",
        f"{{{ns.AUTHORIZATION}}}ClaimType",
    }
)
_VALUE = frozenset({f"{{{ns.IDENTITY}}}Value", f"{{{ns.AUTHORIZATION}}}Value"})
_ATTRIBUTE = f"{{{ns.SAML20}}}Attribute"
_ATTRIBUTE_VALUE = f"{{{ns.SAML20}}}AttributeValue"


def read_claims(element: Element) -> tuple[RequestedClaim, ...]:
    """The claims asked for, in order. Raises InvalidRequest: a wish that cannot be read might be mandatory."""
    wishes = children(element)
    if len(wishes) > _MAX_CLAIMS:
        raise InvalidRequest("too many claims")
    return tuple(_read_claim(wish) for wish in wishes)


def _read_claim(wish: Element) -> RequestedClaim:
    if wish.tag in _CLAIM_TYPE:
        return RequestedClaim(_name(wish, "Uri"), _optional(wish), _values(wish, _VALUE))
    if wish.tag == _ATTRIBUTE:
        return RequestedClaim(_name(wish, "Name"), _optional(wish), _values(wish, frozenset({_ATTRIBUTE_VALUE})))
    raise InvalidRequest(f"a claim in an unknown dialect: {local(wish)}")


def _name(wish: Element, attribute: str) -> str:
    name = (wish.get(attribute) or "").strip()
    if not 0 < len(name) <= _MAX_NAME:
        raise InvalidRequest(f"{local(wish)} without {attribute}, or with one that is too long")
    return str(name)


def _optional(wish: Element) -> bool:
    try:
        return boolean(wish.get("Optional", "false"))
    except ValueError:
        raise InvalidRequest("Optional is not a boolean") from None


def _values(wish: Element, names: frozenset[str]) -> tuple[str, ...]:
    values = children(wish)
    if any(value.tag not in names for value in values):
        raise InvalidRequest(f"{local(wish)} holds more than values")
    return tuple(text_of(value) for value in values)
