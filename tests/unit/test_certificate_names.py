"""What operators write about certificates, in the form that is compared."""

import pytest
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st

from tests.certificates import subject
from wstrust_sts.certificate_names import canonical, write_subject
from wstrust_sts.certificates import CertificateField


@pytest.mark.parametrize(
    ("field", "written", "compared"),
    [
        (CertificateField.SUBJECT, "CN=batch,O=Example,C=DE", "CN=batch,O=Example,C=DE"),
        (CertificateField.SUBJECT, "2.5.4.3=batch,O=Example", "CN=batch,O=Example"),
        (CertificateField.SUBJECT, "emailAddress=a@b,CN=x", "emailAddress=a@b,CN=x"),
        (CertificateField.SUBJECT, "1.2.840.113549.1.9.1=a@b,CN=x", "emailAddress=a@b,CN=x"),
        (CertificateField.SUBJECT, r"CN=Doe\, John,O=Example", r"CN=Doe\, John,O=Example"),
        (CertificateField.SUBJECT, "serialNumber=42+CN=batch", "CN=batch+serialNumber=42"),
        (CertificateField.EMAIL, "Jo@Example.TEST", "Jo@example.test"),
        (CertificateField.DNS, "Host.Example.TEST", "host.example.test"),
        (CertificateField.UPN, "Jo@CORP.Test", "jo@corp.test"),
        (CertificateField.URI, "urn:Example:Jobs", "urn:Example:Jobs"),
    ],
)
def test_what_is_written_is_brought_to_one_form(field, written, compared):
    found = canonical(field, written)
    assert (found.field, found.value) == (field, compared)
    assert canonical(field, found.value) == found


@pytest.mark.parametrize(
    ("field", "written"),
    [
        (CertificateField.SUBJECT, ""),
        (CertificateField.SUBJECT, "batch"),
        (CertificateField.SUBJECT, "CN=batch, O=Example"),
        (CertificateField.SUBJECT, "CN=batch,"),
        (CertificateField.SUBJECT, "nonsense=batch"),
        (CertificateField.SUBJECT, "/C=DE/O=Example/CN=batch"),
        (CertificateField.EMAIL, "nobody"),
        (CertificateField.EMAIL, "@example.test"),
        (CertificateField.UPN, "jo@"),
        (CertificateField.DNS, " host"),
        (CertificateField.DNS, "ho\nst"),
        (CertificateField.URI, "jobs"),
        (CertificateField.URI, "urn:" + "x" * 3000),
    ],
)
def test_what_no_certificate_can_have_is_refused(field, written):
    with pytest.raises(ValueError):
        canonical(field, written)


def test_letters_beyond_ascii_are_not_folded_into_others():
    assert canonical(CertificateField.UPN, "\u212aim@x").value == "\u212aim@x"  # the Kelvin sign is no k here


@given(st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=16))
def test_the_text_of_a_subject_is_one_with_its_name(common_name):
    written = write_subject(subject(common_name))
    assert x509.Name.from_rfc4514_string(written) == subject(common_name)
    assert canonical(CertificateField.SUBJECT, written).value == written
