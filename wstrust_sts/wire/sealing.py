"""Protecting a message: signed, then the signature and the Body's content encrypted (WS-SecurityPolicy 1.2 section 7).

A seal holds the keys of one exchange and the algorithms that the other side chose; an answer speaks the request's.
"""

import base64
import hashlib
import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from cryptography.hazmat.primitives.asymmetric import rsa

from wstrust_sts import ns
from wstrust_sts.encryption import KeyName
from wstrust_sts.errors import InvalidHeaderToken
from wstrust_sts.ports import MessageSigner
from wstrust_sts.proof_keys import p_sha1
from wstrust_sts.wire.algorithms import KEY_OCTETS
from wstrust_sts.wire.certificates import Certificate, read_certificate
from wstrust_sts.wire.contexts import ContextSecret, write_context_reference
from wstrust_sts.wire.encrypting import name_certificate, write_encrypted_key
from wstrust_sts.wire.endorsing import TO
from wstrust_sts.wire.message_signature import MacKey, write_message_signature
from wstrust_sts.wire.opening import BaseSecret, SharedSecret
from wstrust_sts.wire.sc import DEFAULT_LABEL
from wstrust_sts.wire.seal import Unsealed
from wstrust_sts.wire.signature_parts import canonical
from wstrust_sts.wire.wsse import write_timestamp
from wstrust_sts.wire.xenc import Oaep, encrypt, new_key, wrap_key
from wstrust_sts.wire.xml import Element, parse_part

_WSU_ID = f"{{{ns.WSU}}}Id"
_SECRET_OCTETS = 32
_NONCE_OCTETS = 16
_OAEP = Oaep()


@dataclass(frozen=True, slots=True, kw_only=True)
class Methods:
    """The algorithms of one message, by their URIs."""

    signature: str
    digest: str
    encryption: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WrappedKey:
    """A secret for one recipient, as an xenc:EncryptedKey with the id `id`."""

    id: str
    secret: SharedSecret
    recipient: Certificate
    ciphertext: bytes = field(repr=False)

    def write(self, *, reference_list: str = "") -> str:
        """With `reference_list` the EncryptedKey says itself what it opens."""
        return write_encrypted_key(
            self.ciphertext,
            oaep=_OAEP,
            key_name=name_certificate(self.recipient, KeyName.THUMBPRINT),
            attributes=f' xmlns:ds="{ns.DS}" Id="{self.id}"',
            reference_list=reference_list,
        )


def wrap_secret(secret: bytes, *, recipient: Certificate) -> WrappedKey:
    """`secret` for `recipient`. Raises InvalidHeaderToken: it has no RSA key, and nothing can be encrypted for it."""
    if not isinstance(recipient.public_key, rsa.RSAPublicKey):
        raise InvalidHeaderToken("nothing can be encrypted for a certificate whose key is not RSA")
    ciphertext = wrap_key(secret, recipient=recipient.public_key, oaep=_OAEP)
    shared = SharedSecret(secret, hashlib.sha1(ciphertext, usedforsecurity=False).digest())
    return WrappedKey(id=_new_id(), secret=shared, recipient=recipient, ciphertext=ciphertext)


def introduce(recipient: Certificate) -> WrappedKey:
    """A new secret to share with `recipient`."""
    return wrap_secret(os.urandom(_SECRET_OCTETS), recipient=recipient)


