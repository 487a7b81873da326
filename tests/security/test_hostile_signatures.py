"""Signatures of messages that sign less, or other things, or otherwise than they seem to.

Each case is a good request but for one step. None gets a token, whichever fault it gets; what holds of every answer is
in tests/attack.py.
"""

import copy
import hashlib
from collections.abc import Callable

import pytest
from lxml import etree

from tests.attack import attack_of, target_of
from tests.cases import each
from tests.protected import (
    GOOD,
    WSU_ID,
    Draft,
    Form,
    b64,
    c14n,
)
from tests.sealed import ONE_OF_EACH, SEALED_ENTRANCES, UNBELIEVED, SealedAttack, SealedSts
from wstrust_sts import ns
from wstrust_sts.errors import (
    FailedAuthentication,
    FailedCheck,
    InvalidRequest,
)

EVIL = "https://strict.example.test/svc"
XML_ID = f"{{{ns.XML}}}id"
Step = Callable[[Draft], object]

target = target_of(SealedSts)
attack = attack_of(SealedAttack, SEALED_ENTRANCES)
once = attack_of(SealedAttack, ONE_OF_EACH)


def signing(**how) -> Step:
    return lambda draft: draft.sign(**how)


# -- wrapping ------------------------------------------------------------------------------------------------------


def evil_body(draft: Draft, *, keep_id: bool) -> etree._Element:
    """A Body that asks for something else."""
    evil = copy.deepcopy(draft.body)
    for address in evil.iter(f"{{{ns.WSA}}}Address"):
        address.text = EVIL
    if not keep_id:
        evil.set(WSU_ID, "Evil")
    return evil


def into(place: Callable[[Draft], etree._Element], *, keep_id: bool = False, wrapper: str | None = None) -> Step:
    """The signed Body goes elsewhere, and another takes its place."""

    def move(draft: Draft) -> None:
        genuine = draft.body
        draft.root.replace(genuine, evil_body(draft, keep_id=keep_id))
        holder = place(draft)
        if wrapper is not None:
            holder = etree.SubElement(holder, wrapper)
        holder.append(genuine)

    return move


def with_id_as(name: str) -> Step:
    """As `into` a header, with the evil Body bearing the same id in an attribute of another kind."""

    def move(draft: Draft) -> None:
        genuine = draft.body
        evil = evil_body(draft, keep_id=False)
        del evil.attrib[WSU_ID]
        evil.set(name, "Body")
        draft.root.replace(genuine, evil)
        etree.SubElement(draft.header, "{urn:x}wrapper").append(genuine)

    return move


def beside(name: str) -> Step:
    """The evil Body in its place has the signed one's id under one name, and the signed one lost none."""

    def move(draft: Draft) -> None:
        evil = evil_body(draft, keep_id=False)
        evil.set(name, "Body")
        etree.SubElement(draft.header, "{urn:x}wrapper").append(evil)

    return move


def inside_the_evil(draft: Draft) -> None:
    genuine = draft.body
    evil = evil_body(draft, keep_id=False)
    draft.root.replace(genuine, evil)
    evil[0].append(genuine)


def object_of(draft: Draft) -> etree._Element:
    return etree.SubElement(draft.signature, f"{{{ns.DS}}}Object")


def twice(name: str, *, change: Callable[[etree._Element], object], keep_id: bool = False, first: bool = False) -> Step:
    """A second part of the same name, not signed."""

    def add(draft: Draft) -> None:
        genuine = draft.part(name)
        other = copy.deepcopy(genuine)
        change(other)
        if not keep_id:
            other.set(WSU_ID, "Other")
        (genuine.addprevious if first else genuine.addnext)(other)

    return add


def swapped(name: str, change: Callable[[etree._Element], object]) -> Step:
    """The signed part goes into an unknown header block, and a changed one takes its place."""

    def move(draft: Draft) -> None:
        genuine = draft.part(name)
        other = copy.deepcopy(genuine)
        change(other)
        other.set(WSU_ID, "Other")
        genuine.getparent().replace(genuine, other)
        etree.SubElement(draft.header, "{urn:x}wrapper").append(genuine)

    return move


