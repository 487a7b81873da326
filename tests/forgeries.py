"""Every way to forge a token that the STS of tests/harness.py issued, by name.

Some are signed again by its own key, in a form that is not allowed: what is refused is the form.
"""

import copy
import hashlib
import re
from collections.abc import Callable

from lxml import etree

from tests import messages
from tests.assertions import ID_ATTRIBUTE
from tests.assertions import signing_key as another_key
from tests.fakes import REALM
from tests.forgery import SIGNATURE, Form, evil_twin, forge, rename_subject, sign_again
from tests.harness import opened_key, signing_key
from wstrust_sts import ns
from wstrust_sts.keys import LocalSigner
from wstrust_sts.model import TokenType

Element = etree._Element
Forger = Callable[[Element, TokenType], str]


def our_key() -> LocalSigner:
    record, box = signing_key()
    return opened_key(record, box=box)


def markup(element: Element) -> str:
    return etree.tostring(element, with_tail=False).decode()


def id_of(token: Element, token_type: TokenType) -> str:
    return token.get(ID_ATTRIBUTE[token_type])


def changed(change: Callable[[Element, TokenType], None]) -> Forger:
    def forger(token: Element, token_type: TokenType) -> str:
        change(token, token_type)
        return markup(token)

    return forger


def formed(**fields: object) -> Forger:
    """Signed again by our own key, in a form that is not allowed; {id} is the token's own id."""

    def forger(token: Element, token_type: TokenType) -> str:
        token_id = id_of(token, token_type)
        own = {"reference_attributes": f'URI="#{token_id}"'} | {
            name: value.replace("{id}", token_id) if isinstance(value, str) else value for name, value in fields.items()
        }
        return markup(forge(token_type, Form(**own), assertion=token, signer=our_key()))

    return forger


def wrapped(place: str, *, signature_moves: bool) -> Forger:
    """The genuine token somewhere inside another that names mallory."""

    def forger(token: Element, token_type: TokenType) -> str:
        evil = evil_twin(token, token_type, token_id="_evil")
        signature = token.find(SIGNATURE)
        if signature_moves:
            token.remove(signature)
            evil.insert(1, signature)
        if place == "child":
            evil.append(token)
        elif place == "Object":
            holder = evil.find(SIGNATURE)
            if holder is None:
                holder = etree.SubElement(evil, SIGNATURE)
            etree.SubElement(holder, f"{{{ns.DS}}}Object").append(token)
        else:
            namespace = etree.QName(evil).namespace
            etree.SubElement(evil, f"{{{namespace}}}{place}").append(token)
        return markup(evil)

    return forger


def nested(times: int) -> Forger:
    def forger(token: Element, token_type: TokenType) -> str:
        text = markup(token)
        namespace = etree.QName(token).namespace
        for level in range(times):
            text = f'<n:Assertion xmlns:n="{namespace}" ID="_n{level}" AssertionID="_n{level}">{text}</n:Assertion>'
        return text

    return forger


def _set(name: str, value: str) -> Callable[[Element, TokenType], None]:
    return lambda token, token_type: token.set(name, value)


def _into_signature(text: str) -> Callable[[Element, TokenType], None]:
    return lambda token, token_type: token.find(SIGNATURE).append(etree.fromstring(text))


SHA1_DIGEST = '<ds:DigestMethod Algorithm="http://www.w3.org/2000/09/xmldsig#sha1"/>'
INCLUSIVE = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"
XPATH = "http://www.w3.org/TR/1999/REC-xpath-19991116"
XSLT = "http://www.w3.org/TR/1999/REC-xslt-19991116"