@dataclass(frozen=True, slots=True, kw_only=True)
class SymmetricSeal:
    """Keys out of a shared secret; derived ones where the other side derives its own (`derivation`, a namespace).

    `introduction` brings the secret in a first message; later it is known by its SHA-1, and that of a security context
    by the context's name, beside which the context's `token` may go along. `signing_octets` is the length of a derived
    signing key. `confirmed` are the signature values that the message confirms; None: it confirms nothing.
    """

    secret: BaseSecret
    methods: Methods
    derivation: str | None = ns.WSC13
    signing_octets: int = 32
    introduction: WrappedKey | None = None
    token: str = field(default="", repr=False)
    confirmed: tuple[bytes, ...] | None = None

    def protect(self, message: Unsealed) -> bytes:
        signing = self._key(self.signing_octets)
        hiding = self._key(KEY_OCTETS[self.methods.encryption])
        introduction = self.token if self.introduction is None else self.introduction.write()
        sealing = _Sealing(
            methods=self.methods,
            sign=lambda octets: MacKey(signing.octets).sign(octets, algorithm=self.methods.signature),
            signature_key=signing.reference,
            key=hiding.octets,
            key_reference=hiding.reference,
            confirmed=self.confirmed,
        )
        sealed = sealing.seal(message)
        return sealed.write(f"{introduction}{signing.token}{hiding.token}{sealed.reference_list}")

    def _key(self, octets: int) -> "_Key":
        if self.derivation is None:
            return _Key(self.secret.secret, "", self._base_reference())
        nonce, identifier = os.urandom(_NONCE_OCTETS), _new_id()
        return _Key(
            p_sha1(self.secret.secret, DEFAULT_LABEL + nonce, octets),
            f'<c:DerivedKeyToken xmlns:c="{self.derivation}" u:Id="{identifier}">{self._base_reference()}<c:Offset>0'
            f"</c:Offset><c:Length>{octets}</c:Length><c:Nonce>{_base64(nonce)}</c:Nonce></c:DerivedKeyToken>",
            _to_token(identifier, f"{self.derivation}/dk"),
        )

    def _base_reference(self) -> str:
        if isinstance(self.secret, ContextSecret):
            return _token_reference(write_context_reference(self.secret.name))
        name = (
            f'<o:KeyIdentifier EncodingType="{ns.BASE64_BINARY}" ValueType="{ns.ENCRYPTED_KEY_SHA1}">'
            f"{_base64(self.secret.sha1)}</o:KeyIdentifier>"
            if self.introduction is None
            else f'<o:Reference URI="#{self.introduction.id}" ValueType="{ns.ENCRYPTED_KEY}"/>'
        )
        return _token_reference(name, token_type=ns.ENCRYPTED_KEY)


@dataclass(frozen=True, slots=True)
class _Key:
    """A key, the token that describes it (perhaps none), and the SecurityTokenReference to it."""

    octets: bytes = field(repr=False)
    token: str
    reference: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AsymmetricSeal:
    """Signed by `signer`; and, unless `methods.encryption` is empty, encrypted for `recipient`, whose key is RSA.

    With `sends_certificate` the signer's certificate goes along (IncludeToken AlwaysToRecipient). `introduction` is the
    message's key for `recipient`; a new one where it is not given.
    """

    signer: MessageSigner
    recipient: Certificate
    methods: Methods
    sends_certificate: bool = False
    introduction: WrappedKey | None = None
    confirmed: tuple[bytes, ...] | None = None

    def protect(self, message: Unsealed) -> bytes:
        token, reference = "", name_certificate(read_certificate(self.signer.certificate), KeyName.THUMBPRINT)
        if self.sends_certificate:
            token, reference = show_certificate(self.signer.certificate)
        sign = partial(self.signer.sign, algorithm=self.methods.signature)
        if not self.methods.encryption:
            plain = _Sealing(methods=self.methods, sign=sign, signature_key=reference, confirmed=self.confirmed)
            return plain.sign_only(message, token)
        wrapped = self.introduction or wrap_secret(new_key(self.methods.encryption), recipient=self.recipient)
        sealing = _Sealing(
            methods=self.methods,
            sign=sign,
            signature_key=reference,
            key=wrapped.secret.secret,
            key_reference=_to_token(wrapped.id, ns.ENCRYPTED_KEY),
            confirmed=self.confirmed,
        )
        sealed = sealing.seal(message)
        return sealed.write(f"{token}{wrapped.write(reference_list=sealed.reference_list)}")


