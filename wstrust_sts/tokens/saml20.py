"""SAML 2.0 assertions, bearer and holder-of-key (SAML core 2.0 section 2; wire contract rows 21 and 22)."""

import re

from wstrust_sts import ns
from wstrust_sts.errors import RequestFailed
from wstrust_sts.model import AuthenticationMethod, Claim, IssuedToken, TokenDescriptor, TokenType
from wstrust_sts.ports import Signer
from wstrust_sts.tokens.assertion import optional, refuse_unsignable, sign, write_key_info
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
        return sign(descriptor, before=before, after=after, signer=signer)


def _issuer(descriptor: TokenDescriptor) -> str:
    """All that stands before the signature, the second child."""
    return (
        f'<saml2:Assertion xmlns:saml2="{ns.SAML20}" ID="{descriptor.token_id}"'
        f' IssueInstant="{write_time(descriptor.lifetime.created)}" Version="2.0">'
        f"<saml2:Issuer>{text(descriptor.issuer)}</saml2:Issuer>"
    )


def _statements(descriptor: TokenDescriptor) -> str:
    """All that stands behind the signature."""
    not_before = write_time(descriptor.lifetime.created)
    not_on_or_after = write_time(descriptor.lifetime.expires)
    audiences = "".join(f"<saml2:Audience>{text(audience)}</saml2:Audience>" for audience in descriptor.audiences)
    authenticated = "".join(
        f'<saml2:AuthnStatement AuthnInstant="{write_time(descriptor.authentication_instant)}"><saml2:AuthnContext>'
        f"<saml2:AuthnContextClassRef>{_CONTEXT_CLASSES[method]}"
        "</saml2:AuthnContextClassRef></saml2:AuthnContext></saml2:AuthnStatement>"
        for method in descriptor.authentication_methods
    )
    return (
        f"{_subject(descriptor, not_on_or_after)}"
        f'<saml2:Conditions NotBefore="{not_before}" NotOnOrAfter="{not_on_or_after}">'
        f"<saml2:AudienceRestriction>{audiences}</saml2:AudienceRestriction></saml2:Conditions>{authenticated}"
        f"{_attribute_statement(descriptor.attributes)}</saml2:Assertion>"
    )


def _subject(descriptor: TokenDescriptor, not_on_or_after: str) -> str:
    name = descriptor.subject
    qualifiers = optional("NameQualifier", name.name_qualifier) + optional("SPNameQualifier", name.sp_name_qualifier)
    recipient = optional("Recipient", descriptor.recipient)
    key_info = write_key_info(descriptor)
    method = ns.SAML20_HOLDER_OF_KEY if key_info else ns.SAML20_BEARER
    xsi = f' xmlns:xsi="{ns.XSI}"' if key_info else ""
    kind = ' xsi:type="saml2:KeyInfoConfirmationDataType"' if key_info else ""
    return (
        f'<saml2:Subject><saml2:NameID Format="{attribute(name.format)}"{qualifiers}>{text(name.value)}</saml2:NameID>'
        f'<saml2:SubjectConfirmation Method="{method}">'
        f'<saml2:SubjectConfirmationData{xsi} NotOnOrAfter="{not_on_or_after}"{recipient}{kind}>{key_info}'
        "</saml2:SubjectConfirmationData>"
        "</saml2:SubjectConfirmation></saml2:Subject>"
    )


def _attribute_statement(claims: tuple[Claim, ...]) -> str:
    """Nothing when there is nothing to state: the schema wants an Attribute, and a claim states its values."""
    attributes = "".join(_attribute(claim) for claim in claims if claim.values)
    return f"<saml2:AttributeStatement>{attributes}</saml2:AttributeStatement>" if attributes else ""


def _attribute(claim: Claim) -> str:
    named_by_uri = _ABSOLUTE_URI.fullmatch(claim.type) is not None
    name_format = ns.SAML20_ATTRNAME_URI if named_by_uri else ns.SAML20_ATTRNAME_UNSPECIFIED
    values = "".join(f"<saml2:AttributeValue>{text(value)}</saml2:AttributeValue>" for value in claim.values)
    return f'<saml2:Attribute Name="{attribute(claim.type)}" NameFormat="{name_format}">{values}</saml2:Attribute>'
