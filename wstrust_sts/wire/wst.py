"""The RequestSecurityToken of WS-Trust 2005/02, 1.3 and 1.4, read into the one request model.

Every child is known by name: what has a place in the model goes there, what is understood and not offered is
listed in `unsupported` for the policy to refuse, what means nothing for the tokens issued here is passed over
by name, and a WS-Trust element nobody has heard of is refused.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TypeVar

from wstrust_sts import ns
from wstrust_sts.delegation_rules import AssertedSubject
from wstrust_sts.errors import BadRequest, InvalidRequest, InvalidSecurity
from wstrust_sts.model import KeyType, LifetimeWish, Operation, RequestSecurityToken, TrustVersion
from wstrust_sts.ports import Decrypter
from wstrust_sts.proof_keys import OfferedSecret, ProvedKey
from wstrust_sts.received_tokens import (
    PresentedAssertion,
    PresentedContext,
    PresentedReference,
    ReceivedToken,
    UnknownToken,
)
from wstrust_sts.wire.contexts import SECURITY_CONTEXT_TOKENS, read_context_token
from wstrust_sts.wire.entropy import read_entropy
from wstrust_sts.wire.keyinfo import MAX_IDENTIFIER
from wstrust_sts.wire.requested_claims import read_claims
from wstrust_sts.wire.times import read_time
from wstrust_sts.wire.use_key import read_use_key
from wstrust_sts.wire.wsp import APPLIES_TO, ENDPOINT_REFERENCE, read_address, read_applies_to
from wstrust_sts.wire.wsse import USERNAME_TOKEN
from wstrust_sts.wire.xml import Element, boolean, children, local, text_of, trimmed

_T = TypeVar("_T")

_ASSERTIONS = frozenset({f"{{{ns.SAML20}}}Assertion", f"{{{ns.SAML11}}}Assertion"})
_TOKEN_REFERENCE = f"{{{ns.WSSE}}}SecurityTokenReference"
_POLICY = frozenset(
    f"{{{namespace}}}{name}" for namespace in (ns.WSP02, ns.WSP04, ns.WSP15) for name in ("Policy", "PolicyReference")
)

_NOT_OFFERED = frozenset(
    {
        "DelegateTo",
        "Encryption",
        "ProofEncryption",
        "BinaryExchange",
        "InteractiveChallenge",
        "AuthenticationType",
    }
)
"""Understood, and refused by name: these would change what the token says or who may use it."""

_WITHOUT_EFFECT = frozenset(
    {
        "AllowPostdating",
        "EncryptWith",
        "KeyWrapAlgorithm",
        "SignWith",
        "SignChallenge",
    }
)
"""Wishes about what a key will be used with, which its holder and its service agree on, or permissions not used."""

_SUBJECTS = frozenset({"ActAs", "OnBehalfOf"})
_FOR_WHOM = _SUBJECTS | {"AppliesTo"}
"""Passed over, these would leave the requestor as the subject, or another relying party than that which is meant."""

_USERNAME = f"{{{ns.WSSE}}}Username"
_MAX_USERNAME = 512

_WITHOUT_ENTROPY = frozenset({KeyType.BEARER, KeyType.PUBLIC})  # clients send one all the same, even an empty one
_MAX_CONTEXT = 1024

_TARGETS = frozenset({"CancelTarget", "RenewTarget", "ValidateTarget"})
_FLAGS = frozenset({"Delegatable", "Forwardable"})  # a token can be delegated where a rule says so; none is forwarded


def read_rst(
    element: Element,
    *,
    version: TrustVersion,
    action: Operation | None,
    of_context: bool = False,
    proved: Sequence[ProvedKey] = (),
    decrypters: Callable[[], Sequence[Decrypter]] = tuple,
) -> RequestSecurityToken:
    """The request in `element` (WS-Trust 1.3 section 3), which the endpoint speaks `version` of.

    `action` is the operation that the message's addressing named, if any; RequestType must agree with it. `of_context`:
    it named one of WS-SecureConversation. `proved` are the keys that UseKey may only name; `decrypters` are asked for
    where a key is encrypted for one of them.

    Raises InvalidRequest (unreadable, doubled, contradictory), BadRequest (an unknown request type, a collection), and
    what `decrypters` raises.
    """
    trust = version.namespace
    _demand_request(element, trust)
    fields = _read_fields(element, version)
    operation = _read_operation(fields.get("RequestType"), trust, action)
    target = _read_target(fields, operation, element)
    key_type_uri = _text(fields, "KeyType")
    key_type = _read_key_type(key_type_uri, trust)
    renewing = fields.get("Renewing")
    if of_context:
        _demand_about_context(operation, _text(fields, "TokenType"), target)
    return RequestSecurityToken(
        version=version,
        operation=operation,
        of_context=of_context,
        context=_read_context(element),
        token_type=_text(fields, "TokenType") or (_context_type(trust) if of_context else None),
        key_type=key_type,
        key_type_uri=key_type_uri,
        key_size=_read_key_size(fields.get("KeySize")),
        entropy=_read_entropy(fields.get("Entropy"), key_type, trust, decrypters),
        computed_key_algorithm=_text(fields, "ComputedKeyAlgorithm"),
        use_key=_optional(fields, "UseKey", partial(read_use_key, proved=proved)),
        applies_to=_optional(fields, "AppliesTo", read_applies_to),
        participants=_optional(fields, "Participants", partial(_read_participants, trust=trust)) or (),
        claims=_optional(fields, "Claims", read_claims) or (),
        lifetime=_optional(fields, "Lifetime", _read_lifetime),
        issuer=_optional(fields, "Issuer", read_address),
        signature_algorithm=_text(fields, "SignatureAlgorithm"),
        canonicalization_algorithm=_text(fields, "CanonicalizationAlgorithm"),
        encryption_algorithm=_text(fields, "EncryptionAlgorithm"),
        renewing_allowed=renewing is None or _flag(renewing, "Allow", default=True),
        renewing_after_expiry=renewing is not None and _flag(renewing, "OK", default=False),
        target=target,
        on_behalf_of=_read_subject(fields.get("OnBehalfOf"), element),
        act_as=_read_subject(fields.get("ActAs"), element),
        unsupported=tuple(sorted(name for name in fields if _refused(name, fields[name]))),
    )


def _demand_request(element: Element, trust: str) -> None:
    if element.tag == f"{{{trust}}}RequestSecurityTokenCollection":
        raise BadRequest("a RequestSecurityTokenCollection")
    if element.tag != f"{{{trust}}}RequestSecurityToken":
        raise InvalidRequest(f"the Body holds {local(element)}, not a RequestSecurityToken of {trust}")


def _read_fields(element: Element, version: TrustVersion) -> dict[str, Element]:
    """The children by local name, each once; those of SecondaryParameters count where the RST has none of its own."""
    fields = _collect(element, version)
    secondary = fields.pop("SecondaryParameters", None)
    if secondary is not None:
        fields = _collect(secondary, version, nested=True) | fields
    if fields.keys() >= _SUBJECTS:
        raise InvalidRequest("OnBehalfOf and ActAs together")
    return fields


def _collect(element: Element, version: TrustVersion, *, nested: bool = False) -> dict[str, Element]:
    fields: dict[str, Element] = {}
    for child in children(element):
        name = _field_name(child, version, nested=nested)
        if name is None:
            continue
        if name in fields:
            raise InvalidRequest(f"a second {name}")
        fields[name] = child
    return fields


def _optional(fields: Mapping[str, Element], name: str, read: Callable[[Element], _T]) -> _T | None:
    """What `read` makes of a field that is there."""
    element = fields.get(name)
    return None if element is None else read(element)


def _field_name(child: Element, version: TrustVersion, *, nested: bool) -> str | None:
    """The name a child goes by, or None for an extension of somebody else's, which is passed over."""
    tag = child.tag
    if tag in APPLIES_TO:
        return "AppliesTo"
    if tag in _ASSERTIONS or tag in SECURITY_CONTEXT_TOKENS or tag == _TOKEN_REFERENCE:
        return "Token"
    if tag in _POLICY:
        return "Policy"
    namespace, _, name = tag[1:].partition("}")
    if namespace == version.namespace or namespace == ns.WST14:
        if name not in _KNOWN or (nested and name == "SecondaryParameters"):
            raise InvalidRequest(f"an unknown element {local(child)}")
        return str(name)
    if namespace in (ns.WST05, ns.WST13):
        raise InvalidRequest("two versions of WS-Trust in one request")
    if tag in _SUBJECTS:  # in no namespace
        return str(tag)
    if local(child) in _FOR_WHOM:
        raise InvalidRequest(f"{local(child)} in a namespace that is not known here")
    return None