@dataclass(frozen=True, slots=True, kw_only=True)
class EndorsingKey:
    """A key whose signature endorses messages, by `methods`. `token` is what the Security header brings of it, perhaps
    nothing, and `reference` what the signature's KeyInfo holds.
    """

    sign: Callable[[bytes], bytes]
    methods: Methods
    token: str = field(default="", repr=False)
    reference: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EndorsingSeal:
    """For messages inside of TLS: a Timestamp, and where there is a `key`, its signature over that and over wsa:To
    (WS-SecurityPolicy 1.2 section 8.3). The rest is TLS's to protect.
    """

    key: EndorsingKey | None = None

    def protect(self, message: Unsealed) -> bytes:
        token = "" if self.key is None else self.key.token
        security = f"{write_timestamp(message.now, identifier=_new_id())}{''.join(message.tokens)}{token}"
        clear = _envelope(message, security, "", message.body)
        if self.key is None:
            return clear
        header, _ = parse_part(clear)
        return _envelope(message, security + self._sign(header, self.key).decode(), "", message.body)

    def _sign(self, header: Element, key: EndorsingKey) -> bytes:
        timestamp = header[-1][0]
        return write_message_signature(
            [
                (part.get(_WSU_ID), canonical(part))
                for part in (timestamp, *header)
                if part is timestamp or part.tag in TO
            ],
            method=key.methods.signature,
            digest_method=key.methods.digest,
            sign=key.sign,
            key_info=key.reference,
        )


def show_certificate(certificate: bytes) -> tuple[str, str]:
    """A BinarySecurityToken with `certificate` (DER), and the SecurityTokenReference to it."""
    identifier = _new_id()
    return _binary_security_token(certificate, identifier), _to_token(identifier, ns.X509V3)


# -- the steps that both kinds share ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sealing:
    """How one message is signed and encrypted; the references are SecurityTokenReferences for its KeyInfos."""

    methods: Methods
    sign: Callable[[bytes], bytes]
    signature_key: str
    key: bytes = field(default=b"", repr=False)
    key_reference: str = ""
    confirmed: tuple[bytes, ...] | None

    def seal(self, message: Unsealed) -> "_Sealed":
        clear = self._in_clear(message)
        signature = self._signature(clear)
        hidden = [self._hide(part.encode(), kind=ns.XENC_ELEMENT) for part in clear.sensitive]
        hidden.append(self._hide(signature, kind=ns.XENC_ELEMENT))
        content = self._hide(message.body, kind=ns.XENC_CONTENT)
        return _Sealed(message, clear.timestamp, hidden=tuple(hidden), body_id=clear.body_id, content=content)

    def sign_only(self, message: Unsealed, token: str) -> bytes:
        clear = self._in_clear(message)
        return clear.write(f"{token}{self._signature(clear).decode()}")

    def _in_clear(self, message: Unsealed) -> "_Clear":
        values: tuple[bytes | None, ...] = (None,) if self.confirmed == () else self.confirmed or ()
        return _Clear(
            message,
            write_timestamp(message.now, identifier=_new_id()),
            sensitive=(*message.tokens, *(_confirmation(value) for value in values)),
            body_id=_new_id(),
        )

    def _signature(self, clear: "_Clear") -> bytes:
        """Over every header block with an id, the Security header's parts with one, and the Body."""
        header, body = parse_part(clear.write(""))
        parts = [part for part in (*header, *header[-1]) if part.get(_WSU_ID)]
        return write_message_signature(
            [(part.get(_WSU_ID), canonical(part)) for part in (*parts, body)],
            method=self.methods.signature,
            digest_method=self.methods.digest,
            sign=self.sign,
            key_info=self.signature_key,
        )

    def _hide(self, plaintext: bytes, *, kind: str) -> "_Hidden":
        identifier = _new_id()
        ciphertext = encrypt(plaintext, key=self.key, algorithm=self.methods.encryption)
        return _Hidden(
            identifier,
            f'<e:EncryptedData xmlns:e="{ns.XENC}" Id="{identifier}" Type="{kind}">'
            f'<e:EncryptionMethod Algorithm="{self.methods.encryption}"/><ds:KeyInfo xmlns:ds="{ns.DS}">'
            f"{self.key_reference}</ds:KeyInfo><e:CipherData><e:CipherValue>{_base64(ciphertext)}</e:CipherValue>"
            "</e:CipherData></e:EncryptedData>",
        )


