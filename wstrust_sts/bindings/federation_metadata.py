"""FederationMetadata (WS-Federation 1.2 section 3, in SAML 2.0 metadata): a realm's keys, token types and endpoints.

One signed document for each realm (wire contract row 32). Relying parties that read it learn the next key before it
signs. It is rendered when what it says has changed, and kept; what it says comes from the stores and the
configuration, and nothing from a request.

The text is written in the shape, down to the prefixes, that AD FS gives it: some readers know no other. Nothing follows
the Address in an EndpointReference, because early readers of .NET fail on whatever does.
"""

import base64
import hashlib
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from urllib.parse import quote

from wstrust_sts import ns
from wstrust_sts.bindings.http import Request, Response
from wstrust_sts.errors import OnlyForReading, RequestFailed
from wstrust_sts.model import Endpoint, TokenType, TrustVersion
from wstrust_sts.ports import Clock, Keyring, Realms, Signer
from wstrust_sts.wire.dsig import write_enveloped_signature
from wstrust_sts.wire.markup import attribute, text
from wstrust_sts.wire.times import write_time

MEDIA_TYPE = "application/samlmetadata+xml"
VALIDITY = timedelta(days=8)  # from the beginning of the day (UTC): an old document is no good for longer
STANDARD_REALM = "default"

_PATH = "/FederationMetadata/2007-06/FederationMetadata.xml"
_CACHE_DURATION = "PT6H"  # how long a relying party may go without looking again
_CACHE_CONTROL = "public, max-age=300"
_PROTOCOLS = (TrustVersion.V13, TrustVersion.V2005)
_TOKEN_TYPES: Mapping[TokenType, str] = {TokenType.SAML20: ns.SAML20, TokenType.SAML11: ns.SAML11}

CLAIM_TYPES: Mapping[str, str] = {
    ns.CLAIM_NAME: "Name",
    ns.CLAIM_EMAIL: "E-Mail Address",
    ns.CLAIM_UPN: "UPN",
    ns.CLAIM_GIVEN_NAME: "Given Name",
    ns.CLAIM_SURNAME: "Surname",
    ns.CLAIM_ROLE: "Role",
    ns.CLAIM_PRIVATE_ID: "PPID",
    ns.CLAIM_X500: "X.500 Distinguished Name",
}
"""The well-known claim types, each with its display name: the same in every realm. What the rules of a relying party
release is nobody else's business, so neither its rules nor what accounts have is told."""


def path_of(realm: str) -> str:
    """Where a realm's document is: that of the realm `default` at the usual path, any other's beneath its own name."""
    return _PATH if realm == STANDARD_REALM else f"/{quote(realm, safe='')}{_PATH}"