def later(timestamp: etree._Element) -> None:
    timestamp[1].text = "2026-11-23T12:04:59.000Z"


def second_security(draft: Draft) -> None:
    """The genuine Security header for another role, and ours with parts of our own."""
    genuine = draft.security
    own = copy.deepcopy(genuine)
    for element in own.iter(etree.Element):
        for name in (WSU_ID, "Id"):
            if name in element.attrib:
                element.set(name, "o" + element.get(name))
    actor = {ns.SOAP11: "actor", ns.SOAP12: "role"}[etree.QName(draft.root).namespace]
    genuine.set(f"{{{etree.QName(draft.root).namespace}}}{actor}", "urn:somebody")
    genuine.addnext(own)


WRAPPED: dict[str, Step] = {
    "Body into the Header": into(lambda draft: draft.header),
    "Body into an unknown header block": into(lambda draft: draft.header, wrapper="{urn:x}wrapper"),
    "Body into the Security header": into(lambda draft: draft.security),
    "Body into a wrapper in the Security header": into(lambda draft: draft.security, wrapper="{urn:x}wrapper"),
    "Body into an Object of the signature": into(object_of),
    "Body into the signature": into(lambda draft: draft.signature),
    "Body into KeyInfo": into(lambda draft: draft.signature.find(f"{{{ns.DS}}}KeyInfo")),
    "Body into the Timestamp": into(lambda draft: draft.part("Timestamp")),
    "Body into the evil Body": inside_the_evil,
    "Body into the Header, both with its id": into(lambda draft: draft.header, keep_id=True),
    "Body behind the evil Body": into(lambda draft: draft.root),
    "Body before the evil Body": lambda draft: draft.body.addnext(evil_body(draft, keep_id=False)),
    "the evil Body with its id as Id": with_id_as("Id"),
    "the evil Body with its id as ID": with_id_as("ID"),
    "the evil Body with its id as AssertionID": with_id_as("AssertionID"),
    "the evil Body with its id as xml:id": with_id_as(XML_ID),
    "another element with its id as Id": beside("Id"),
    "another element with its id as ID": beside("ID"),
    "another element with its id as AssertionID": beside("AssertionID"),
    "another element with its id as xml:id": beside(XML_ID),
    "another element with its id as wsu:Id": beside(WSU_ID),
    "a second Timestamp": twice("Timestamp", change=later),
    "a second Timestamp first": twice("Timestamp", change=later, first=True),
    "a second Timestamp of the same id": twice("Timestamp", change=later, keep_id=True),
    "the Timestamp into a header block": swapped("Timestamp", later),
    "a second Action": twice("Action", change=lambda action: None),
    "the Action into a header block": swapped("Action", lambda action: None),
    "the MessageID into a header block": swapped("MessageID", lambda message_id: setattr(message_id, "text", "urn:x")),
    "the To into a header block": swapped("To", lambda to: setattr(to, "text", "urn:x")),
    "the ReplyTo into a header block": swapped("ReplyTo", lambda reply_to: None),
    "a second Security header": second_security,
    "a second signature": lambda draft: draft.sign(),
}


@each(WRAPPED)
def test_a_signed_part_that_was_moved_protects_nothing_else(attack: SealedAttack, case: Step) -> None:
    attack.unbelieved(attack.sealed(signed=case), *UNBELIEVED, InvalidRequest)


@pytest.mark.parametrize("name", ["Body", "Timestamp", "Action", "To", "MessageID", "ReplyTo"])
def test_a_changed_part_is_refused(once: SealedAttack, name: str) -> None:
    def change(draft: Draft) -> None:
        part = draft.part(name)
        next(element for element in part.iter() if not len(element)).text += " "

    once.unbelieved(once.sealed(signed=change), FailedCheck)


