"""SAML 2.0 assertions, bearer and holder-of-key (SAML core 2.0 section 2; wire contract rows 21 and 22).

An explicit assertion (`saml20_explicit`) is one that a client can write again, octet for octet, from the structures of
vCenter's assertions: the issuer's name has a format, each attribute a friendly name and typed values, there is one
AuthnStatement, and the end of a holder-of-key token is said by its Conditions alone.
"""

import re
from collections.abc import Iterator

from wstrust_sts import ns
from wstrust_sts.errors import RequestFailed
from wstrust_sts.model import AuthenticationMethod, Claim, IssuedToken, TokenDescriptor, TokenType
from wstrust_sts.ports import Signer
from wstrust_sts.tokens.assertion import declaration_of, optional, refuse_unsignable, sign, write_key_info
from wstrust_sts.wire.markup import attribute, text
from wstrust_sts.wire.times import write_time

_CONTEXT_CLASSES = {
    AuthenticationMethod.PASSWORD: ns.SAML20_AC_PASSWORD,
    AuthenticationMethod.PASSWORD_OVER_TLS: ns.SAML20_AC_PASSWORD_PROTECTED,
    AuthenticationMethod.PASSWORD_DIGEST: ns.SAML20_AC_PASSWORD,
    AuthenticationMethod.PASSWORD_DIGEST_OVER_TLS: ns.SAML20_AC_PASSWORD_PROTECTED,
    AuthenticationMethod.X509: ns.SAML20_AC_X509,
    AuthenticationMethod.TLS_CLIENT: ns.SAML20_AC_TLS_CLIENT,
    AuthenticationMethod.UNSPECIFIED: ns.SAML20_AC_UNSPECIFIED,
}
_ABSOLUTE_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]+")


class Saml20Provider:
    """Writes and signs SAML 2.0 assertions. A `TokenProvider`."""

    token_types = frozenset({TokenType.SAML20})

    def issue(self, descriptor: TokenDescriptor, signer: Signer) -> IssuedToken:
        """Raises RequestFailed for a descriptor that cannot be written, and what the signer raises."""
        refuse_unsignable(descriptor)
        try:
            before, after = _issuer(descriptor), _statements(descriptor)
        except ValueError as error:
            raise RequestFailed(f"the assertion cannot be written: {error}") from None
        return sign(descriptor, before=before, after=after, signer=signer, declared=tuple(_declared(descriptor)))


def _issuer(descriptor: TokenDescriptor) -> str:
    """All that stands before the signature, the second child."""
    p = _prefix(descriptor)
    format_ = f' Format="{ns.NAMEID_ENTITY}"' if descriptor.saml20_explicit else ""
    return (
        f"{_start_tag(descriptor)}"
        f' IssueInstant="{write_time(descriptor.lifetime.created)}" Version="2.0">'
        f"<{p}Issuer{format_}>{text(descriptor.issuer)}</{p}Issuer>"
    )


def _start_tag(descriptor: TokenDescriptor, *, more: str = "") -> str:
    return f'<{_prefix(descriptor)}Assertion {declaration_of(descriptor)}{more} ID="{descriptor.token_id}"'


def _prefix(descriptor: TokenDescriptor) -> str:
    """What stands before the name of each element of SAML."""
    return f"{descriptor.saml20_prefix}:" if descriptor.saml20_prefix else ""


def _statements(descriptor: TokenDescriptor) -> str:
    """All that stands behind the signature."""
    p = _prefix(descriptor)
    not_before = write_time(descriptor.lifetime.created)
    not_on_or_after = write_time(descriptor.lifetime.expires)
    audiences = "".join(f"<{p}Audience>{text(audience)}</{p}Audience>" for audience in descriptor.audiences)
    authenticated = "".join(
        f'<{p}AuthnStatement AuthnInstant="{write_time(descriptor.authentication_instant)}"><{p}AuthnContext>'
        f"<{p}AuthnContextClassRef>{_CONTEXT_CLASSES[method]}"
        f"</{p}AuthnContextClassRef></{p}AuthnContext></{p}AuthnStatement>"
        for method in descriptor.authentication_methods[: 1 if descriptor.saml20_explicit else None]
    )
    return (
        f"{_subject(descriptor, p, not_on_or_after)}"
        f'<{p}Conditions NotBefore="{not_before}" NotOnOrAfter="{not_on_or_after}">'
        f"<{p}AudienceRestriction>{audiences}</{p}AudienceRestriction>{_delegation(descriptor, p)}</{p}Conditions>"
        f"{authenticated}{_attribute_statement(descriptor, p)}</{p}Assertion>"
    )