_KNOWN = (
    _NOT_OFFERED
    | _WITHOUT_EFFECT
    | _FLAGS
    | _SUBJECTS
    | _TARGETS
    | {
        "AdditionalContext",
        "CanonicalizationAlgorithm",
        "Claims",
        "ComputedKeyAlgorithm",
        "EncryptionAlgorithm",
        "Entropy",
        "Issuer",
        "KeySize",
        "KeyType",
        "Lifetime",
        "Participants",
        "Renewing",
        "RequestType",
        "SecondaryParameters",
        "SignatureAlgorithm",
        "TokenType",
        "UseKey",
    }
)


def _refused(name: str, element: Element) -> bool:
    """Whether a field is understood and not offered."""
    if name in _FLAGS:
        return _read(element, boolean) and name != "Delegatable"
    return name in _NOT_OFFERED or name == "Policy"


def _text(fields: dict[str, Element], name: str) -> str | None:
    return trimmed(fields[name]) or None if name in fields else None


def _read_context(element: Element) -> str | None:
    context: str | None = element.get("Context")
    if context is not None and len(context) > _MAX_CONTEXT:
        raise InvalidRequest("Context is too long")
    return context


def _read(element: Element, reader: Callable[[str], _T]) -> _T:
    try:
        return reader(trimmed(element))
    except ValueError as error:
        raise InvalidRequest(f"{local(element)}: {error}") from None


