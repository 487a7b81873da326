import pytest
import xmlsec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from lxml import etree

from tests.protected import b64, by_thumbprint, c14n, elliptic, party
from wstrust_sts import ns
from wstrust_sts.errors import FailedCheck, InvalidSecurity, UnsupportedAlgorithm
from wstrust_sts.wire.algorithms import BASIC256_SHA1, BASIC256SHA256, DEFAULT
from wstrust_sts.wire.certificates import read_certificate
from wstrust_sts.wire.message_signature import (
    MAX_REFERENCES,
    MacKey,
    read_message_signature,
    verify_message_signature,
    write_message_signature,
)
from wstrust_sts.wire.signature_parts import index_ids
from wstrust_sts.wire.xml import parse

ALICE = party("alice")
KEY_INFO = by_thumbprint(ALICE)
SECRET = b"k" * 24


def document(*parts: str) -> etree._Element:
    inside = "".join(f'<p u:Id="{part}">{part}</p>' for part in parts)
    return parse(f'<m xmlns="urn:m" xmlns:u="{ns.WSU}">{inside}</m>'.encode())


def signed(root: etree._Element, *, method=ns.RSA_SHA256, digest=ns.SHA256, sign=None, parts=None) -> etree._Element:
    """The document with our signature over its parts, parsed anew."""
    found = list(root) if parts is None else parts
    signature = write_message_signature(
        [(part.get(f"{{{ns.WSU}}}Id"), c14n(part)) for part in found],
        method=method,
        digest_method=digest,
        sign=sign or (lambda octets: ALICE.sign(octets, method)),
        key_info=KEY_INFO,
    )
    return parse(etree.tostring(root).replace(b"</m>", signature + b"</m>"))


def verified(root: etree._Element, *, key=None, algorithms=DEFAULT):
    unverified = read_message_signature(root[-1], algorithms=algorithms)
    return verify_message_signature(unverified, key=key or read_certificate(ALICE.der), ids=index_ids(root))


class TestRoundTrip:
    def test_it_covers_the_very_elements_that_were_signed(self):
        root = signed(document("a", "b", "c"), parts=None)
        signature = verified(root)
        assert [element is part for element, part in zip(signature.elements, root, strict=False)] == [True] * 3
        assert all(map(signature.covers, root[:3]))
        assert not signature.covers(root)
        assert not signature.covers(root[-1])

    def test_what_is_left_out_is_not_covered(self):
        clear = document("a", "b")
        root = signed(clear, parts=[clear[0]])
        signature = verified(root)
        assert signature.covers(root[0])
        assert not signature.covers(root[1])

    @pytest.mark.parametrize("method", [ns.HMAC_SHA1, ns.HMAC_SHA256])
    def test_a_shared_key_verifies_what_it_signed(self, method):
        root = signed(document("a"), method=method, sign=lambda octets: MacKey(SECRET).sign(octets, algorithm=method))
        assert verified(root, key=MacKey(SECRET)).method == method
        with pytest.raises(FailedCheck):
            verified(root, key=MacKey(SECRET[:-1]))
        with pytest.raises(UnsupportedAlgorithm):
            verified(root)

    def test_an_elliptic_key_verifies_what_it_signed(self):
        carol = elliptic("carol")
        root = signed(document("a"), method=ns.ECDSA_SHA256, sign=lambda octets: carol.sign(octets, ns.ECDSA_SHA256))
        assert verified(root, key=read_certificate(carol.der)).covers(root[0])

    def test_a_shared_key_never_signs_as_a_private_one(self):
        with pytest.raises(UnsupportedAlgorithm):
            MacKey(SECRET).sign(b"octets", algorithm=ns.RSA_SHA256)