@pytest.mark.parametrize("name", ["Body", "Timestamp", "UsernameToken", "Action", "To", "MessageID", "ReplyTo"])
def test_a_signature_that_leaves_out_a_part_is_refused(attack: SealedAttack, name: str) -> None:
    if name == "UsernameToken" and attack.entrance.policy != "username":
        name = "Body"

    def sign(draft: Draft) -> None:
        if not draft.symmetric:
            key_info = draft.name_certificate()
        parts = [part for part in draft.parts if part is not draft.part(name)]
        draft.sign(parts, **({} if draft.symmetric else {"key_info": key_info}))

    attack.unbelieved(attack.sealed(sign=sign))


@pytest.mark.parametrize("name", ["From", "FaultTo", "RelatesTo"])
def test_an_addressing_header_that_was_added_is_refused(once: SealedAttack, name: str) -> None:
    def add(draft: Draft) -> None:
        block = etree.SubElement(draft.header, f"{{{ns.WSA}}}{name}")
        etree.SubElement(block, f"{{{ns.WSA}}}Address").text = ns.WSA_ANONYMOUS

    once.unbelieved(once.sealed(signed=add))


def test_a_header_of_another_version_of_addressing_is_refused(once: SealedAttack) -> None:
    def add(draft: Draft) -> None:
        etree.SubElement(draft.header, f"{{{ns.WSA04}}}MessageID").text = "urn:uuid:1"

    once.unbelieved(once.sealed(signed=add), InvalidRequest)


def test_a_signature_over_a_part_of_the_body_is_refused(attack: SealedAttack) -> None:
    def sign(draft: Draft) -> None:
        draft.body[0].set(WSU_ID, "Payload")
        draft.sign([*(part for part in draft.parts if part is not draft.body), draft.body[0]])

    attack.unbelieved(attack.sealed(sign=sign))


def test_a_signature_over_the_whole_envelope_is_not_one_over_its_parts(once: SealedAttack) -> None:
    def sign(draft: Draft) -> None:
        draft.root.set(WSU_ID, "Envelope")
        draft.sign([draft.root])

    once.unbelieved(once.sealed(sign=sign))


@pytest.mark.parametrize("name", ["Timestamp", "Signature"])
def test_a_missing_part_is_refused(attack: SealedAttack, name: str) -> None:
    attack.unbelieved(attack.sealed(signed=lambda draft: draft.security.remove(draft.part(name))))


# -- forms of a signature -----------------------------------------------------------------------------------------


def unsigned_reference(uri: str, transforms: str = GOOD.transforms, digest: bytes = b"") -> str:
    return (
        f'<ds:Reference URI="{uri}">{transforms}<ds:DigestMethod Algorithm="{ns.SHA256}"/><ds:DigestValue>'
        f"{b64(hashlib.sha256(digest).digest())}</ds:DigestValue></ds:Reference>"
    )


def transform(markup: str) -> str:
    return f"<ds:Transforms>{markup}</ds:Transforms>"


XSLT = (
    '<ds:Transform Algorithm="http://www.w3.org/TR/1999/REC-xslt-19991116"><x:stylesheet version="1.0" '
    'xmlns:x="http://www.w3.org/1999/XSL/Transform"><x:template match="/"><x:for-each select="document(\'file:///etc/'
    "passwd')\"/></x:template></x:stylesheet></ds:Transform>"
)
XPATH = (
    '<ds:Transform Algorithm="http://www.w3.org/TR/1999/REC-xpath-19991116"><ds:XPath>ancestor-or-self::node()'
    "</ds:XPath></ds:Transform>"
)
XPATH_FILTER = (
    '<ds:Transform Algorithm="http://www.w3.org/2002/06/xmldsig-filter2"><f:XPath '
    'xmlns:f="http://www.w3.org/2002/06/xmldsig-filter2" Filter="intersect">//*</f:XPath></ds:Transform>'
)
INCLUSIVE = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"
STR_TRANSFORM = (
    f'<ds:Transform Algorithm="{ns.STR_TRANSFORM}"><o:TransformationParameters xmlns:o="{ns.WSSE}">'
    f'<ds:CanonicalizationMethod Algorithm="{{}}"/></o:TransformationParameters></ds:Transform>'
)
PREFIXES = "".join(f" p{number}" for number in range(200))