def _read_operation(element: Element | None, trust: str, action: Operation | None) -> Operation:
    """wsa:Action and RequestType name one operation; either alone is enough (wire contract row 2)."""
    if element is None:
        if action is None:
            raise InvalidRequest("neither an action nor a RequestType")
        return action
    uri = trimmed(element)
    named = next((operation for operation in Operation if uri == f"{trust}/{operation.value}"), None)
    if named is None:
        raise BadRequest("an unknown RequestType")
    if action not in (None, named):
        raise InvalidRequest("the action and RequestType disagree")
    return named


def _context_type(trust: str) -> str:
    return f"{ns.WSC_OF_TRUST[trust]}/sct"


def _demand_about_context(operation: Operation, token_type: str | None, target: ReceivedToken | None) -> None:
    """An action of WS-SecureConversation is about a context and nothing else (sections 3, 5 and 6)."""
    if token_type not in (None, *ns.SCT_TOKEN_TYPES):
        raise InvalidRequest("the action and TokenType disagree")
    if operation is not Operation.ISSUE and not isinstance(target, PresentedContext):
        raise InvalidRequest("the action is for security contexts, and the target is none")


def _read_key_type(uri: str | None, trust: str) -> KeyType | None:
    if uri is None:
        return None
    if uri == ns.NO_PROOF_KEY:
        return KeyType.BEARER
    for key_type in KeyType:
        if uri == f"{trust}/{key_type.value}":
            return key_type
    raise BadRequest("an unknown KeyType")


def _read_entropy(
    element: Element | None, key_type: KeyType | None, trust: str, decrypters: Callable[[], Sequence[Decrypter]]
) -> OfferedSecret | None:
    if element is None or key_type in _WITHOUT_ENTROPY:
        return None
    return read_entropy(element, trust=trust, decrypters=decrypters)


def _read_key_size(element: Element | None) -> int | None:
    if element is None:
        return None
    text = trimmed(element, limit=64)
    if not (text.isascii() and text.isdigit()) or len(text) > 6:
        raise InvalidRequest("KeySize is not a number of bits")
    return int(text)


def _read_lifetime(element: Element) -> LifetimeWish:
    times = {}
    for child in children(element):
        name = local(child)
        if child.tag not in (f"{{{ns.WSU}}}Created", f"{{{ns.WSU}}}Expires") or name in times:
            raise InvalidRequest("a Lifetime holds at most one Created and one Expires")
        times[name] = _read(child, read_time)
    return LifetimeWish(times.get("Created"), times.get("Expires"))


def _flag(element: Element, name: str, *, default: bool) -> bool:
    written = element.get(name)
    if written is None:
        return default
    try:
        return boolean(written)
    except ValueError:
        raise InvalidRequest(f"{local(element)}/@{name} is not a boolean") from None


def _read_participants(element: Element, trust: str) -> tuple[str, ...]:
    """The addresses of wst:Primary and wst:Participant (WS-Trust 1.3 section 9.5)."""
    addresses = []
    for child in children(element):
        if child.tag not in (f"{{{trust}}}Primary", f"{{{trust}}}Participant"):
            raise InvalidRequest("Participants holds more than Primary and Participant")
        references = children(child)
        if len(references) != 1 or references[0].tag not in ENDPOINT_REFERENCE:
            raise InvalidRequest(f"{local(child)} without exactly one EndpointReference")
        addresses.append(read_address(references[0]))
    return tuple(addresses)