FORGED: dict[str, Forger] = {
    "another subject": changed(rename_subject),
    "another audience": lambda token, token_type: markup(token).replace(messages.RP, "https://strict.example.test/svc"),
    "another lifetime": lambda token, token_type: re.sub(r'(NotOnOrAfter="20)\d\d', r"\g<1>99", markup(token)),
    "another id": lambda token, token_type: markup(token).replace(id_of(token, token_type), "_0" * 16),
    "another issuer": lambda token, token_type: markup(token).replace(REALM.issuer, "https://other.example.test/"),
    "another version": changed(_set("Version", "2.1")),
    "an attribute more": changed(_set("Extra", "1")),
    "white space": lambda token, token_type: markup(token).replace("><", "> <", 1),
    "an empty element more": changed(lambda token, token_type: token.append(etree.Element("x"))),
    "a value more": lambda token, token_type: markup(token).replace(">Player<", ">Conductor<"),
    "unsigned": changed(lambda token, token_type: token.remove(token.find(SIGNATURE))),
    "the signature doubled": changed(
        lambda token, token_type: token.append(copy.deepcopy(token.find(SIGNATURE)))
    ),
    "an empty signature": changed(lambda token, token_type: token.find(SIGNATURE).clear()),
    "an Object in the signature": changed(_into_signature(f'<d:Object xmlns:d="{ns.DS}"/>')),
    "another certificate": lambda token, token_type: markup(token).replace("X509Certificate>M", "X509Certificate>N"),
    "no certificate": changed(
        lambda token, token_type: token.find(SIGNATURE).remove(token.find(f"{SIGNATURE}/{{{ns.DS}}}KeyInfo"))
    ),
    "signed again by our key": lambda token, token_type: markup(
        sign_again(_renamed(token, token_type), token_type, our_key())
    ),
    "signed again by another key": lambda token, token_type: markup(sign_again(token, token_type, another_key(copy=7))),
    "signed again by an elliptic key": lambda token, token_type: markup(
        sign_again(token, token_type, another_key("ec-p256"))
    ),
    "signed by SHA-1": formed(signature_method=f'<ds:SignatureMethod Algorithm="{ns.DS}rsa-sha1"/>'),
    "signed by HMAC": formed(signature_method=f'<ds:SignatureMethod Algorithm="{ns.DS}hmac-sha1"/>'),
    "digested by SHA-1": formed(digest_method=SHA1_DIGEST, digest=hashlib.sha1),
    "inclusive canonicalization": formed(c14n_method=f'<ds:CanonicalizationMethod Algorithm="{INCLUSIVE}"/>'),
    "an XPath transform": formed(
        transforms=f'<ds:Transforms><ds:Transform Algorithm="{XPATH}"><ds:XPath>true()</ds:XPath></ds:Transform>'
        "</ds:Transforms>"
    ),
    "an XSLT transform": formed(transforms=f'<ds:Transforms><ds:Transform Algorithm="{XSLT}"/></ds:Transforms>'),
    "no transforms": formed(transforms=""),
    "a reference to a file": formed(reference_attributes='URI="file:///etc/hostname"', transforms=""),
    "a reference to a URL": formed(reference_attributes='URI="http://127.0.0.1:9/"', transforms=""),
    "a reference to the document": formed(reference_attributes='URI=""'),
    "a reference by XPointer": formed(reference_attributes="URI=\"#xpointer(id('{id}'))\""),
    "a reference to something else": formed(reference_attributes='URI="#user"'),
    "no reference at all": formed(reference_attributes=""),
    **{
        f"wrapped in {place}{', the signature moved' if moves else ''}": wrapped(place, signature_moves=moves)
        for place in ("child", "Object", "Advice", "Extensions", "Subject", "AttributeValue")
        for moves in (True, False)
    },
    "nested 100 times": nested(100),
    "two of one id, the other first": lambda token, token_type: (
        f"<x>{markup(evil_twin(token, token_type, token_id=id_of(token, token_type)))}{markup(token)}</x>"
    ),
    "encrypted": lambda token, token_type: (
        f'<e:EncryptedAssertion xmlns:e="{ns.SAML20}"><x:EncryptedData xmlns:x="{ns.XENC}"/></e:EncryptedAssertion>'
    ),
    "encrypted data": lambda token, token_type: f'<x:EncryptedData xmlns:x="{ns.XENC}"/>',
    "in another element": lambda token, token_type: f"<x>{markup(token)}</x>",
    "in another namespace": lambda token, token_type: markup(token).replace(etree.QName(token).namespace, "urn:x"),
    "in the other version's namespace": lambda token, token_type: markup(token).replace(
        etree.QName(token).namespace, ns.SAML11 if token_type is TokenType.SAML20 else ns.SAML20
    ),
    "a name, not an assertion": lambda token, token_type: messages.username_token(),
    "a certificate": lambda token, token_type: f'<o:BinarySecurityToken xmlns:o="{ns.WSSE}">AA</o:BinarySecurityToken>',
    "an empty assertion": lambda token, token_type: f'<a:Assertion xmlns:a="{ns.SAML20}"/>',
    "large": changed(lambda token, token_type: token.append(_text_element("x" * 60_000))),
    "of many elements": changed(lambda token, token_type: [token.append(etree.Element("x")) for _ in range(1_500)]),
    "of a long id": changed(lambda token, token_type: token.set(ID_ATTRIBUTE[token_type], "_" + "a" * 50_000)),
    "of no id": changed(lambda token, token_type: token.attrib.pop(ID_ATTRIBUTE[token_type])),
}  # fmt: skip


def _renamed(token: Element, token_type: TokenType) -> Element:
    rename_subject(token, token_type)
    return token


def _text_element(text: str) -> Element:
    element = etree.Element("x")
    element.text = text
    return element
