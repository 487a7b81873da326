import pytest
import signxml
import xmlsec
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from lxml import etree

from tests.assertions import signing_key, verification_key
from wstrust_sts import ns
from wstrust_sts.errors import FailedCheck
from wstrust_sts.wire.dsig import verify_enveloped_signature, write_enveloped_signature
from wstrust_sts.wire.signature_parts import canonical
from wstrust_sts.wire.xml import is_id, parse

CONTENT = b'<e:thing xmlns:e="urn:e" ID="x"><e:part>one</e:part></e:thing>'


def signed(content=CONTENT, *, signer=None):
    signature = write_enveloped_signature(content, reference="x", signer=signer or signing_key())
    end = content.rindex(b"</")
    return content[:end] + signature + content[end:]


def verify(element, *keys):
    return verify_enveloped_signature(element, id_attribute="ID", keys=keys or [verification_key(signing_key())])


def signed_by_signxml(content, *, digest="sha256"):
    signer = signing_key()
    algorithm = {"sha256": "RSA_SHA256", "sha384": "RSA_SHA384", "sha512": "RSA_SHA512"}[digest]
    writer = signxml.XMLSigner(
        method=signxml.methods.enveloped,
        signature_algorithm=signxml.SignatureMethod[algorithm],
        digest_algorithm=signxml.DigestAlgorithm[digest.upper()],
        c14n_algorithm=signxml.CanonicalizationMethod.EXCLUSIVE_XML_CANONICALIZATION_1_0,
    )
    return writer.sign(
        etree.fromstring(content),
        key=private_pem(),
        cert=[x509.load_der_x509_certificate(signer.certificates[0])],
        reference_uri="#x",
        id_attribute="ID",
        exclude_c14n_transform_element=False,
    )


def signed_by_xmlsec(content, *, prefixes=()):
    root = etree.fromstring(content)
    xmlsec.tree.add_ids(root, ["ID"])
    signature = xmlsec.template.create(root, xmlsec.Transform.EXCL_C14N, xmlsec.Transform.RSA_SHA256, ns="ds")
    root.append(signature)
    reference = xmlsec.template.add_reference(signature, xmlsec.Transform.SHA256, uri="#x")
    xmlsec.template.add_transform(reference, xmlsec.Transform.ENVELOPED)
    exclusive = xmlsec.template.add_transform(reference, xmlsec.Transform.EXCL_C14N)
    if prefixes:
        xmlsec.template.transform_add_c14n_inclusive_namespaces(exclusive, list(prefixes))
    context = xmlsec.SignatureContext()
    context.key = xmlsec.Key.from_memory(private_pem(), xmlsec.KeyFormat.PEM)
    context.sign(signature)
    return root


def private_pem():
    return signing_key()._private_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def test_the_copy_holds_what_was_signed_without_the_signature():
    verified = verify(parse(signed()))
    assert canonical(verified.element) == CONTENT
    assert verified.key_id == signing_key().key_id


def test_the_presented_tree_is_left_as_it_was():
    element = parse(signed())
    before = etree.tostring(element)
    verified = verify(element)
    assert etree.tostring(element) == before
    assert verified.element.getroottree().getroot() is not element


def test_what_is_written_is_canonical():
    assert canonical(parse(signed())) == signed()


def test_the_key_that_signed_is_found_among_several():
    elliptic, other = signing_key("ec-p256"), signing_key(copy=1)
    keys = [verification_key(key) for key in (other, signing_key(), elliptic)]
    assert verify(parse(signed(signer=elliptic)), *keys).key_id == elliptic.key_id
    assert verify(parse(signed()), *keys).key_id == signing_key().key_id


@pytest.mark.parametrize("digest", ["sha256", "sha384", "sha512"])
def test_a_signature_of_another_library_is_verified_with_each_allowed_hash(digest):
    assert canonical(verify(signed_by_signxml(CONTENT, digest=digest)).element) == CONTENT


def test_white_space_and_text_around_the_signature_are_signed_content():
    content = b'<e:thing xmlns:e="urn:e" ID="x">\n <e:part>one</e:part>\n </e:thing>'
    element = signed_by_signxml(content)
    assert canonical(verify(element).element) == content
    element[-1].tail = "more"
    with pytest.raises(FailedCheck, match="digest"):
        verify(element)