def _read_target(fields: dict[str, Element], operation: Operation, rst: Element) -> ReceivedToken | None:
    """The token a Validate or Cancel is about; a 2005 Validate may carry it without ValidateTarget (row 27)."""
    targets = [name for name in fields if name in _TARGETS]
    own = f"{operation.value}Target"
    if targets not in ([], [own]):
        raise InvalidRequest(f"{targets[0]} in a request to {operation.value}")
    target = fields.get(own)
    if target is not None:
        inside = children(target)
        if len(inside) != 1 or "Token" in fields:
            raise InvalidRequest(f"{local(target)} holds not exactly one token")
        return read_token(inside[0], rst)
    if "Token" in fields and operation is Operation.VALIDATE:
        return read_token(fields["Token"], rst)
    if "Token" in fields:
        raise InvalidRequest("a token outside of any target")
    return None


def _read_subject(element: Element | None, rst: Element) -> ReceivedToken | None:
    """Whom ActAs or OnBehalfOf is about: a token, or a UsernameToken that proves nothing (WS-Trust 1.4 sections 9.1 and
    9.3). None: there is no such element. Raises InvalidRequest, BadRequest.
    """
    if element is None:
        return None
    inside = children(element)
    if len(inside) != 1:
        raise InvalidRequest(f"{local(element)} holds not exactly one token")
    if inside[0].tag in ENDPOINT_REFERENCE:
        raise BadRequest(f"an EndpointReference in {local(element)}")
    if inside[0].tag != USERNAME_TOKEN:
        return read_token(inside[0], rst)
    named = children(inside[0])
    if [part.tag for part in named] != [_USERNAME]:
        raise InvalidRequest(f"a UsernameToken in {local(element)} with more or less than a Username")
    return AssertedSubject(text_of(named[0], limit=_MAX_USERNAME))


def read_token(element: Element, tree: Element) -> ReceivedToken:
    """A token as presented, nothing of it verified. `tree` is any element of its document."""
    if element.tag in _ASSERTIONS:
        return PresentedAssertion(element, tree.getroottree().getroot())
    if element.tag in SECURITY_CONTEXT_TOKENS:
        return _read_context_target(element)
    if element.tag == _TOKEN_REFERENCE:
        return _read_reference(element, tree)
    return UnknownToken(str(element.tag))


def _read_context_target(element: Element) -> PresentedContext:
    try:
        name = read_context_token(element)
    except InvalidSecurity as error:
        raise InvalidRequest(error.detail) from None
    return PresentedContext(name.identifier, name.instance)


def _read_reference(element: Element, tree: Element) -> ReceivedToken:
    """A KeyIdentifier or Reference to a SAML assertion by its id, a Reference to a context by its absolute identifier,
    or the token embedded (WSS 1.1 section 7, WS-SecureConversation 1.3 section 8).
    """
    inside = children(element)
    if len(inside) != 1:
        raise InvalidRequest("a SecurityTokenReference to not exactly one token")
    named = inside[0]
    if named.tag == f"{{{ns.WSSE}}}KeyIdentifier":
        if named.get("ValueType") not in (ns.SAML11_KEY_IDENTIFIER, ns.SAML20_KEY_IDENTIFIER):
            return UnknownToken(str(named.get("ValueType"))[:256])
        return PresentedReference(trimmed(named))
    if named.tag == f"{{{ns.WSSE}}}Reference":
        return _read_direct_reference(named)
    if named.tag == f"{{{ns.WSSE}}}Embedded":
        embedded = children(named)
        if len(embedded) == 1 and embedded[0].tag in _ASSERTIONS | SECURITY_CONTEXT_TOKENS:
            return read_token(embedded[0], tree)
    return UnknownToken(str(named.tag))


def _read_direct_reference(reference: Element) -> PresentedReference | PresentedContext:
    """Ids of assertions have no colon, and identifiers of contexts have one."""
    uri: str = reference.get("URI") or ""
    if uri.startswith("#") or ":" not in uri:
        return PresentedReference(uri.removeprefix("#")[:1024])
    instances = [
        found for namespace in (ns.WSC13, ns.WSC05) if (found := reference.get(f"{{{namespace}}}Instance")) is not None
    ]
    if len(instances) > 1 or any(not 0 < len(name) <= MAX_IDENTIFIER for name in [uri, *instances]):
        raise InvalidRequest("a reference to a security context with too long a name, or with several")
    return PresentedContext(uri, instances[0] if instances else None)