@dataclass(frozen=True, slots=True)
class _Clear:
    """A message before it is signed. `sensitive` are the parts of the Security header that do not go out in clear."""

    message: Unsealed
    timestamp: str
    sensitive: tuple[str, ...] = field(repr=False)
    body_id: str

    def write(self, behind: str) -> bytes:
        """With `behind` after everything else in the Security header."""
        security = f"{self.timestamp}{''.join(self.sensitive)}{behind}"
        return _envelope(self.message, security, f' u:Id="{self.body_id}"', self.message.body)


@dataclass(frozen=True, slots=True)
class _Hidden:
    """One xenc:EncryptedData."""

    id: str
    markup: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class _Sealed:
    """A message whose parts are signed and encrypted and only have to be put together."""

    message: Unsealed
    timestamp: str
    hidden: tuple[_Hidden, ...]
    body_id: str
    content: _Hidden

    @property
    def reference_list(self) -> str:
        references = "".join(f'<e:DataReference URI="#{part.id}"/>' for part in (*self.hidden, self.content))
        return f'<e:ReferenceList xmlns:e="{ns.XENC}">{references}</e:ReferenceList>'

    def write(self, keys: str) -> bytes:
        security = f"{self.timestamp}{keys}{''.join(part.markup for part in self.hidden)}"
        return _envelope(self.message, security, f' u:Id="{self.body_id}"', self.content.markup.encode())


def _envelope(message: Unsealed, security: str, body_attributes: str, body: bytes) -> bytes:
    return b"".join(
        (
            f'<s:Envelope xmlns:s="{message.namespace}" xmlns:u="{ns.WSU}"><s:Header>{message.blocks}'
            f'<o:Security xmlns:o="{ns.WSSE}" s:mustUnderstand="1">{security}</o:Security></s:Header>'
            f"<s:Body{body_attributes}>".encode(),
            body,
            b"</s:Body></s:Envelope>",
        )
    )


def _confirmation(value: bytes | None) -> str:
    """WSS 1.1 section 8.4; without a value where the request was not signed."""
    written = "" if value is None else f' Value="{_base64(value)}"'
    return f'<k:SignatureConfirmation xmlns:k="{ns.WSSE11}" xmlns:u="{ns.WSU}" u:Id="{_new_id()}"{written}/>'


def _token_reference(name: str, *, token_type: str = "") -> str:
    kind = f' xmlns:k="{ns.WSSE11}" k:TokenType="{token_type}"' if token_type else ""
    return f'<o:SecurityTokenReference xmlns:o="{ns.WSSE}"{kind}>{name}</o:SecurityTokenReference>'


def _to_token(identifier: str, value_type: str) -> str:
    return _token_reference(
        f'<o:Reference URI="#{identifier}" ValueType="{value_type}"/>',
        token_type=value_type if value_type == ns.ENCRYPTED_KEY else "",
    )


def _binary_security_token(certificate: bytes, identifier: str) -> str:
    return (
        f'<o:BinarySecurityToken EncodingType="{ns.BASE64_BINARY}" ValueType="{ns.X509V3}" u:Id="{identifier}">'
        f"{_base64(certificate)}</o:BinarySecurityToken>"
    )


def _new_id() -> str:
    return f"_{secrets.token_hex(8)}"


def _base64(octets: bytes) -> str:
    return base64.b64encode(octets).decode()