FORMS: dict[str, Form] = {
    "no reference": Form(references=""),
    "a reference to everything": Form(references=unsigned_reference("")),
    "a reference without URI": Form(references=unsigned_reference("#").replace('URI="#"', "")),
    "a reference to nothing": Form(references=unsigned_reference("#nothing")),
    "a reference to a file": Form(references=unsigned_reference("file:///etc/hostname")),
    "a reference to a URL": Form(references=unsigned_reference("http://127.0.0.1:9/x")),
    "a reference to an attachment": Form(references=unsigned_reference("cid:x")),
    "the root by XPointer": Form(references=unsigned_reference("#xpointer(/)")),
    "an id by XPointer": Form(uri=lambda identifier: f"#xpointer(id('{identifier}'))"),
    "an id in a relative URI": Form(uri=lambda identifier: f"./#{identifier}"),
    "an id with white space": Form(uri=lambda identifier: f"# {identifier}"),
    "an id percent-encoded": Form(uri=lambda identifier: f"#%{ord(identifier[0]):02x}{identifier[1:]}"),
    "XSLT": Form(transforms=transform(XSLT)),
    "XSLT before the canonicalisation": Form(transforms=transform(XSLT + GOOD.transforms[15:-16])),
    "XPath": Form(transforms=transform(XPATH)),
    "XPath filter": Form(transforms=transform(XPATH_FILTER)),
    "base64": Form(transforms=transform(f'<ds:Transform Algorithm="{ns.DS}base64"/>')),
    "enveloped signature": Form(transforms=transform(f'<ds:Transform Algorithm="{ns.ENVELOPED}"/>')),
    "an unknown transform": Form(transforms=transform('<ds:Transform Algorithm="urn:x"/>')),
    "no transform": Form(transforms=transform("")),
    "no Transforms": Form(transforms=""),
    "two transforms": Form(transforms=transform(GOOD.transforms[15:-16] * 2)),
    "a hundred transforms": Form(transforms=transform(GOOD.transforms[15:-16] * 100)),
    "inclusive canonicalisation of a part": Form(
        transforms=transform(f'<ds:Transform Algorithm="{INCLUSIVE}"/>'), digested=lambda e: c14n(e, exclusive=False)
    ),
    "exclusive canonicalisation with comments": Form(
        transforms=transform(f'<ds:Transform Algorithm="{ns.EXC_C14N}WithComments"/>')
    ),
    "inclusive canonicalisation of SignedInfo": Form(
        canonicalization=f'<ds:CanonicalizationMethod Algorithm="{INCLUSIVE}"/>',
        signed=lambda e: c14n(e, exclusive=False),
    ),
    "two hundred prefixes": Form(
        transforms=transform(
            f'<ds:Transform Algorithm="{ns.EXC_C14N}"><c:InclusiveNamespaces xmlns:c="{ns.EXC_C14N}" '
            f'PrefixList="{PREFIXES}"/></ds:Transform>'
        )
    ),
    "STR-Transform of a part": Form(transforms=transform(STR_TRANSFORM.format(ns.EXC_C14N))),
    "STR-Transform with inclusive canonicalisation": Form(transforms=transform(STR_TRANSFORM.format(INCLUSIVE))),
    "SHA-1 digests": Form(digest_method=ns.SHA1, digest=hashlib.sha1),
    "MD5 digests": Form(digest_method="http://www.w3.org/2001/04/xmldsig-more#md5", digest=hashlib.md5),
    "a digest of no length": Form(digest=lambda octets: hashlib.shake_128(octets) and _Cut(octets, 0)),
    "half a digest": Form(digest=lambda octets: _Cut(octets, 16)),
    "a Manifest": Form(more=f'<ds:Object><ds:Manifest Id="M">{unsigned_reference("#Body")}</ds:Manifest></ds:Object>'),
    "an Object": Form(more="<ds:Object/>"),
    "a second SignedInfo": Form(more="<ds:SignedInfo/>"),
    "HMACOutputLength": Form(inside_method="<ds:HMACOutputLength>8</ds:HMACOutputLength>"),
    "no output at all": Form(inside_method="<ds:HMACOutputLength>0</ds:HMACOutputLength>"),
    "a comment in the method": Form(inside_method="<!-- -->"),
    "an unknown signature method": Form(method="urn:x"),
    "no signature method": Form(method=" "),
    "DSA": Form(method=f"{ns.DS}dsa-sha1"),
    "RSA-MD5": Form(method="http://www.w3.org/2001/04/xmldsig-more#rsa-md5"),
    "HMAC-MD5": Form(method="http://www.w3.org/2001/04/xmldsig-more#hmac-md5"),
    "RSA-SHA1": Form(method=ns.RSA_SHA1),
}


