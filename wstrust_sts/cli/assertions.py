"""Assertions as commands show them, and their signatures as two independent libraries see them."""

from typing import Any

from lxml import etree

from wstrust_sts import ns
from wstrust_sts.cli.contexts import describe_context
from wstrust_sts.cli.output import Refusal
from wstrust_sts.cli.token_keys import describe_key, describe_sealed, unseal
from wstrust_sts.cli.token_markup import parse_token
from wstrust_sts.errors import InvalidSecurityToken
from wstrust_sts.model import TokenType
from wstrust_sts.ports import Decrypter
from wstrust_sts.wire.contexts import SECURITY_CONTEXT_TOKENS
from wstrust_sts.wire.saml import read_assertion

_NAMES = {TokenType.SAML20: "SAML 2.0", TokenType.SAML11: "SAML 1.1"}
_ID_ATTRIBUTES = {f"{{{ns.SAML20}}}Assertion": "ID", f"{{{ns.SAML11}}}Assertion": "AssertionID"}


class NotVerified(Refusal):
    """A signature that does not verify under the certificate given."""


def describe_token(token: bytes, *, opener: Decrypter | None = None) -> dict[str, Any]:
    """What an assertion or a security context token says of itself, unverified; with its relying party's key, `opener`,
    also what is encrypted.

    Raises Refusal for another kind of token, or one that is not for that key.
    """
    element = parse_token(token)
    sealed = describe_sealed(element)
    if sealed and opener is None:
        return sealed
    if sealed and opener is not None:
        element = parse_token(unseal(element, opener))
    if element.tag in SECURITY_CONTEXT_TOKENS:
        return sealed | describe_context(element)
    try:
        view = read_assertion(element)
    except InvalidSecurityToken:
        raise Refusal(
            "This token is neither a SAML 1.1 or 2.0 assertion nor a security context, and cannot be shown."
        ) from None
    return sealed | {
        "type": f"{_NAMES[view.token_type]} assertion",
        "id": view.token_id,
        "issuer": view.issuer,
        "subject": view.subject,
        "subject_format": view.subject_format,
        "confirmation": view.confirmation_method,
        **describe_key(element, opener),
        "recipient": view.recipient,
        "audiences": list(view.audiences),
        "issued_at": view.issued_at,
        "not_before": view.not_before,
        "not_on_or_after": view.not_on_or_after,
        "authenticated_by": ", ".join(view.authentication_methods) or None,
        "authenticated_at": view.authentication_instant,
        "delegates": list(view.delegates),
        "attributes": {claim.type: list(claim.values) for claim in view.attributes},
        "signed": view.signed,
    }


def verify_by_signxml(token: bytes, certificate: str) -> None:
    """`certificate` is PEM, and the only one trusted. Raises NotVerified."""
    from signxml.exceptions import InvalidInput, SignXMLException
    from signxml.verifier import XMLVerifier

    element = parse_token(token)
    try:
        result = XMLVerifier().verify(element, x509_cert=certificate, id_attribute=_id_attribute(element))
    except (SignXMLException, InvalidInput, ValueError) as error:
        raise NotVerified(f"The signature does not verify (signxml): {type(error).__name__}") from None
    results = result if isinstance(result, list) else [result]
    if not any(one.signed_xml is not None and one.signed_xml.tag == element.tag for one in results):
        raise NotVerified("The signature does not cover the assertion (signxml).")


def verify_by_xmlsec(token: bytes, certificate: str) -> None:
    """The same by libxmlsec, with what it reads and accepts kept small. Raises NotVerified."""
    import xmlsec

    from wstrust_sts.wire.native import check_native_libraries

    check_native_libraries()
    element = parse_token(token)
    attribute = _id_attribute(element)
    signature = element.find(f"{{{ns.DS}}}Signature")
    reference = None if signature is None else signature.find(f".//{{{ns.DS}}}Reference")
    if signature is None or reference is None or reference.get("URI") != f"#{element.get(attribute)}":
        raise NotVerified("The assertion has no signature of its own.")
    context = xmlsec.SignatureContext()
    try:
        context.key = xmlsec.Key.from_memory(certificate, xmlsec.constants.KeyDataFormatCertPem, None)
        context.register_id(element, attribute, None)
        context.verify(signature)
    except (xmlsec.Error, etree.LxmlError) as error:
        raise NotVerified(f"The signature does not verify (xmlsec): {type(error).__name__}") from None


def _id_attribute(element: etree._Element) -> str:
    attribute = _ID_ATTRIBUTES.get(element.tag)
    if attribute is None:
        raise NotVerified("This is not an assertion, and its signature cannot be verified.")
    return attribute