class TestBesideAnotherLibrary:
    """`xmlsec` verifies what is signed here, and what it signs is verified."""

    def context(self):
        context = xmlsec.SignatureContext()
        pem = ALICE.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        context.key = xmlsec.Key.from_memory(pem, xmlsec.KeyFormat.PEM)
        return context

    def test_it_verifies_what_is_signed_here(self):
        root = etree.fromstring(etree.tostring(signed(document("a", "b"))))
        context = self.context()
        for part in root[:-1]:
            context.register_id(part, "Id", ns.WSU)
        context.verify(root[-1])

    @pytest.mark.parametrize(
        ("transform", "method", "algorithms"),
        [
            (xmlsec.Transform.RSA_SHA256, ns.RSA_SHA256, DEFAULT),
            (xmlsec.Transform.RSA_SHA512, ns.RSA_SHA512, DEFAULT),
        ],
    )
    def test_what_it_signs_is_verified_here(self, transform, method, algorithms):
        root = etree.fromstring(etree.tostring(document("a", "b")))
        signature = xmlsec.template.create(root, xmlsec.Transform.EXCL_C14N, transform, ns="ds")
        for part in list(root):
            reference = xmlsec.template.add_reference(
                signature, xmlsec.Transform.SHA256, uri=f"#{part.get(f'{{{ns.WSU}}}Id')}"
            )
            xmlsec.template.add_transform(reference, xmlsec.Transform.EXCL_C14N)
        etree.SubElement(signature, f"{{{ns.DS}}}KeyInfo").append(etree.fromstring(KEY_INFO))
        root.append(signature)
        context = self.context()
        for part in root[:-1]:
            context.register_id(part, "Id", ns.WSU)
        context.sign(signature)
        for element in signature.iter():  # line ends between a template's elements are its own
            assert not (element.tail or "").strip()
        found = verified(parse(etree.tostring(root)), algorithms=algorithms)
        assert (found.method, len(found.elements)) == (method, 2)


class TestRefusals:
    def test_sha_1_is_for_sets_that_name_it(self):
        root = signed(document("a"), method=ns.RSA_SHA1)
        with pytest.raises(UnsupportedAlgorithm):
            verified(root)
        assert verified(root, algorithms=BASIC256SHA256).method == ns.RSA_SHA1
        digests = signed(document("a"), method=ns.RSA_SHA1, digest=ns.SHA1)
        with pytest.raises(UnsupportedAlgorithm):
            verified(digests, algorithms=BASIC256SHA256)
        assert verified(digests, algorithms=BASIC256_SHA1).digest_method == ns.SHA1

    def test_a_changed_part_is_refused(self):
        root = signed(document("a", "b"))
        root[1].text = "c"
        with pytest.raises(FailedCheck):
            verified(root)

    def test_a_part_that_went_is_refused(self):
        root = signed(document("a", "b"))
        root.remove(root[0])
        with pytest.raises(InvalidSecurity):
            verified(root)

    def test_a_part_of_the_same_id_is_refused(self):
        root = signed(document("a", "b"))
        root[0].append(etree.fromstring('<x Id="b"/>'))
        with pytest.raises(FailedCheck):
            verified(root)

    def test_more_references_than_a_message_has_parts_are_refused(self):
        enough = signed(document(*(f"p{number}" for number in range(MAX_REFERENCES))))
        assert len(verified(enough).elements) == MAX_REFERENCES
        with pytest.raises(FailedCheck):
            verified(signed(document(*(f"p{number}" for number in range(MAX_REFERENCES + 1)))))

    @pytest.mark.parametrize("value", ["", "AAAA", "?", "A" * 3000, b64(bytes(256)), b64(bytes(255))])
    def test_a_value_that_is_none_is_refused(self, value):
        root = signed(document("a"))
        root[-1][1].text = value
        with pytest.raises(FailedCheck):
            verified(root)

    def test_a_comment_in_a_signature_is_refused(self):
        root = signed(document("a"))
        root[-1][0].append(etree.Comment("x"))
        with pytest.raises(FailedCheck):
            verified(root)

    def test_an_str_transform_digests_the_token_in_the_place_of_its_reference(self):
        root = document("a")
        reference = etree.fromstring(
            f'<o:SecurityTokenReference xmlns:o="{ns.WSSE}" xmlns:u="{ns.WSU}" u:Id="str"><o:Reference URI="#a"/>'
            "</o:SecurityTokenReference>"
        )
        signature = write_message_signature(
            [("str", c14n(root[0]))],
            method=ns.RSA_SHA256,
            digest_method=ns.SHA256,
            sign=lambda octets: b"",
            key_info=KEY_INFO,
        ).decode()
        plain = f'<ds:Transform Algorithm="{ns.EXC_C14N}"></ds:Transform>'
        through = (
            f'<ds:Transform Algorithm="{ns.STR_TRANSFORM}"><o:TransformationParameters xmlns:o="{ns.WSSE}">'
            f'<ds:CanonicalizationMethod Algorithm="{ns.EXC_C14N}"/></o:TransformationParameters></ds:Transform>'
        )
        root.append(reference)
        root.append(etree.fromstring(signature.replace(plain, through)))
        root[-1][1].text = b64(ALICE.sign(c14n(root[-1][0]), ns.RSA_SHA256))
        found = verified(root)
        assert found.covers(root[0])
        assert not found.covers(reference)
