"""SAML 1.1 assertions, bearer and holder-of-key (SAML core 1.1 section 2; wire contract rows 21 and 22)."""

from wstrust_sts import ns
from wstrust_sts.errors import RequestFailed
from wstrust_sts.model import AuthenticationMethod, Claim, IssuedToken, TokenDescriptor, TokenType
from wstrust_sts.ports import Signer
from wstrust_sts.tokens.assertion import optional, refuse_unsignable, sign, write_key_info
from wstrust_sts.wire.markup import attribute, text
from wstrust_sts.wire.times import write_time

_METHODS = {
    AuthenticationMethod.PASSWORD: ns.SAML11_AM_PASSWORD,
    AuthenticationMethod.PASSWORD_OVER_TLS: ns.SAML11_AM_PASSWORD,
    AuthenticationMethod.PASSWORD_DIGEST: ns.SAML11_AM_PASSWORD,
    AuthenticationMethod.PASSWORD_DIGEST_OVER_TLS: ns.SAML11_AM_PASSWORD,
    AuthenticationMethod.X509: ns.SAML11_AM_X509,
    AuthenticationMethod.TLS_CLIENT: ns.SAML11_AM_TLS_CLIENT,
    AuthenticationMethod.UNSPECIFIED: ns.SAML11_AM_UNSPECIFIED,
}


class Saml11Provider:
    """Writes and signs SAML 1.1 assertions. A `TokenProvider`."""

    token_types = frozenset({TokenType.SAML11})

    def issue(self, descriptor: TokenDescriptor, signer: Signer) -> IssuedToken:
        """Raises RequestFailed for a descriptor that cannot be written, and what the signer raises."""
        refuse_unsignable(descriptor)
        try:
            before = _conditions(descriptor) + _statements(descriptor)
        except ValueError as error:
            raise RequestFailed(f"the assertion cannot be written: {error}") from None
        return sign(descriptor, before=before, after="</saml:Assertion>", signer=signer)


def _conditions(descriptor: TokenDescriptor) -> str:
    issued = write_time(descriptor.lifetime.created)
    audiences = "".join(f"<saml:Audience>{text(audience)}</saml:Audience>" for audience in descriptor.audiences)
    return (
        f'<saml:Assertion xmlns:saml="{ns.SAML11}" AssertionID="{descriptor.token_id}" IssueInstant="{issued}"'
        f' Issuer="{attribute(descriptor.issuer)}" MajorVersion="1" MinorVersion="1">'
        f'<saml:Conditions NotBefore="{issued}" NotOnOrAfter="{write_time(descriptor.lifetime.expires)}">'
        f"<saml:AudienceRestrictionCondition>{audiences}</saml:AudienceRestrictionCondition></saml:Conditions>"
    )


def _statements(descriptor: TokenDescriptor) -> str:
    """Each statement repeats the subject: it stands on its own (section 2.4.2)."""
    subject = _subject(descriptor)
    actor = _actor(descriptor)
    claims = descriptor.attributes if actor is None else (*descriptor.attributes, actor)
    attributes = "".join(_attribute(claim) for claim in claims if claim.values)
    statement = f"<saml:AttributeStatement>{subject}{attributes}</saml:AttributeStatement>" if attributes else ""
    authenticated = "".join(
        f'<saml:AuthenticationStatement AuthenticationInstant="{write_time(descriptor.authentication_instant)}"'
        f' AuthenticationMethod="{_METHODS[method]}">{subject}</saml:AuthenticationStatement>'
        for method in descriptor.authentication_methods
    )
    return authenticated + statement


def _actor(descriptor: TokenDescriptor) -> Claim | None:
    """Who acts for the subject, as WIF writes and reads it: the last one, and in him the one before, each as the text
    of an Actor element with the attributes of that one. SAML 1.1 has no condition for it.
    """
    actor: Claim | None = None
    for delegate in descriptor.delegates:
        name = Claim(ns.CLAIM_NAME, (delegate.name,))
        told = "".join(_attribute(claim, declares=True) for claim in (name, actor) if claim is not None)
        actor = Claim(ns.CLAIM_ACTOR, (f"<Actor>{told}</Actor>",))
    return actor


def _subject(descriptor: TokenDescriptor) -> str:
    """SAML 1.1 has no SPNameQualifier, and no place for a recipient outside of its POST profile."""
    name = descriptor.subject
    qualifier = optional("NameQualifier", name.name_qualifier)
    key_info = write_key_info(descriptor)
    method = ns.SAML11_HOLDER_OF_KEY if key_info else ns.SAML11_BEARER
    return (
        f'<saml:Subject><saml:NameIdentifier Format="{attribute(name.format)}"{qualifier}>{text(name.value)}'
        f"</saml:NameIdentifier><saml:SubjectConfirmation><saml:ConfirmationMethod>{method}"
        f"</saml:ConfirmationMethod>{key_info}</saml:SubjectConfirmation></saml:Subject>"
    )


def _attribute(claim: Claim, *, declares: bool = False) -> str:
    """`declares`: it stands outside of the assertion."""
    xmlns = f' xmlns:saml="{ns.SAML11}"' if declares else ""
    namespace, name = split_name(claim.type)
    values = "".join(f"<saml:AttributeValue>{text(value)}</saml:AttributeValue>" for value in claim.values)
    return (
        f'<saml:Attribute{xmlns} AttributeName="{attribute(name)}" AttributeNamespace="{attribute(namespace)}">'
        f"{values}</saml:Attribute>"
    )


def split_name(claim_type: str) -> tuple[str, str]:
    """AttributeNamespace and AttributeName: the two sides of the last `/`.

    The namespace is a URI reference and must not be empty (section 1.2.2), nor may the name be. Where a claim's
    type has no such sides (`role`, `urn:oid:2.5.4.42`, `https://example.test/`), its whole text is the name, in
    the namespace of unspecified names; so is a type in just that namespace, to be read back unchanged.
    """
    namespace, _, name = claim_type.rpartition("/")
    if not namespace.strip() or not name or namespace == ns.SAML20_ATTRNAME_UNSPECIFIED:
        return ns.SAML20_ATTRNAME_UNSPECIFIED, claim_type
    return namespace, name
