"""SAML 1.1 and 2.0 assertions as they come back to us: verified as tokens of ours, or merely read for showing.

What is verified is read from the signed octets alone (`dsig.VerifiedElement`), so an assertion wrapped, moved
or doubled around a genuine signature says nothing here. Section numbers are those of the SAML cores.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from wstrust_sts import ns
from wstrust_sts.errors import FailedCheck, InvalidRequest, InvalidSecurityToken, UnsupportedAlgorithm
from wstrust_sts.model import Claim, TokenType, VerifiedToken
from wstrust_sts.ports import VerificationKey
from wstrust_sts.proof_keys import PublicProof
from wstrust_sts.wire.dsig import VerifiedElement, verify_enveloped_signature
from wstrust_sts.wire.public_keys import KEY_VALUE, X509_DATA, read_public_key
from wstrust_sts.wire.times import read_time
from wstrust_sts.wire.xml import Element

_WHITE_SPACE = " \t\r\n"
_TYPE = f"{{{ns.XSI}}}type"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Vocabulary:
    """What a version of SAML calls the things that both have."""

    token_type: TokenType
    namespace: str
    id_attribute: str
    version: tuple[tuple[str, str], ...]
    audience_restriction: str
    authentication: str
    authentication_instant: str

    def name(self, local: str) -> str:
        return f"{{{self.namespace}}}{local}"


_SAML20 = _Vocabulary(
    token_type=TokenType.SAML20,
    namespace=ns.SAML20,
    id_attribute="ID",
    version=(("Version", "2.0"),),
    audience_restriction="AudienceRestriction",
    authentication="AuthnStatement",
    authentication_instant="AuthnInstant",
)
_SAML11 = _Vocabulary(
    token_type=TokenType.SAML11,
    namespace=ns.SAML11,
    id_attribute="AssertionID",
    version=(("MajorVersion", "1"), ("MinorVersion", "1")),
    audience_restriction="AudienceRestrictionCondition",
    authentication="AuthenticationStatement",
    authentication_instant="AuthenticationInstant",
)
_BY_TAG = {vocabulary.name("Assertion"): vocabulary for vocabulary in (_SAML20, _SAML11)}


# -- verified ----------------------------------------------------------------------------------------------------


def verify_assertion(
    unverified: Element,
    *,
    keys: Sequence[VerificationKey],
    issuer: str,
    now: datetime,
    skew: timedelta,
    overdue: timedelta = timedelta(0),
) -> VerifiedToken:
    """The assertion as a token of ours: signed by one of `keys`, issued by `issuer`, within its times.

    `unverified` stays in the tree it came in, where its id must be the only one. `skew` is how far the clocks
    of our own nodes may be apart, `overdue` for how long after its end an assertion is still accepted.
    Raises InvalidSecurityToken, whose detail is for operators.
    """
    vocabulary = _vocabulary_of(unverified)
    verified = demand_signed(unverified, keys=keys)
    signed = verified.element
    for attribute, value in vocabulary.version:
        if signed.get(attribute) != value:
            raise InvalidSecurityToken(f"an assertion whose {attribute} is not {value}")
    if _issuer(signed, vocabulary) != issuer:
        raise InvalidSecurityToken("the assertion names another issuer")
    conditions = _only_child(signed, vocabulary.name("Conditions"))
    statements = signed.findall(vocabulary.name(vocabulary.authentication))  # one for each proof
    if not statements:
        raise InvalidSecurityToken(f"no {vocabulary.authentication}")
    return VerifiedToken(
        token_id=signed.get(vocabulary.id_attribute),
        token_type=vocabulary.token_type,
        issuer=issuer,
        digest=verified.digest,
        audiences=_audiences(conditions, vocabulary),
        authentication_instant=min(_instant(each, vocabulary.authentication_instant) for each in statements),
        expires_at=_verified_expiry(conditions, now=now, early=skew, late=skew + overdue),
        key_id=verified.key_id,
        public_key=_public_key(signed, vocabulary),
    )


def demand_signed(unverified: Element, *, keys: Sequence[VerificationKey]) -> VerifiedElement:
    """What one of `keys` signed of the assertion. It says nothing of issuer or times. Raises InvalidSecurityToken."""
    id_attribute = _vocabulary_of(unverified).id_attribute
    try:
        return verify_enveloped_signature(unverified, id_attribute=id_attribute, keys=keys)
    except (FailedCheck, UnsupportedAlgorithm) as refusal:
        raise InvalidSecurityToken(f"the assertion's signature: {refusal.detail}") from None


def id_of(unverified: Element) -> str:
    """What an assertion calls itself. Raises InvalidSecurityToken."""
    return _required(unverified, _vocabulary_of(unverified).id_attribute)


def confirmation_key(unverified: Element) -> PublicProof | None:
    """The public key that an assertion says it is bound to; None: none, or a secret. Raises InvalidSecurityToken."""
    return _public_key(unverified, _vocabulary_of(unverified))


def _public_key(signed: Element, vocabulary: _Vocabulary) -> PublicProof | None:
    """The public key that the assertion is bound to: None where it is bound to none, or to a secret."""
    place = ["Subject", "SubjectConfirmation", "SubjectConfirmationData"]  # of SAML 1.1, each statement has the same
    path = "/".join(vocabulary.name(name) for name in place[: 2 if vocabulary is _SAML11 else 3])
    key_info = signed.find(f".//{path}/{{{ns.DS}}}KeyInfo")
    named = None if key_info is None or len(key_info) != 1 else key_info[0]
    if named is None or named.tag not in (KEY_VALUE, X509_DATA):
        return None
    try:
        return read_public_key(named)
    except InvalidRequest as refusal:
        raise InvalidSecurityToken(f"the assertion's key: {refusal.detail}") from None


def _vocabulary_of(element: Element) -> _Vocabulary:
    vocabulary = _BY_TAG.get(element.tag)
    if vocabulary is None:
        raise InvalidSecurityToken("not a SAML 1.1 or 2.0 assertion")
    return vocabulary


def _issuer(signed: Element, vocabulary: _Vocabulary) -> str:
    if vocabulary is _SAML11:
        return _required(signed, "Issuer")
    return _only_text(_only_child(signed, vocabulary.name("Issuer")))


def _audiences(conditions: Element, vocabulary: _Vocabulary) -> tuple[str, ...]:
    """Whom the assertion is for, which is for the relying party to check. One of ours names them in one restriction.

    A condition that is not understood makes the assertion's validity unknown, and so invalid (2.0 section 2.5.1).
    """
    restriction = vocabulary.name(vocabulary.audience_restriction)
    for condition in conditions:
        if condition.tag != restriction and not _tells_delegates(condition):
            raise InvalidSecurityToken(f"an unknown condition {condition.tag[:128]}")
    return tuple(
        _only_text(audience) for audience in _only_child(conditions, restriction).findall(vocabulary.name("Audience"))
    )


def _tells_delegates(condition: Element) -> bool:
    """Whether it is a DelegationRestrictionType (SAML V2.0 Condition for Delegation Restriction 1.0 section 2.4).

    The prefix in xsi:type is not among the signed octets, but what the condition holds is. It restricts relying parties
    to what they think of those who act; here that is a matter of rules, and of the register, which knows them all.
    """
    kind: str = condition.get(_TYPE, "")
    return (
        condition.tag == f"{{{ns.SAML20}}}Condition"
        and kind.rpartition(":")[2] == "DelegationRestrictionType"
        and len(condition) > 0
        and all(child.tag == f"{{{ns.SAML20_DELEGATION}}}Delegate" for child in condition)
    )


def _verified_expiry(conditions: Element, *, now: datetime, early: timedelta, late: timedelta) -> datetime:
    """The end of the validity, when `now` is in it (2.0 section 2.5.1, 1.1 section 2.3.2.1)."""
    not_before = _instant(conditions, "NotBefore")
    not_on_or_after = _instant(conditions, "NotOnOrAfter")
    if now + early < not_before:
        raise InvalidSecurityToken("the assertion is not yet valid")
    if now - late >= not_on_or_after:
        raise InvalidSecurityToken("the assertion has expired")
    return not_on_or_after


def _instant(element: Element, attribute: str) -> datetime:
    try:
        return read_time(_required(element, attribute))
    except ValueError:
        raise InvalidSecurityToken(f"an unreadable {attribute}") from None


def _required(element: Element, attribute: str) -> str:
    value: str | None = element.get(attribute)
    if value is None:
        raise InvalidSecurityToken(f"an assertion without {attribute}")
    return value


def _only_child(parent: Element, tag: str) -> Element:
    found = parent.findall(tag)
    if len(found) != 1:
        raise InvalidSecurityToken(f"{len(found)} of {tag[-64:]} where there must be one")
    return found[0]


def _only_text(element: Element) -> str:
    if len(element):
        raise InvalidSecurityToken(f"{element.tag[-64:]} holds more than text")
    return element.text or ""


# -- merely read ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class AssertionView:
    """What an assertion says of itself, UNVERIFIED: for showing to people, never for deciding.

    What is absent is None or empty; times are as written.
    """

    token_id: str | None
    token_type: TokenType
    issuer: str | None
    issued_at: str | None
    subject: str | None
    subject_format: str | None
    confirmation_method: str | None
    recipient: str | None
    not_before: str | None
    not_on_or_after: str | None
    audiences: tuple[str, ...]
    authentication_methods: tuple[str, ...]
    authentication_instant: str | None
    attributes: tuple[Claim, ...]
    signed: bool
    delegates: tuple[str, ...] = ()  # of SAML 2.0; SAML 1.1 has them among the attributes


def read_assertion(unverified: Element) -> AssertionView:
    """Reads what can be read, tolerantly, and verifies nothing.

    Raises InvalidSecurityToken only for what is no assertion at all.
    """
    vocabulary = _vocabulary_of(unverified)
    name = vocabulary.name
    conditions = unverified.find(name("Conditions"))
    subject = unverified.find(f".//{name('Subject')}")
    data = _find(subject, f"{name('SubjectConfirmation')}/{name('SubjectConfirmationData')}")
    if vocabulary is _SAML20:
        issuer = _text(unverified.find(name("Issuer")))
        identifier = _find(subject, name("NameID"))
        confirmation_method = _attribute(_find(subject, name("SubjectConfirmation")), "Method")
        statements = unverified.findall(name("AuthnStatement"))
        context_class = f"{name('AuthnContext')}/{name('AuthnContextClassRef')}"
        methods = [_text(statement.find(context_class)) for statement in statements]
        instant = _attribute(next(iter(statements), None), "AuthnInstant")
    else:
        issuer = unverified.get("Issuer")
        identifier = _find(subject, name("NameIdentifier"))
        confirmation_method = _text(_find(subject, f"{name('SubjectConfirmation')}/{name('ConfirmationMethod')}"))
        statements = unverified.findall(name("AuthenticationStatement"))
        methods = [_attribute(statement, "AuthenticationMethod") for statement in statements]
        instant = _attribute(next(iter(statements), None), "AuthenticationInstant")
    return AssertionView(
        token_id=unverified.get(vocabulary.id_attribute),
        token_type=vocabulary.token_type,
        issuer=issuer,
        issued_at=unverified.get("IssueInstant"),
        subject=_text(identifier),
        subject_format=_attribute(identifier, "Format"),
        confirmation_method=confirmation_method,
        recipient=_attribute(data, "Recipient"),
        not_before=_attribute(conditions, "NotBefore"),
        not_on_or_after=_attribute(conditions, "NotOnOrAfter"),
        audiences=tuple(_text(audience) or "" for audience in unverified.iter(name("Audience"))),
        authentication_methods=tuple(method for method in methods if method),
        authentication_instant=instant,
        attributes=tuple(_read_attributes(unverified, vocabulary)),
        delegates=tuple(
            _text(delegate.find(name("NameID"))) or ""
            for delegate in unverified.iter(f"{{{ns.SAML20_DELEGATION}}}Delegate")
        ),
        signed=unverified.find(f"{{{ns.DS}}}Signature") is not None,
    )


def _read_attributes(unverified: Element, vocabulary: _Vocabulary) -> list[Claim]:
    read_name = _attribute_name_20 if vocabulary is _SAML20 else _attribute_name_11
    return [
        Claim(
            read_name(attribute),
            tuple("".join(value.itertext()) for value in attribute.findall(vocabulary.name("AttributeValue"))),
        )
        for statement in unverified.findall(vocabulary.name("AttributeStatement"))
        for attribute in statement.findall(vocabulary.name("Attribute"))
    ]


def _attribute_name_20(attribute: Element) -> str:
    name: str = attribute.get("Name", "")
    return name


def _attribute_name_11(attribute: Element) -> str:
    """The claim's name, put together as `tokens/saml11.py` took it apart."""
    namespace: str = attribute.get("AttributeNamespace", "")
    name: str = attribute.get("AttributeName", "")
    return name if namespace in ("", ns.SAML20_ATTRNAME_UNSPECIFIED) else f"{namespace}/{name}"


def _find(element: Element | None, path: str) -> Element | None:
    return None if element is None else element.find(path)


def _attribute(element: Element | None, name: str) -> str | None:
    return None if element is None else element.get(name)


def _text(element: Element | None) -> str | None:
    return None if element is None else "".join(element.itertext())