class _Cut:
    def __init__(self, octets: bytes, length: int) -> None:
        self._octets, self._length = octets, length

    def digest(self) -> bytes:
        return hashlib.sha256(self._octets).digest()[: self._length]


def any_value(octets: bytes, method: str) -> bytes:
    """A value where no key of ours makes one."""
    return b"\x01" * 256


@each(FORMS)
def test_a_signature_of_another_form_is_refused(once: SealedAttack, case: Form) -> None:
    known = case.method in ("", ns.RSA_SHA1) and not once.symmetric

    def sign(draft: Draft) -> None:
        if draft.symmetric:
            draft.sign(form=case)
        else:
            draft.sign(form=case, sign=None if known else any_value)

    once.unbelieved(once.sealed(sign=sign))


def test_a_signature_over_a_thousand_references_is_refused_at_once(once: SealedAttack) -> None:
    references = unsigned_reference("#Body") * 150
    once.unbelieved(once.sealed(sign=signing(form=Form(references=references))))


def test_a_canonicalisation_bomb_is_refused_at_once(once: SealedAttack) -> None:
    """Many namespaces in scope of many elements, which inclusive canonicalisation would write again and again."""

    def bomb(draft: Draft) -> None:
        declared = " ".join(f'xmlns:n{number}="urn:{number}{"x" * 300}"' for number in range(30))
        draft.body.append(etree.fromstring(f"<x {declared}>{'<y/>' * 300}</x>"))

    form = Form(
        transforms=transform(f'<ds:Transform Algorithm="{INCLUSIVE}"/>'), digested=lambda e: c14n(e, exclusive=False)
    )
    once.unbelieved(once.sealed(clear=bomb, sign=signing(form=form)), *UNBELIEVED, InvalidRequest)


# -- again -----------------------------------------------------------------------------------------------------


def test_a_signed_message_counts_once(attack: SealedAttack) -> None:
    message = attack.sealed()
    attack.issued(message)
    for _ in range(3):
        attack.refused(message, FailedAuthentication)
        assert attack.came_sealed, "whoever has the keys is told"


def test_a_signed_message_in_other_clothes_counts_once(once: SealedAttack) -> None:
    """White space, comments and an unknown header block around the same signature."""
    message = once.sealed()
    once.issued(message)
    for old, new in (
        (b"<s:Header>", b"<s:Header>\n  "),
        (b"<s:Header>", b"<s:Header><!-- -->"),
        (b"<s:Header>", b'<s:Header><x:x xmlns:x="urn:x"/>'),
        (b"</s:Envelope>", b"\n</s:Envelope>"),
    ):
        assert old in message
        once.refused(message.replace(old, new, 1), FailedAuthentication)


def test_a_signed_message_counts_once_at_all_endpoints(target) -> None:
    for entrance in SEALED_ENTRANCES:
        attack = SealedAttack(target, entrance)
        message = attack.sealed()
        attack.issued(message)
        twin = next(
            row
            for row in SEALED_ENTRANCES
            if row.policy == entrance.policy and row.soap == entrance.soap and row != entrance
        )
        answer = attack.send(message, path=twin.path)
        assert answer.status == 500


def test_confirmations_in_a_request_are_refused(once: SealedAttack) -> None:
    """A SignatureConfirmation is for answers (WSS 1.1 section 8.5)."""

    def add(draft: Draft) -> None:
        etree.SubElement(draft.security, f"{{{ns.WSSE11}}}SignatureConfirmation", {WSU_ID: "SC", "Value": "AAAA"})

    once.unbelieved(once.sealed(clear=add))
