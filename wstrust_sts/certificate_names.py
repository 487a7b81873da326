"""What a certificate says about its owner (RFC 5280), in the one form in which it is stored and compared.

- A subject is the whole distinguished name, every attribute in its order, values compared exactly; written as
  RFC 4514 does (the most specific part first), so that the text is one with the name.
- Host names, the domain of a mailbox, and user principal names are compared without regard to ASCII case, as their
  directories do; nothing is folded beyond ASCII, where different letters become one.
- Addresses are compared as they are written.

Nothing here says whether what a certificate says is true.
"""

import hashlib
import string
from collections.abc import Callable, Iterator, Mapping

from cryptography import x509
from cryptography.x509.oid import NameOID, ObjectIdentifier

from wstrust_sts.certificates import CertificateField, CertificateName

MAX_NAMES = 64  # that one certificate may have; more are nobody's
MAX_VALUE = 2048  # characters
_UPN = ObjectIdentifier("1.3.6.1.4.1.311.20.2.3")  # an otherName of subjectAltName: a UTF8String
_UTF8_STRING = 0x0C
_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)
_WORDS = {  # beside those that RFC 4514 section 3 has
    NameOID.EMAIL_ADDRESS: "emailAddress",
    NameOID.SERIAL_NUMBER: "serialNumber",
    NameOID.GIVEN_NAME: "GN",
    NameOID.SURNAME: "SN",
    NameOID.TITLE: "title",
    NameOID.ORGANIZATION_IDENTIFIER: "organizationIdentifier",
}
_OIDS = {word: oid for oid, word in _WORDS.items()}


def names_of(certificate: x509.Certificate, der: bytes) -> tuple[CertificateName, ...]:
    """Every name in it, in the form that is compared. Raises ValueError: unreadable, too many, too long."""
    names = [CertificateName(CertificateField.SHA256, fingerprint(der))]
    if list(certificate.subject):
        names.append(CertificateName(CertificateField.SUBJECT, write_subject(certificate.subject)))
    for attribute in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME):
        names.append(CertificateName(CertificateField.COMMON_NAME, str(attribute.value)))
    names += [
        CertificateName(field, _CANONICAL.get(field, str)(value)) for field, value in _alternative_names(certificate)
    ]
    if len(names) > MAX_NAMES or any(not 0 < len(name.value) <= MAX_VALUE for name in names):
        raise ValueError("it has too many names, or one that is empty or too long")
    return tuple(dict.fromkeys(names))


def fingerprint(der: bytes) -> str:
    """SHA-256 of the whole certificate, in hexadecimal digits."""
    return hashlib.sha256(der).hexdigest()


def write_subject(name: x509.Name) -> str:
    """The distinguished name in RFC 4514 form; what stands together in one part is in one order, however encoded."""
    parts = [x509.RelativeDistinguishedName(sorted(part, key=_order)) for part in name.rdns]
    return x509.Name(parts).rfc4514_string(_WORDS)


def canonical(field: CertificateField, written: str) -> CertificateName:
    """What an operator wrote, in the form that is compared. Raises ValueError."""
    if not 0 < len(written) <= MAX_VALUE:
        raise ValueError(f"is not text of 1 to {MAX_VALUE} characters")
    if field is CertificateField.SUBJECT:
        return CertificateName(field, write_subject(_read_subject(written)))
    value = _CANONICAL.get(field, str)(written)
    if not value.isprintable() or value != value.strip():
        raise ValueError("has white space around it or unprintable characters in it")
    if field in (CertificateField.EMAIL, CertificateField.UPN) and not all(value.rpartition("@")[::2]):
        raise ValueError("is not name@domain")
    if field is CertificateField.URI and ":" not in value:
        raise ValueError("is not a URI")
    return CertificateName(field, value)


def _read_subject(written: str) -> x509.Name:
    try:
        name = x509.Name.from_rfc4514_string(written, _OIDS)
    except ValueError:
        raise ValueError(
            'is not a distinguished name like "CN=batch,OU=Jobs,O=Example,C=DE" (RFC 4514, no spaces)'
        ) from None
    if not list(name):
        raise ValueError("is an empty distinguished name")
    return name


def _order(attribute: "x509.NameAttribute[str | bytes]") -> tuple[str, str]:
    return attribute.oid.dotted_string, str(attribute.value)


def _alternative_names(certificate: x509.Certificate) -> Iterator[tuple[CertificateField, str]]:
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return
    for name in found:
        match name:
            case x509.RFC822Name():
                yield CertificateField.EMAIL, name.value
            case x509.DNSName():
                yield CertificateField.DNS, name.value
            case x509.UniformResourceIdentifier():
                yield CertificateField.URI, name.value
            case x509.OtherName() if name.type_id == _UPN:
                yield CertificateField.UPN, _utf8_string(name.value)


def _utf8_string(der: bytes) -> str:
    """Raises ValueError."""
    if len(der) < 2 or der[0] != _UTF8_STRING:
        raise ValueError("a user principal name that is no UTF8String")
    length, begin = der[1], 2
    if length >= 0x80:
        octets = length & 0x7F
        begin = 2 + octets
        length = int.from_bytes(der[2:begin])
    if len(der) != begin + length:
        raise ValueError("a user principal name of the wrong length")
    return der[begin:].decode()


def _email(value: str) -> str:
    """RFC 5280 section 7.5: the domain without regard to case, the mailbox exactly."""
    mailbox, at, domain = value.rpartition("@")
    return mailbox + at + domain.translate(_LOWER)


def _lower(value: str) -> str:
    return value.translate(_LOWER)


_CANONICAL: Mapping[CertificateField, Callable[[str], str]] = {
    CertificateField.EMAIL: _email,
    CertificateField.DNS: _lower,
    CertificateField.UPN: _lower,
}
