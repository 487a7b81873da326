"""Requests that protect themselves, as clients write them, step by step; an attacker does any of the steps otherwise.

A `Draft` is a request in clear, as a tree. It is signed, its parts are hidden one by one, and the keys are put in:
`protect` does what the endpoint's policy asks for, and calls an attacker between the steps. Only `xmlsec` and
`cryptography` work here, not the codec that is under test.
"""

import base64
import hashlib
import hmac
import os
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP, PKCS1v15
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from lxml import etree

from tests import messages
from tests.contexts import CONTEXT, Context
from tests.fakes import NOON
from wstrust_sts import ns

WSU_ID = f"{{{ns.WSU}}}Id"
HASHES = {
    ns.RSA_SHA1: hashes.SHA1(),
    ns.RSA_SHA256: hashes.SHA256(),
    ns.RSA_SHA512: hashes.SHA512(),
    ns.ECDSA_SHA256: hashes.SHA256(),
}
KEY_OCTETS = {ns.AES128_CBC: 16, ns.AES192_CBC: 24, ns.AES256_CBC: 32, ns.AES128_GCM: 16, ns.AES256_GCM: 32}
SYMMETRIC = frozenset({"username", "secureconversation"})  # policies
OWN = object()  # a default that None does not stand for


def b64(octets: bytes) -> str:
    return base64.b64encode(octets).decode()


def c14n(element, prefixes=(), *, exclusive=True) -> bytes:
    return etree.tostring(
        element, method="c14n", exclusive=exclusive, with_comments=False, inclusive_ns_prefixes=list(prefixes) or None
    )


# -- who takes part ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Party:
    """A private key, where it is at hand, and the certificate for it."""

    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | None = field(repr=False)
    certificate: x509.Certificate = field(repr=False)

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)

    def sign(self, octets: bytes, method: str) -> bytes:
        if isinstance(self.key, rsa.RSAPrivateKey):
            return self.key.sign(octets, PKCS1v15(), HASHES[method])
        r, s = decode_dss_signature(self.key.sign(octets, ec.ECDSA(HASHES[method])))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def certify(key, name: str, *, serial: int, ski: bytes | None = None) -> Party:
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    if ski is not None:
        identifier = x509.SubjectKeyIdentifier(ski)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    built = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Example CA")]))
        .public_key(key.public_key())
        .serial_number(serial)
        .not_valid_before(NOON - timedelta(days=30))
        .not_valid_after(NOON + timedelta(days=300))
        .add_extension(identifier, critical=False)
    )
    return Party(key, built.sign(key, hashes.SHA256()))


@cache
def party(name: str) -> Party:
    """`alice`, `sts` and anybody else: each with a key of their own."""
    serial = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")
    return certify(rsa.generate_private_key(public_exponent=65537, key_size=2048), name, serial=serial)


@cache
def look_alike(name: str) -> Party:
    """The same names, serial number and key identifier as the other's certificate, and another key."""
    copied = party(name).certificate
    ski = copied.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return certify(key, name, serial=copied.serial_number, ski=ski)


@cache
def elliptic(name: str) -> Party:
    return certify(ec.generate_private_key(ec.SECP256R1()), name, serial=77)


# -- the forms of a message's parts ----------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Form:
    """A signature's form; the defaults are what is allowed. `references` is written in place of those made."""

    canonicalization: str = f'<ds:CanonicalizationMethod Algorithm="{ns.EXC_C14N}"/>'
    method: str = ""  # of the policy
    inside_method: str = ""
    transforms: str = f'<ds:Transforms><ds:Transform Algorithm="{ns.EXC_C14N}"/></ds:Transforms>'
    digest_method: str = ns.SHA256
    digest: Callable = hashlib.sha256
    references: str | None = None
    more: str = ""  # behind KeyInfo
    uri: Callable[[str], str] = lambda identifier: f"#{identifier}"
    digested: Callable = c14n
    signed: Callable = c14n


GOOD = Form()


