"""Certificates in the declared state: trust anchors, and what of a certificate says that it is an account's."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from wstrust_sts import toml_kinds as kinds
from wstrust_sts.certificate_names import canonical, fingerprint
from wstrust_sts.certificates import CertificateField, CertificateMapping, CertificateName, Revocation, TrustAnchor
from wstrust_sts.pki.addresses import read_location
from wstrust_sts.pki.soundness import Unsuitable, read_anchor, read_authority, read_requestor
from wstrust_sts.strict_toml import Fault, Kind, Place, key

NAMES = tuple(  # the fields that a mapping may compare, beside the whole certificate
    field for field in CertificateField if field not in (CertificateField.SHA256, CertificateField.COMMON_NAME)
)
RULES = {  # the fields that may be an account's name
    field.value: field for field in CertificateField if field not in (CertificateField.SHA256, CertificateField.SUBJECT)
}
MAX_INTERMEDIATES = 32  # of one anchor
_PEM = b"-----BEGIN CERTIFICATE-----"
_NAME = kinds.text(limit=256)
_SUITS = Callable[[bytes], object]  # raises Unsuitable


def _der(octets: bytes, place: Place, suits: _SUITS) -> bytes:
    """One certificate, PEM or DER, that `suits`."""
    fix = "give one certificate, without its key and without others"
    try:
        der = octets
        if _PEM in octets:
            (certificate,) = x509.load_pem_x509_certificates(octets)
            der = certificate.public_bytes(Encoding.DER)
        suits(der)
    except Unsuitable as reason:
        place.refuse(f"cannot be used: {reason}", "give another certificate")
    except ValueError:
        place.refuse("is not one certificate in PEM or DER", fix)
    return der


def certificate_file(suits: _SUITS) -> Kind[bytes]:
    """A file with one certificate, PEM or DER; a relative name starts at the folder of the file that names it."""

    def read(value: object, place: Place) -> bytes:
        path: Path = kinds.path().read(value, place)
        try:
            octets = path.read_bytes()
        except OSError:
            place.refuse(f"{path} cannot be read", "check the path and its permissions")
        return _der(octets, place, suits)

    return Kind("path", read)


def certificate_pem(suits: _SUITS) -> Kind[bytes]:
    """The text of a PEM file."""

    def read(value: object, place: Place) -> bytes:
        if not isinstance(value, str) or not value.isascii():
            place.refuse("must be the text of a PEM file", "put it in quotes")
        return _der(value.encode(), place, suits)

    return Kind("PEM", read)


def certificate_bundle(suits: _SUITS) -> Kind[tuple[bytes, ...]]:
    """Certificates in a PEM file, named or as its text."""

    def read(value: object, place: Place) -> tuple[bytes, ...]:
        if isinstance(value, str) and _PEM.decode() in value and value.isascii():
            octets = value.encode()
        else:
            path: Path = kinds.path().read(value, place)
            try:
                octets = path.read_bytes()
            except OSError:
                place.refuse(f"{path} cannot be read", "check the path and its permissions")
        try:
            found = [each.public_bytes(Encoding.DER) for each in x509.load_pem_x509_certificates(octets)]
            for der in found:
                suits(der)
        except Unsuitable as reason:
            place.refuse(f"one of them cannot be used: {reason}", "give another certificate")
        except ValueError:
            place.refuse("are not certificates in PEM", "give them one after another, without keys")
        if not 0 < len(found) <= MAX_INTERMEDIATES:
            place.refuse(f"must be 1 to {MAX_INTERMEDIATES} certificates", "leave out those that are not needed")
        return tuple(dict.fromkeys(found))

    return Kind("PEM or path", read)


def http_url() -> Kind[str]:
    """A plain http URL: what is fetched from it is signed."""

    def read(value: object, place: Place) -> str:
        url = kinds.text().read(value, place)
        try:
            read_location(url)
        except ValueError as error:
            place.refuse(str(error), "write it like http://pki.example.com/path")
        return url

    return Kind("URL", read)


def list_place() -> Kind[str]:
    """Where a revocation list is: an http URL, or a file, which need not be there yet."""

    def read(value: object, place: Place) -> str:
        if isinstance(value, str) and "://" in value:
            return http_url().read(value, place)
        return str(kinds.path().read(value, place))

    return Kind("path or URL", read)


def network() -> Kind[str]:
    """A network, in CIDR notation."""

    def read(value: object, place: Place) -> str:
        try:
            return str(ip_network(kinds.text().read(value, place)))
        except ValueError:
            place.refuse("is not a network", "write it like 10.1.0.0/16, with no bits set behind the prefix")

    return Kind("network", read)


def certificate_name(field: CertificateField) -> Kind[CertificateName]:
    """One name of a certificate, in the form that is compared."""

    def read(value: object, place: Place) -> CertificateName:
        written = kinds.text().read(value, place)
        try:
            return canonical(field, written)
        except ValueError as error:
            place.refuse(str(error), "write it as it is in the certificate")

    return Kind("text", read)


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateTable:
    """Certificates by which the account authenticates: exactly one of file, pem and the names. Names are believed of
    certificates under a trust anchor only."""

    file: bytes | None = key(
        certificate_file(read_requestor), "File of one certificate: this one, exactly.", default=None
    )
    pem: bytes | None = key(certificate_pem(read_requestor), "The same, as text.", default=None)
    subject: CertificateName | None = key(
        certificate_name(CertificateField.SUBJECT),
        'The whole distinguished name, in the form of RFC 4514, like "CN=batch,O=Example,C=DE".',
        default=None,
    )
    email: CertificateName | None = key(
        certificate_name(CertificateField.EMAIL), "A mailbox in subjectAltName.", default=None
    )
    dns: CertificateName | None = key(
        certificate_name(CertificateField.DNS), "A host name in subjectAltName.", default=None
    )
    upn: CertificateName | None = key(
        certificate_name(CertificateField.UPN), "A user principal name in subjectAltName.", default=None
    )
    uri: CertificateName | None = key(certificate_name(CertificateField.URI), "A URI in subjectAltName.", default=None)
    anchor: str | None = key(_NAME, "With a name: only under this trust anchor. Without: any.", default=None)

    def faults(self) -> Iterator[Fault]:
        names = (self.subject, self.email, self.dns, self.upn, self.uri)
        exact = sum(each is not None for each in (self.file, self.pem))
        if exact + sum(name is not None for name in names) != 1:
            yield Fault("", "must have exactly one of file, pem, subject, email, dns, upn and uri", "keep one of them")
        elif exact and self.anchor is not None:
            yield Fault("anchor", "goes with a name: an exact certificate needs no anchor", "remove it")

    def mapping(self, realm: str, account: str) -> CertificateMapping:
        der = self.file if self.file is not None else self.pem
        name = self.subject or self.email or self.dns or self.upn or self.uri
        if der is not None:
            name = CertificateName(CertificateField.SHA256, fingerprint(der))
        assert name is not None  # `faults` saw to it
        return CertificateMapping(realm=realm, account=account, name=name, anchor=self.anchor, certificate=der)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustAnchorTable:
    """A certificate authority whose certificates are believed to have their owners' names; exactly one of file, pem."""

    realm: str = key(_NAME, "Its realm.", default="default")
    name: str = key(_NAME, "Its name, for operators and logs.", shown='"staff-ca"')
    file: bytes | None = key(certificate_file(read_anchor), "File of its certificate, PEM or DER.", default=None)
    pem: bytes | None = key(certificate_pem(read_anchor), "The same, as text.", default=None)
    account_from: CertificateField | None = key(
        kinds.choice(RULES),
        "The field that is the account's name, for every certificate under it; host and user principal names in lower "
        "case. Without: only certificates that are mapped have an account.",
        default=None,
    )
    intermediates: tuple[bytes, ...] = key(
        certificate_bundle(read_authority),
        "Authorities between it and requestors, beside those that messages carry: a PEM file, or its text.",
        default=(),
        shown="[]",
    )
    issuers_at: tuple[str, ...] = key(
        kinds.many(http_url(), at_most=16),
        "Beginnings of the URLs at which intermediates may be fetched that certificates name (AIA). Without: none are.",
        default=(),
        shown="[]",
    )
    revocation: Revocation = key(
        kinds.choice({each.value: each for each in Revocation}),
        "Whether certificates under it are looked up: not at all; refused when known to be revoked; or refused unless "
        "known not to be.",
        default=Revocation.OFF,
        shown='"off"',
    )
    crls: tuple[str, ...] = key(
        kinds.many(list_place(), at_most=32),
        "Files and http URLs of revocation lists, beside those that certificates name. Each node reads files.",
        default=(),
        shown="[]",
    )
    responder: str | None = key(
        http_url(), "The OCSP responder to ask in place of those that certificates name.", default=None
    )
    networks: tuple[str, ...] = key(
        kinds.many(network(), at_most=32),
        "Networks that may be asked beside public addresses, like those of an internal responder: `10.1.0.0/16`.",
        default=(),
        shown="[]",
    )

    def faults(self) -> Iterator[Fault]:
        if (self.file is None) is (self.pem is None):
            yield Fault("", "must have exactly one of file and pem", "keep one of them")
        if self.revocation is Revocation.OFF and (self.crls or self.responder):
            yield Fault("revocation", "is off, so that nobody would be asked", 'set it to "hard" or "soft"')

    def anchor(self) -> TrustAnchor:
        return TrustAnchor(
            realm=self.realm,
            name=self.name,
            certificate=self.file or self.pem or b"",
            account_from=self.account_from,
            intermediates=self.intermediates,
            issuers_at=self.issuers_at,
            revocation=self.revocation,
            crls=self.crls,
            responder=self.responder,
            networks=self.networks,
        )


