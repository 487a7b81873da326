"""The names that an authority may give: RFC 5280 section 4.2.1.10, form by form."""

import ipaddress

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID

from tests import certificates as corpus
from tests.certificates import alternative, authority, intermediate, leaf_under, only_names, subject
from wstrust_sts.pki.name_constraints import MAX_SUBTREES
from wstrust_sts.pki.paths import find_paths

CA = authority()
dns, email, uri = x509.DNSName, x509.RFC822Name, x509.UniformResourceIdentifier


def address(value: str) -> x509.IPAddress:
    return x509.IPAddress(ipaddress.ip_address(value))


def network(value: str) -> x509.IPAddress:
    return x509.IPAddress(ipaddress.ip_network(value))


def directory(*parts: tuple) -> x509.DirectoryName:
    return x509.DirectoryName(x509.Name([x509.NameAttribute(oid, value) for oid, value in parts]))


COUNTRY = (NameOID.COUNTRY_NAME, "DE")


def holds(extensions: tuple, *names: x509.GeneralName, ca: bytes = CA, **more) -> bool:
    sub = intermediate("sub", extensions=extensions)
    certificate = leaf_under("sub", **({"extensions": alternative(*names) if names else ()} | more))
    return bool(find_paths(certificate, ca, intermediates=(sub,)).paths)


@pytest.mark.parametrize(
    ("subtree", "within", "outside"),
    [
        (dns("a.test"), ["a.test", "x.a.test", "X.A.TEST", "a.test.", "*.a.test"], ["ba.test", "a.test.b", "*.test"]),
        (dns(".a.test"), ["x.a.test"], ["a.test"]),
        (email("a.test"), ["x@a.test", "x@A.TEST"], ["x@b.a.test", "x@ba.test"]),
        (email(".a.test"), ["x@b.a.test"], ["x@a.test"]),
        (email("x@a.test"), ["x@a.test", "x@A.test"], ["X@a.test", "y@a.test", "x@b.test"]),
        (uri("a.test"), ["http://a.test/x", "spiffe://A.test", "http://a.test:8/x"], ["http://b.a.test", "http://b.test/a.test"]),
        (uri(".a.test"), ["http://b.a.test"], ["http://a.test"]),
    ],
)  # fmt: skip
def test_a_text_name_is_permitted_or_excluded_by_its_form(subtree, within, outside):
    make = type(subtree)
    for value in within:
        assert holds(only_names(subtree), make(value)), value
        assert not holds(only_names(not_=(subtree,)), make(value)), value
    for value in outside:
        assert not holds(only_names(subtree), make(value)), value
        if not value.startswith("*"):
            assert holds(only_names(not_=(subtree,)), make(value)), value


def test_a_wildcard_is_excluded_with_whatever_it_could_stand_for():
    assert not holds(only_names(not_=(dns("x.a.test"),)), dns("*.a.test"))


def test_an_address_is_permitted_by_its_network():
    for inside, outside in (("10.1.2.3", "11.1.2.3"),):
        assert holds(only_names(network("10.0.0.0/8")), address(inside))
        assert not holds(only_names(network("10.0.0.0/8")), address(outside))
        assert not holds(only_names(not_=(network("10.0.0.0/8"),)), address(inside))
    assert not holds(only_names(network("10.0.0.0/8")), address("2001:db8::1"))


def test_the_subject_is_a_name_too():
    assert holds(only_names(directory(COUNTRY)))
    assert holds(only_names(directory(COUNTRY, (NameOID.ORGANIZATION_NAME, " EXAMPLE "))))
    assert not holds(only_names(directory((NameOID.COUNTRY_NAME, "FR"))))
    assert not holds(only_names(directory((NameOID.ORGANIZATION_NAME, "Example"))))
    assert not holds(only_names(not_=(directory(COUNTRY),)))
    assert not holds(only_names(directory(COUNTRY)), directory((NameOID.COUNTRY_NAME, "FR")))


def test_a_mailbox_in_the_subject_is_a_mailbox():
    mailbox = subject("x", (NameOID.EMAIL_ADDRESS, "x@b.test"))
    assert not holds(only_names(email("a.test")), subject=mailbox)
    assert holds(only_names(email("b.test")), subject=mailbox)


def test_forms_without_constraints_are_free():
    assert holds(only_names(dns("a.test")), email("x@b.test"), corpus.upn("x@b.test"))


def test_a_name_of_a_form_whose_constraints_are_not_known_is_refused():
    extensions = only_names(corpus.upn("@a.test"))
    assert not holds(extensions, corpus.upn("x@a.test"))
    assert not holds(only_names(not_=(corpus.upn("@a.test"),)), corpus.upn("x@b.test"))
    assert holds(extensions, dns("a.test"))


@pytest.mark.parametrize("value", ["urn:alice", "http://[::", "http://10.0.0.1/", "http:///x", "http://[::1]/"])
def test_a_uri_without_a_host_name_cannot_be_held_against_constraints(value):
    assert not holds(only_names(uri("a.test")), uri(value))
    assert not holds(only_names(not_=(uri("a.test"),)), uri(value))


def test_a_mailbox_that_is_none_cannot_be_held_against_constraints():
    for value in ("nobody", "@a.test"):
        assert not holds(only_names(not_=(email("a.test"),)), email(value))


def test_the_anchors_own_constraints_hold_for_all_below_it_and_for_intermediates():
    ca = authority(extensions=only_names(dns("a.test"), directory(COUNTRY)))
    assert holds(corpus.CA_EXTENSIONS, dns("x.a.test"), ca=ca)
    assert not holds(corpus.CA_EXTENSIONS, dns("x.b.test"), ca=ca)
    assert not holds(corpus.CA_EXTENSIONS, ca=authority(extensions=only_names(directory((NameOID.COUNTRY_NAME, "FR")))))


def test_what_one_authority_permits_another_one_may_still_not_have():
    ca = authority(extensions=only_names(dns("a.test")))
    assert not holds(only_names(dns("b.test")), dns("x.b.test"), ca=ca)
    assert not holds(only_names(dns("b.test")), dns("x.a.test"), ca=ca)


def test_a_flood_of_constraints_refuses():
    many = [dns(f"a{n}.test") for n in range(MAX_SUBTREES + 1)]
    assert not holds(only_names(*many), dns("a1.test"))