@dataclass
class Draft:
    """One request in the making. `secret` is the session's, and `wrapped` its EncryptedKey's ciphertext."""

    policy: str
    root: etree._Element
    signer: Party = field(default_factory=lambda: party("alice"))
    recipient: Party = field(default_factory=lambda: party("sts"))
    encryption: str = ns.AES256_CBC
    derives: str | None = ns.WSC13
    secret: bytes = field(default_factory=lambda: os.urandom(32))
    mac: str = ns.HMAC_SHA1
    wrapped: bytes = b""
    tokens: list[str] = field(default_factory=list)
    hidden: list[str] = field(default_factory=list)
    signature: etree._Element | None = None
    key_id: str = "EK"  # of the EncryptedKey, or of the context's token
    key_markup: str | None = None  # in place of the EncryptedKey, or of the context's token
    bst: str = "X509"
    context: Context = CONTEXT  # that protects it, under the policy `secureconversation`

    def __post_init__(self) -> None:
        if self.policy == "secureconversation":
            self.secret = self.context.secret
        elif not self.wrapped and self.policy != "certificatesigned":
            if self.policy == "certificate":
                self.secret = os.urandom(KEY_OCTETS[self.encryption])
                self.derives = None
            self.wrapped = self.wrap(self.secret)

    @property
    def symmetric(self) -> bool:
        """Whether a secret that both sides know signs it."""
        return self.policy in SYMMETRIC

    # what is where

    @property
    def header(self) -> etree._Element:
        return self.root[0]

    @property
    def body(self) -> etree._Element:
        return self.root[-1]

    @property
    def security(self) -> etree._Element:
        return self.header.find(f"{{{ns.WSSE}}}Security")

    def part(self, name: str) -> etree._Element:
        """The header block or part of the Security header of this local name, or the Body."""
        found = [
            element for element in (*self.header, *self.security, self.body) if etree.QName(element).localname == name
        ]
        assert len(found) == 1, f"{len(found)} {name}"
        return found[0]

    @property
    def parts(self) -> list[etree._Element]:
        """All that a good signature covers."""
        blocks = [block for block in self.header if block is not self.security]
        return [*blocks, *(part for part in self.security if part.get(WSU_ID)), self.body]

    # keys

    def wrap(self, secret: bytes, *, recipient: Party | None = None) -> bytes:
        return wrap(secret, recipient or self.recipient)

    def derive(self, octets: int, *, identifier: str) -> bytes:
        """A key of this length, described by a DerivedKeyToken with this id."""
        nonce = os.urandom(16)
        self.tokens.append(
            f'<c:DerivedKeyToken xmlns:c="{self.derives}" xmlns:u="{ns.WSU}" u:Id="{identifier}">{self.to_base()}'
            f"<c:Offset>0</c:Offset><c:Length>{octets}</c:Length><c:Nonce>{b64(nonce)}</c:Nonce></c:DerivedKeyToken>"
        )
        return p_sha1(self.secret, b"WS-SecureConversation" * 2 + nonce, octets)

    def to_base(self) -> str:
        """The reference to the secret itself."""
        if self.policy == "secureconversation":
            return self.context.reference(f"#{self.key_id}")
        return reference(f"#{self.key_id}", ns.ENCRYPTED_KEY)

    def key_for(self, octets: int, identifier: str) -> tuple[bytes, str]:
        """The octets of a key for one use, and the reference to it."""
        if self.derives is None:
            return self.secret, self.to_base()
        key = self.derive(octets, identifier=identifier)
        return key, reference(f"#{identifier}", f"{self.derives}/dk")

    # steps

    def sign(
        self,
        parts: Sequence[etree._Element] | None = None,
        *,
        form: Form = GOOD,
        sign: Callable[[bytes, str], bytes] | None = None,
        key_info: str | None = None,
    ) -> etree._Element:
        """Puts a signature over `parts` behind what the Security header has."""
        mac = self.symmetric
        method = form.method or (self.mac if mac else ns.RSA_SHA256)
        if mac and (sign is None or key_info is None):
            key, name = self.key_for(24, "DK-sign")
            sign = sign or (lambda octets, method: authenticate(key, octets, method))
        elif not mac:
            name = self.name_certificate() if key_info is None else ""
            sign = sign or self.signer.sign
        named = name if key_info is None else key_info
        references = form.references
        if references is None:
            references = "".join(
                f'<ds:Reference URI="{form.uri(part.get(WSU_ID))}">{form.transforms}<ds:DigestMethod Algorithm='
                f'"{form.digest_method}"/><ds:DigestValue>{b64(form.digest(form.digested(part)).digest())}'
                "</ds:DigestValue></ds:Reference>"
                for part in (self.parts if parts is None else parts)
            )
        self.signature = etree.fromstring(
            f'<ds:Signature xmlns:ds="{ns.DS}" Id="SIG"><ds:SignedInfo>{form.canonicalization}<ds:SignatureMethod '
            f'Algorithm="{method}">{form.inside_method}</ds:SignatureMethod>{references}</ds:SignedInfo>'
            f"<ds:SignatureValue/><ds:KeyInfo>{named}</ds:KeyInfo>{form.more}</ds:Signature>"
        )
        self.security.append(self.signature)
        self.signature[1].text = b64(sign(form.signed(self.signature[0]), method))
        return self.signature

    def name_certificate(self) -> str:
        """Puts the signer's certificate into the Security header; the reference to it."""
        token = etree.fromstring(
            f'<o:BinarySecurityToken xmlns:o="{ns.WSSE}" xmlns:u="{ns.WSU}" EncodingType="{ns.BASE64_BINARY}" '
            f'ValueType="{ns.X509V3}" u:Id="{self.bst}">{b64(self.signer.der)}</o:BinarySecurityToken>'
        )
        self.security.insert(0, token)
        return reference(f"#{self.bst}", ns.X509V3)

    def hide(
        self,
        element: etree._Element,
        *,
        content: bool = False,
        plaintext: bytes | None = None,
        ciphertext: bytes | None = None,
        algorithm: str | None = None,
        key: tuple[bytes, str] | None = None,
        identifier: str | None = None,
        listed: bool = True,
    ) -> etree._Element:
        """Puts an EncryptedData in the place of the element, or of all that it holds."""
        algorithm = algorithm or self.encryption
        octets, name = key or self.hiding_key(algorithm)
        if plaintext is None:
            plaintext = written(element, content=content)
        identifier = identifier or f"ED-{secrets.token_hex(6)}"
        if ciphertext is None:
            ciphertext = encrypt(plaintext, octets, algorithm)
        data = encrypted_data(identifier, ciphertext, algorithm, key_info=name, content=content)
        if content:
            element.text = None
            for child in list(element):
                element.remove(child)
            element.append(data)
        else:
            element.getparent().replace(element, data)
        if listed:
            self.hidden.append(identifier)
        return data

    def hiding_key(self, algorithm: str | None = None) -> tuple[bytes, str]:
        if not hasattr(self, "_hiding"):
            self._hiding = self.key_for(KEY_OCTETS[algorithm or self.encryption], "DK-hide")
        return self._hiding

    def hide_all(self) -> None:
        """As the policy wants it: UsernameToken, signature, the Body's content."""
        for part in list(self.security):
            if etree.QName(part).localname in ("UsernameToken", "Signature", "SignatureConfirmation"):
                self.hide(part)
        self.hide(self.body, content=True)

    def put_keys(self) -> None:
        """The key, or the name of its context, DerivedKeyTokens and ReferenceList, behind the Timestamp."""
        lists = reference_list(self.hidden)
        if self.key_markup is not None:
            markup = self.key_markup + "".join(self.tokens) + lists
        elif self.policy == "secureconversation":
            markup = self.context.token(identifier=self.key_id) + "".join(self.tokens) + lists
        elif self.policy == "certificate":
            markup = encrypted_key(self.key_id, self.wrapped, self.recipient, more=lists) + "".join(self.tokens)
        else:
            markup = encrypted_key(self.key_id, self.wrapped, self.recipient) + "".join(self.tokens) + lists
        keys = etree.fromstring(f'<x xmlns:o="{ns.WSSE}">{markup}</x>')
        for position, key in enumerate(keys, 1):
            self.security.insert(position, key)

    def octets(self) -> bytes:
        return etree.tostring(self.root)