def owned_twice(mappings: Iterable[CertificateMapping]) -> Iterator[Fault]:
    """The same certificates, declared of two accounts."""
    owners: dict[tuple[str, CertificateName, str | None], str] = {}
    for row in mappings:
        owner = owners.setdefault((row.realm, row.name, row.anchor), row.account)
        if owner != row.account:
            what = f"certificates with {row.name.field.value} {row.name.value} belong to both {owner} and {row.account}"
            yield Fault("account", what, "remove one of the two")


# -- writing -----------------------------------------------------------------------------------------------------------


def in_order(mappings: Iterable[CertificateMapping]) -> list[CertificateMapping]:
    return sorted(mappings, key=lambda row: (row.name.field.value, row.name.value, row.anchor or ""))


def mapping_card(mapping: CertificateMapping) -> dict[str, Any]:
    """A mapping in a few words: of an exact certificate, its fingerprint."""
    card = {mapping.name.field.value: mapping.name.value}
    return card if mapping.anchor is None else card | {"anchor": mapping.anchor}


def mapping_table(mapping: CertificateMapping) -> dict[str, Any]:
    """A mapping as a table of the file."""
    return mapping_card(mapping) if mapping.certificate is None else {"pem": pem_of(mapping.certificate)}


def anchor_card(anchor: TrustAnchor) -> dict[str, Any]:
    """An anchor in a few words."""
    return _anchor(
        anchor, {"sha256": fingerprint(anchor.certificate)}, [fingerprint(each) for each in anchor.intermediates]
    )


def anchor_table(anchor: TrustAnchor) -> dict[str, Any]:
    """An anchor as a table of the file."""
    return _anchor(anchor, {"pem": pem_of(anchor.certificate)}, "".join(pem_of(each) for each in anchor.intermediates))


def _anchor(anchor: TrustAnchor, certificate: dict[str, Any], intermediates: str | list[str]) -> dict[str, Any]:
    """What is as it is by default is left out."""
    table: dict[str, Any] = {"realm": anchor.realm, "name": anchor.name} | certificate
    if anchor.revocation is not Revocation.OFF:
        table["revocation"] = anchor.revocation.value
    more = {
        "account_from": anchor.account_from and anchor.account_from.value,
        "intermediates": intermediates,
        "issuers_at": list(anchor.issuers_at),
        "crls": list(anchor.crls),
        "responder": anchor.responder,
        "networks": list(anchor.networks),
    }
    return table | {name: value for name, value in more.items() if value}


def pem_of(der: bytes) -> str:
    """The text of a PEM file."""
    return x509.load_der_x509_certificate(der).public_bytes(Encoding.PEM).decode()