def test_text_behind_a_first_child_signature_is_kept_in_its_place():
    content = b'<e:thing xmlns:e="urn:e" ID="x">before and after<e:part></e:part></e:thing>'
    signature = write_enveloped_signature(content, reference="x", signer=signing_key())
    markup = content.replace(b"before and after", b"before " + signature + b"and after")
    assert canonical(verify(parse(markup)).element) == content
    moved = content.replace(b"before and after<e:part></e:part>", signature + b"before and after<e:part></e:part>")
    assert canonical(verify(parse(moved)).element) == content


def test_inclusive_namespaces_are_signed_with_their_meaning():
    """A prefix that only text uses is bound by the PrefixList to what it meant."""
    content = b'<e:thing xmlns:e="urn:e" xmlns:p="urn:p" ID="x"><e:part kind="p:one">one</e:part></e:thing>'
    markup = etree.tostring(signed_by_xmlsec(content, prefixes=("p",)))
    assert b"InclusiveNamespaces" in markup
    assert verify(parse(markup)).element.nsmap["p"] == "urn:p"
    with pytest.raises(FailedCheck):
        verify(parse(markup.replace(b'xmlns:p="urn:p"', b'xmlns:p="urn:q"')))


def test_inclusive_namespaces_reach_up_to_the_elements_ancestors():
    content = b'<e:thing xmlns:e="urn:e" xmlns:p="urn:p" ID="x"><e:part kind="p:one">one</e:part></e:thing>'
    markup = etree.tostring(signed_by_xmlsec(content, prefixes=("p",)))
    inner = markup.replace(b' xmlns:p="urn:p"', b"", 1)
    inside = parse(b'<s xmlns:p="urn:p">' + inner + b"</s>")
    assert verify(inside[0]).element.nsmap["p"] == "urn:p"
    with pytest.raises(FailedCheck):
        verify(parse(b'<s xmlns:p="urn:q">' + inner + b"</s>")[0])


def test_the_digest_is_of_the_exclusive_form_even_when_prefixes_are_listed():
    content = b'<e:thing xmlns:e="urn:e" xmlns:p="urn:p" ID="x"></e:thing>'
    element = signed_by_xmlsec(content, prefixes=("p",))
    again = parse(etree.tostring(element))
    assert verify(again).digest == verify(element).digest


def test_prefixes_and_declarations_of_the_surroundings_change_nothing():
    surroundings = b'<e:s xmlns:e="urn:other" xmlns:ds="urn:other2" xmlns="urn:e">%s</e:s>' % signed()
    assert canonical(verify(parse(surroundings)[0]).element) == CONTENT


@pytest.mark.parametrize("prefixes", [(), ("e",), ("absent",)])
def test_a_signature_by_xmlsec_is_verified(prefixes):
    assert canonical(verify(signed_by_xmlsec(CONTENT, prefixes=prefixes)).element) == CONTENT


@pytest.mark.parametrize("value", ["a", "_a", "A-1.b_c", "_" + "0" * 255])
def test_an_ascii_ncname_of_bounded_length_is_an_id(value):
    assert is_id(value)


@pytest.mark.parametrize("value", ["", "1", "-a", "a:b", "a b", "a\n", "#a", "\u00e9", "a" * 257, "xpointer(/)"])
def test_anything_else_is_no_id(value):
    assert not is_id(value)


def test_a_certificate_in_key_info_gives_nobody_trust():
    impostor = signing_key(copy=1)
    markup = signed(signer=impostor)
    with pytest.raises(FailedCheck, match="not by a known key"):
        verify(parse(markup))


def test_the_signature_names_its_algorithms_and_the_whole_chain():
    class Chained:
        key_id, algorithm, digest_algorithm = "k", ns.RSA_SHA256, ns.SHA256
        certificates = (b"leaf", b"root")

        def sign(self, octets):
            return b"value"

    element = etree.fromstring(signed(signer=Chained()))
    assert [node.text for node in element.iter(f"{{{ns.DS}}}X509Certificate")] == ["bGVhZg==", "cm9vdA=="]
    assert element.find(f".//{{{ns.DS}}}SignatureMethod").get("Algorithm") == ns.RSA_SHA256
    assert element.find(f".//{{{ns.DS}}}DigestMethod").get("Algorithm") == ns.SHA256