def draft(
    policy: str,
    body: str,
    *,
    now: datetime = NOON,
    soap: str = "1.2",
    action: str = f"{ns.WST13}/RST/Issue",
    blocks: str = "",
    user: str = "alice",
    password: str = "clarinet",
    more: str = "",
    **how,
) -> Draft:
    """A request in clear: WS-Addressing, Timestamp, a UsernameToken where the policy has one, Body; each with an id."""
    token = messages.username_token(user, password, more=more) if policy == "username" else ""
    identified = f'xmlns:a="{ns.WSA}" xmlns:u="{ns.WSU}"'
    headers = (
        f'<a:Action {identified} u:Id="Action">{action}</a:Action>'
        f'<a:MessageID {identified} u:Id="MessageID">urn:uuid:{secrets.token_hex(16)}</a:MessageID>'
        f'<a:To {identified} u:Id="To">https://sts.example.test/</a:To>'
        f'<a:ReplyTo {identified} u:Id="ReplyTo"><a:Address>{ns.WSA_ANONYMOUS}</a:Address></a:ReplyTo>'
    )
    protection = messages.security(messages.timestamp(now), token)
    root = etree.fromstring(messages.envelope(body, headers, protection, blocks, soap=soap))
    root[-1].set(WSU_ID, "Body")
    return Draft(policy, root, **how)