def _condition(p: str, *, declared: str = "") -> str:
    return f'<{p}Condition{declared} xmlns:xsi="{ns.XSI}" xsi:type="del:DelegationRestrictionType">'


def _declared(descriptor: TokenDescriptor) -> Iterator[tuple[str, str]]:
    """Start tags as they are signed and as they go out: the prefix in an xsi:type has to be declared there, where the
    canonical form, which knows names alone, drops it.
    """
    if descriptor.delegates:
        p = _prefix(descriptor)
        yield _condition(p), _condition(p, declared=f' xmlns:del="{ns.SAML20_DELEGATION}"')
    if descriptor.saml20_explicit:
        yield _start_tag(descriptor), _start_tag(descriptor, more=f' xmlns:xs="{ns.XS}"')


def _delegation(descriptor: TokenDescriptor, p: str) -> str:
    """Who acts for the subject (SAML V2.0 Condition for Delegation Restriction 1.0), the first one first."""
    delegates = "".join(
        f'<del:Delegate xmlns:del="{ns.SAML20_DELEGATION}" DelegationInstant="{write_time(delegate.instant)}">'
        f'<{p}NameID Format="{attribute(delegate.format)}">{text(delegate.name)}</{p}NameID></del:Delegate>'
        for delegate in descriptor.delegates
    )
    return f"{_condition(p)}{delegates}</{p}Condition>" if delegates else ""


def _subject(descriptor: TokenDescriptor, p: str, not_on_or_after: str) -> str:
    name = descriptor.subject
    qualifiers = optional("NameQualifier", name.name_qualifier) + optional("SPNameQualifier", name.sp_name_qualifier)
    recipient = optional("Recipient", descriptor.recipient)
    key_info = write_key_info(descriptor)
    method = ns.SAML20_HOLDER_OF_KEY if key_info else ns.SAML20_BEARER
    xsi = f' xmlns:xsi="{ns.XSI}"' if key_info else ""
    until = f' NotOnOrAfter="{not_on_or_after}"{recipient}'
    if key_info and descriptor.saml20_explicit:
        until = ""
    kind = f' xsi:type="{p}KeyInfoConfirmationDataType"' if key_info else ""
    return (
        f'<{p}Subject><{p}NameID Format="{attribute(name.format)}"{qualifiers}>{text(name.value)}</{p}NameID>'
        f'<{p}SubjectConfirmation Method="{method}">'
        f"<{p}SubjectConfirmationData{xsi}{until}{kind}>{key_info}"
        f"</{p}SubjectConfirmationData>"
        f"</{p}SubjectConfirmation></{p}Subject>"
    )


def _attribute_statement(descriptor: TokenDescriptor, p: str) -> str:
    """Nothing when there is nothing to state: the schema wants an Attribute, and a claim states its values."""
    write = _explicit_attribute if descriptor.saml20_explicit else _attribute
    attributes = "".join(write(claim, p) for claim in descriptor.attributes if claim.values)
    return f"<{p}AttributeStatement>{attributes}</{p}AttributeStatement>" if attributes else ""


def _attribute(claim: Claim, p: str) -> str:
    values = "".join(f"<{p}AttributeValue>{text(value)}</{p}AttributeValue>" for value in claim.values)
    name = f'Name="{attribute(claim.type)}" NameFormat="{_name_format(claim)}"'
    return f"<{p}Attribute {name}>{values}</{p}Attribute>"


def _explicit_attribute(claim: Claim, p: str) -> str:
    """With a friendly name even where nobody gave one: the last part of its type."""
    friendly = claim.friendly_name or re.split("[/:]", claim.type)[-1]
    values = "".join(
        f'<{p}AttributeValue xmlns:xsi="{ns.XSI}" xsi:type="xs:string">{text(value)}</{p}AttributeValue>'
        for value in claim.values
    )
    name = f'Name="{attribute(claim.type)}" NameFormat="{_name_format(claim)}"'
    return f'<{p}Attribute FriendlyName="{attribute(friendly)}" {name}>{values}</{p}Attribute>'


def _name_format(claim: Claim) -> str:
    return ns.SAML20_ATTRNAME_UNSPECIFIED if _ABSOLUTE_URI.fullmatch(claim.type) is None else ns.SAML20_ATTRNAME_URI