# -- the text ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """What a document says that is not the same in all of them. `certificates` are DER, the signing one first."""

    issuer: str
    valid_until: datetime
    certificates: tuple[bytes, ...] = field(repr=False)
    protocols: tuple[str, ...]  # namespaces
    token_types: tuple[str, ...]
    addresses: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A signed document. `name` is its ID: the same for all that say the same and are signed by the same key, whatever
    the octets of the signature.
    """

    name: str
    markup: bytes = field(repr=False)


def write_federation_metadata(described: Description, signer: Signer) -> Document:
    """The EntityDescriptor, signed. Raises ValueError for an issuer that XML cannot carry, and what the signer raises.

    An exclusive canonical form has no declaration of a prefix that only a value uses, as xsi:type does here. So the
    text that is digested lacks the one that the document has on RoleDescriptor; otherwise they are the same. Whoever
    changes that declaration takes the role its type, and can make it say nothing else.
    """
    valid_until = write_time(described.valid_until)
    role = _write_role(described)
    told = "\n".join((described.issuer, valid_until, role, signer.key_id))
    name = f"_{hashlib.sha256(told.encode()).hexdigest()[:32]}"
    head = (
        f'<EntityDescriptor xmlns="{ns.MD}" ID="{name}" cacheDuration="{_CACHE_DURATION}"'
        f' entityID="{attribute(described.issuer)}" validUntil="{valid_until}">'
    ).encode()
    tail = f"{role}</EntityDescriptor>".encode()
    signature = write_enveloped_signature(head + b"<RoleDescriptor" + tail, reference=name, signer=signer)
    declared = f'<RoleDescriptor xmlns:fed="{ns.FED}"'.encode()
    return Document(name=name, markup=head + signature + declared + tail)


def _write_role(described: Description) -> str:
    """The RoleDescriptor behind its name, with its children in the order of fed:SecurityTokenServiceType."""
    keys = "".join(_write_key(certificate) for certificate in described.certificates)
    types = "".join(f'<fed:TokenType Uri="{attribute(uri)}"></fed:TokenType>' for uri in described.token_types)
    claims = "".join(_write_claim_type(uri, name) for uri, name in CLAIM_TYPES.items())
    endpoints = "".join(
        f'<fed:SecurityTokenServiceEndpoint xmlns:fed="{ns.FED}"><EndpointReference xmlns="{ns.WSA}">'
        f"<Address>{text(address)}</Address></EndpointReference></fed:SecurityTokenServiceEndpoint>"
        for address in described.addresses
    )
    return (
        f' xmlns:xsi="{ns.XSI}" protocolSupportEnumeration="{" ".join(described.protocols)}"'
        f' xsi:type="fed:SecurityTokenServiceType">{keys}'
        f'<fed:TokenTypesOffered xmlns:fed="{ns.FED}">{types}</fed:TokenTypesOffered>'
        f'<fed:ClaimTypesOffered xmlns:fed="{ns.FED}">{claims}</fed:ClaimTypesOffered>'
        f"{endpoints}</RoleDescriptor>"
    )


def _write_key(certificate: bytes) -> str:
    return (
        f'<KeyDescriptor use="signing"><KeyInfo xmlns="{ns.DS}"><X509Data><X509Certificate>'
        f"{base64.b64encode(certificate).decode()}</X509Certificate></X509Data></KeyInfo></KeyDescriptor>"
    )


def _write_claim_type(uri: str, name: str) -> str:
    return (
        f'<auth:ClaimType xmlns:auth="{ns.AUTHORIZATION}" Optional="true" Uri="{uri}">'
        f"<auth:DisplayName>{name}</auth:DisplayName></auth:ClaimType>"
    )


# -- the face ------------------------------------------------------------------------------------------------------


class FederationMetadata:
    """Answers for the document of one realm. Thread-safe.

    The ports that it asks follow the configuration's generation, so a rotation shows on every node without a restart,
    and an answer costs no statement of its own.
    """

    def __init__(
        self,
        endpoints: Sequence[Endpoint],
        *,
        public_url: str,
        token_types: Sequence[TokenType],
        realms: Realms,
        keyring: Keyring,
        clock: Clock,
    ) -> None:
        """`endpoints` are those of one realm, at least one; their paths are appended to `public_url`."""
        self._realm = endpoints[0].realm
        self._addresses = tuple(public_url.rstrip("/") + endpoint.path for endpoint in endpoints)
        spoken = {endpoint.version for endpoint in endpoints}
        self._protocols = (*(version.namespace for version in _PROTOCOLS if version in spoken), ns.FED)
        self._token_types = tuple(uri for token_type, uri in _TOKEN_TYPES.items() if token_type in token_types)
        self._realms = realms
        self._keyring = keyring
        self._clock = clock
        self._rendered: tuple[Description, str, Document] | None = None  # with the id of the key that signed
        self._rendering = threading.Lock()

    def handle(self, request: Request) -> Response:
        """The document, or that a client's copy of it is still good (RFC 9110 section 13.1.2).

        There is no Last-Modified: nodes that have the same document, and the same ETag, made it at different times.
        Raises OnlyForReading, Busy, and RequestFailed when there is no key to sign it with.
        """
        if request.method not in ("GET", "HEAD"):
            raise OnlyForReading
        document = self._current()
        headers = (("ETag", f'W/"{document.name}"'), ("Cache-Control", _CACHE_CONTROL))
        if _has_copy(request.headers.get("if-none-match", ""), document.name):
            return Response(status=304, headers=headers)
        return Response(status=200, body=document.markup, content_type=MEDIA_TYPE, headers=headers)

    def _current(self) -> Document:
        signer = self._keyring.signer(self._realm)
        described = self._describe()
        with self._rendering:
            if self._rendered is None or self._rendered[:2] != (described, signer.key_id):
                self._rendered = described, signer.key_id, write_federation_metadata(described, signer)
            return self._rendered[2]

    def _describe(self) -> Description:
        realm = self._realms.get(self._realm)
        if realm is None:
            raise RequestFailed(f"there is no realm {self._realm}")
        today = self._clock().replace(hour=0, minute=0, second=0, microsecond=0)
        return Description(
            issuer=realm.issuer,
            valid_until=today + VALIDITY,
            certificates=tuple(self._keyring.certificates(self._realm)),
            protocols=self._protocols,
            token_types=self._token_types,
            addresses=self._addresses,
        )


def _has_copy(unverified_tags: str, name: str) -> bool:
    """Whether If-None-Match names the document. Tags are compared weakly, and ours hold no comma."""
    tags = {tag.strip().removeprefix("W/") for tag in unverified_tags.split(",")}
    return f'"{name}"' in tags or unverified_tags.strip() == "*"