def nothing(draft: Draft) -> None:
    """What a client does between the steps."""


def protect(
    draft: Draft,
    *,
    clear: Callable[[Draft], object] = nothing,
    sign: Callable[[Draft], object] = Draft.sign,
    signed: Callable[[Draft], object] = nothing,
    hide: Callable[[Draft], object] = Draft.hide_all,
    sealed: Callable[[Draft], object] = nothing,
) -> bytes:
    """The message that the policy asks for. `clear`, `signed` and `sealed` are called before, between and behind."""
    clear(draft)
    sign(draft)
    signed(draft)
    if draft.policy != "certificatesigned":
        hide(draft)
        draft.put_keys()
    sealed(draft)
    return draft.octets()


# -- markup ------------------------------------------------------------------------------------------------------


def reference(uri: str, value_type: str, *, inside: str | None = None) -> str:
    kind = f' xmlns:k="{ns.WSSE11}" k:TokenType="{value_type}"' if value_type == ns.ENCRYPTED_KEY else ""
    name = f'<o:Reference URI="{uri}" ValueType="{value_type}"/>' if inside is None else inside
    return f'<o:SecurityTokenReference xmlns:o="{ns.WSSE}"{kind}>{name}</o:SecurityTokenReference>'


def path_token(identifier: str, path: bytes) -> etree._Element:
    """A BinarySecurityToken with a PkiPath."""
    return etree.fromstring(
        f'<o:BinarySecurityToken xmlns:o="{ns.WSSE}" xmlns:u="{ns.WSU}" EncodingType="{ns.BASE64_BINARY}" '
        f'ValueType="{ns.X509_PKI_PATH}" u:Id="{identifier}">{b64(path)}</o:BinarySecurityToken>'
    )


def by_key_identifier(octets: bytes, value_type: str) -> str:
    attributes = f'ValueType="{value_type}" EncodingType="{ns.BASE64_BINARY}"'
    return reference("", value_type, inside=f"<o:KeyIdentifier {attributes}>{b64(octets)}</o:KeyIdentifier>")


def by_thumbprint(whose: Party) -> str:
    return by_key_identifier(whose.certificate.fingerprint(hashes.SHA1()), ns.THUMBPRINT_SHA1)


