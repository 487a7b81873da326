"""Requests with an endorsing signature inside of TLS, as clients write them: over the Timestamp and wsa:To.

Only `cryptography` and lxml's canonicalisation work here, not the codec that is under test.
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from lxml import etree

from tests import certificates, messages
from tests.contexts import CONTEXT, Context
from tests.fakes import NOON
from tests.protected import p_sha1
from wstrust_sts import ns

TO = "https://sts.example.test/trust"
OVER = ("u:Timestamp", "a:To")
_HASHES = {
    ns.RSA_SHA1: hashes.SHA1,
    ns.RSA_SHA256: hashes.SHA256,
    ns.RSA_SHA512: hashes.SHA512,
    ns.ECDSA_SHA256: hashes.SHA256,
}
_DIGESTS = {ns.SHA1: hashlib.sha1, ns.SHA256: hashlib.sha256, ns.SHA512: hashlib.sha512}
_ID = f"{{{ns.WSU}}}Id"


@dataclass(frozen=True)
class Party:
    """A private key and a certificate (DER), which is the key's unless a test says otherwise."""

    key: certificates.Key = field(repr=False)
    certificate: bytes = field(repr=False)

    @property
    def method(self) -> str:
        return ns.RSA_SHA256 if isinstance(self.key, rsa.RSAPrivateKey) else ns.ECDSA_SHA256

    def sign(self, octets: bytes, method: str) -> bytes:
        if isinstance(self.key, rsa.RSAPrivateKey):
            return self.key.sign(octets, PKCS1v15(), _HASHES[method]())
        r, s = decode_dss_signature(self.key.sign(octets, ec.ECDSA(_HASHES[method]())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")


@cache
def party(name: str, kind: str = "rsa-2048") -> Party:
    """With a certificate that vouches for itself."""
    own, subject = certificates.key(f"endorsing-{name}", kind), certificates.subject(name)
    made = certificates.Wanted(subject=subject, key=own, issuer=subject, issuer_key=own).made()
    return Party(own, made)


def to(address: str = TO, *, wsa: str = ns.WSA) -> str:
    return f'<a:To xmlns:a="{wsa}">{address}</a:To>'


def b64(octets: bytes) -> str:
    return base64.b64encode(octets).decode()


def c14n(element) -> bytes:
    return etree.tostring(element, method="c14n", exclusive=True, with_comments=False)


def token(certificate: bytes, *, value_type: str = ns.X509V3, identifier: str = "x509") -> str:
    return (
        f'<o:BinarySecurityToken xmlns:o="{ns.WSSE}" xmlns:u="{ns.WSU}" u:Id="{identifier}" ValueType="{value_type}"'
        f' EncodingType="{ns.BASE64_BINARY}">{b64(certificate)}</o:BinarySecurityToken>'
    )


BY_TOKEN = (
    f'<o:SecurityTokenReference xmlns:o="{ns.WSSE}"><o:Reference URI="#x509" ValueType="{ns.X509V3}"/>'
    "</o:SecurityTokenReference>"
)


def by_x509_data(certificate: bytes) -> str:
    return f"<ds:X509Data><ds:X509Certificate>{b64(certificate)}</ds:X509Certificate></ds:X509Data>"


def endorse(
    envelope: str,
    signer: Party,
    *,
    over: Sequence[str] = OVER,
    method: str = "",
    digest: str = ns.SHA256,
    shown: str | None = None,
    key_info: str = BY_TOKEN,
    sign: Callable[[bytes], bytes] | None = None,
) -> str:
    """`envelope` with a token and a signature at the end of its Security header.

    `over` are the parts it covers, those that are there; `shown` is what stands before the signature, by default the
    BinarySecurityToken.
    """
    root = etree.fromstring(envelope)
    references = []
    for number, path in enumerate(over):
        for part in root.iterfind(f".//{path}", messages.NAMES | {"s": etree.QName(root).namespace}):
            if part.get(_ID) is None:
                part.set(_ID, f"part-{number}")
            value = b64(_DIGESTS[digest](c14n(part)).digest())
            references.append(
                f'<ds:Reference URI="#{part.get(_ID)}"><ds:Transforms><ds:Transform Algorithm="{ns.EXC_C14N}"/>'
                f'</ds:Transforms><ds:DigestMethod Algorithm="{digest}"/><ds:DigestValue>{value}</ds:DigestValue>'
                "</ds:Reference>"
            )
    method = method or signer.method
    signed_info = (
        f'<ds:SignedInfo xmlns:ds="{ns.DS}"><ds:CanonicalizationMethod Algorithm="{ns.EXC_C14N}"/>'
        f'<ds:SignatureMethod Algorithm="{method}"/>{"".join(references)}</ds:SignedInfo>'
    )
    octets = c14n(etree.fromstring(signed_info))
    value = b64(signer.sign(octets, method) if sign is None else sign(octets))
    signature = (
        f'<ds:Signature xmlns:ds="{ns.DS}">{signed_info}<ds:SignatureValue>{value}</ds:SignatureValue>'
        f"<ds:KeyInfo>{key_info}</ds:KeyInfo></ds:Signature>"
    )
    (security,) = root.iter(f"{{{ns.WSSE}}}Security")
    for part in (token(signer.certificate) if shown is None else shown, signature):
        if part:
            security.append(etree.fromstring(part))
    return etree.tostring(root, encoding="unicode")


def request(signer: Party, *, trust: str = ns.WST13, soap: str = "1.2", address: str | None = TO, **how) -> str:
    """A good Issue, endorsed. `address` is wsa:To, None where there is no addressing, and `action` goes with it; `more`
    are parts of the Security header, `identifier` is the Timestamp's, new for every message: no two have one signature.
    """
    body = how.pop("body", None) or messages.issue(trust=trust)
    more, now = how.pop("more", ()), how.pop("now", NOON)
    action = how.pop("action", f"{trust}/RST/Issue")
    headers = () if address is None else (messages.addressing(action, more=to(address)),)
    identifier = how.pop("identifier", None) or f"_{secrets.token_hex(8)}"
    timestamp = messages.timestamp(now).replace('u:Id="_0"', f'u:Id="{identifier}"')
    security = messages.security(timestamp, *more)
    return endorse(messages.envelope(body, *headers, security, soap=soap), signer, **how)


def request_in_context(
    context: Context = CONTEXT,
    *,
    derives: str | None = ns.WSC13,
    key: bytes | None = None,
    tokens: Sequence[str] | None = None,
    method: str = ns.HMAC_SHA1,
    **how,
) -> str:
    """A good Issue, endorsed with the key of a security context or with one derived from it.

    `key` is used in the place of the right one, and `tokens` are there in the place of the context's own.
    """
    tokens = (context.token(),) if tokens is None else tokens
    secret, name = context.secret, context.reference("#SCT")
    if derives is not None:
        nonce = secrets.token_bytes(16)
        secret = p_sha1(secret, b"WS-SecureConversation" * 2 + nonce, 32)
        derived = (
            f'<c:DerivedKeyToken xmlns:c="{derives}" xmlns:u="{ns.WSU}" u:Id="DK">{name}<c:Offset>0</c:Offset>'
            f"<c:Length>32</c:Length><c:Nonce>{b64(nonce)}</c:Nonce></c:DerivedKeyToken>"
        )
        tokens = (*tokens, derived)
        name = (
            f'<o:SecurityTokenReference xmlns:o="{ns.WSSE}"><o:Reference URI="#DK" ValueType="{derives}/dk"/>'
            "</o:SecurityTokenReference>"
        )
    secret = secret if key is None else key
    digest = {ns.HMAC_SHA1: "sha1", ns.HMAC_SHA256: "sha256"}[method]
    how = {
        "sign": lambda octets: hmac.digest(secret, octets, digest),
        "key_info": name,
        "shown": "",
        "method": method,
    } | how
    how["more"] = (*tokens, *how.get("more", ()))
    return request(party("nobody"), **how)
