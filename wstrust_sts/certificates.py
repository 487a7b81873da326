"""What is known of requestors' certificates: their names, who vouches for them, and whose they are. Plain values."""

import enum
from dataclasses import dataclass, field


class CertificateField(enum.Enum):
    """What of a certificate can say whose it is; how each is compared, `certificate_names.py` says."""

    SHA256 = "sha256"  # of the whole certificate, 64 hexadecimal digits: this one and no other
    SUBJECT = "subject"  # the whole distinguished name
    COMMON_NAME = "common-name"
    EMAIL = "email"
    DNS = "dns"
    UPN = "upn"
    URI = "uri"


@dataclass(frozen=True, slots=True)
class CertificateName:
    """One field of a certificate. `value` in the form that is stored and compared."""

    field: CertificateField
    value: str


class Revocation(enum.Enum):
    """What it means that nobody tells whether a certificate was revoked."""

    OFF = "off"  # nobody is asked
    SOFT = "soft"  # nothing: only what is known to be revoked is refused
    HARD = "hard"  # the certificate is refused


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustAnchor:
    """A certificate that a realm trusts to be right about the names in those it issued.

    `account_from`: the field that is the account's name, for every certificate under this anchor; None: only mapped
    certificates have an account. `intermediates` (DER) are believed by their signatures alone. `issuers_at`: URL
    prefixes under which others may be looked for. `crls`: absolute paths and http URLs of revocation lists;
    `responder`: URL of OCSP, in place of those that certificates name; `networks` (CIDR) may be reached beside public
    addresses.
    """

    realm: str
    name: str
    certificate: bytes = field(repr=False)  # DER
    account_from: CertificateField | None = None
    intermediates: tuple[bytes, ...] = field(default=(), repr=False)
    issuers_at: tuple[str, ...] = ()
    revocation: Revocation = Revocation.OFF
    crls: tuple[str, ...] = ()
    responder: str | None = None
    networks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateMapping:
    """Certificates with this name are this account's. `anchor`: only those under the anchor of that name.

    `certificate` (DER) goes with SHA256 alone: such a certificate is trusted by itself, without an anchor. `account_id`
    is told when a mapping is read, and ignored when one is written.
    """

    realm: str
    account: str
    name: CertificateName
    anchor: str | None = None
    certificate: bytes | None = field(default=None, repr=False)
    account_id: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExaminedCertificate:
    """A certificate that is sound in itself: its times, use and key; not yet anybody's.

    `anchor`: the one it is under; None: nobody vouches for its names, and only its SHA256 may be believed.
    """

    anchor: TrustAnchor | None
    names: tuple[CertificateName, ...]

    def believable(self) -> tuple[CertificateName, ...]:
        """The names that may say whose it is."""
        if self.anchor is not None:
            return self.names
        return tuple(name for name in self.names if name.field is CertificateField.SHA256)