def encrypted_key(
    identifier: str,
    ciphertext: bytes,
    recipient: Party,
    *,
    more: str = "",
    method: str = f'<e:EncryptionMethod Algorithm="{ns.RSA_OAEP_MGF1P}"/>',
    key_info: str | None = None,
) -> str:
    name = by_thumbprint(recipient) if key_info is None else key_info
    return (
        f'<e:EncryptedKey xmlns:e="{ns.XENC}" Id="{identifier}">{method}<ds:KeyInfo xmlns:ds="{ns.DS}">{name}'
        f"</ds:KeyInfo><e:CipherData><e:CipherValue>{b64(ciphertext)}</e:CipherValue></e:CipherData>{more}"
        "</e:EncryptedKey>"
    )


def encrypted_for(
    request: Draft, plaintext: bytes, *, identifier: str, key: tuple[bytes, str] | None = None
) -> etree._Element:
    """An EncryptedData of one element, by the key that hides all else in this request."""
    octets, name = key or request.hiding_key()
    return encrypted_data(identifier, encrypt(plaintext, octets, request.encryption), request.encryption, key_info=name)


def encrypted_data(
    identifier: str, ciphertext: bytes, algorithm: str, *, key_info: str, content: bool = False
) -> etree._Element:
    return etree.fromstring(
        f'<e:EncryptedData xmlns:e="{ns.XENC}" Id="{identifier}" '
        f'Type="{ns.XENC_CONTENT if content else ns.XENC_ELEMENT}"><e:EncryptionMethod Algorithm="{algorithm}"/>'
        f'<ds:KeyInfo xmlns:ds="{ns.DS}">{key_info}</ds:KeyInfo><e:CipherData><e:CipherValue>{b64(ciphertext)}'
        "</e:CipherValue></e:CipherData></e:EncryptedData>"
    )


def reference_list(identifiers: Sequence[str]) -> str:
    references = "".join(f'<e:DataReference URI="#{identifier}"/>' for identifier in identifiers)
    return f'<e:ReferenceList xmlns:e="{ns.XENC}">{references}</e:ReferenceList>' if identifiers else ""


def written(element: etree._Element, *, content: bool = False) -> bytes:
    """The element, or what it holds, in octets."""
    if not content:
        return etree.tostring(element, with_tail=False)
    return (element.text or "").encode() + b"".join(etree.tostring(child) for child in element)


# -- the mathematics ---------------------------------------------------------------------------------------------


def p_sha1(secret: bytes, seed: bytes, octets: int) -> bytes:
    """RFC 2246 section 5, written once more."""
    block, stream = hmac.digest(secret, seed, "sha1"), b""
    while len(stream) < octets:
        stream += hmac.digest(secret, block + seed, "sha1")
        block = hmac.digest(secret, block, "sha1")
    return stream[:octets]


def wrap(secret: bytes, recipient: Party) -> bytes:
    public = recipient.certificate.public_key()
    return public.encrypt(secret, OAEP(MGF1(hashes.SHA1()), hashes.SHA1(), None))


def authenticate(key: bytes, octets: bytes, method: str) -> bytes:
    return hmac.digest(key, octets, {ns.HMAC_SHA1: "sha1", ns.HMAC_SHA256: "sha256"}.get(method, "sha1"))


def encrypt(plaintext: bytes, key: bytes, algorithm: str) -> bytes:
    if algorithm in (ns.AES128_GCM, ns.AES256_GCM):
        nonce = os.urandom(12)
        return nonce + AESGCM(key).encrypt(nonce, plaintext, None)
    length = 16 - len(plaintext) % 16
    return encrypt_blocks(plaintext + os.urandom(length - 1) + bytes([length]), key)


def encrypt_blocks(padded: bytes, key: bytes) -> bytes:
    """CBC of whole blocks, whatever padding they end in."""
    vector = os.urandom(16)
    encryptor = Cipher(AES(key), CBC(vector)).encryptor()
    return vector + encryptor.update(padded) + encryptor.finalize()
