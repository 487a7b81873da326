"""Decrypting a message: from the envelope as it came to the envelope as its sender wrote it.

The plaintext takes the place of what hid it in the octets of the message, and the whole is parsed once more by the one
hardened parse: prefixes keep their meaning, every limit holds for what was hidden too, and what is verified afterwards
is the tree that is then read. A plaintext that is not whole elements by itself never gets that far.

Decryption proves nothing. What it brings to light is used only if a signature covers it.
"""

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from lxml import etree

from wstrust_sts import ns
from wstrust_sts.errors import FailedCheck, InvalidSecurity, StsError
from wstrust_sts.ports import Decrypter
from wstrust_sts.wire import xenc
from wstrust_sts.wire.algorithms import KEY_OCTETS, Algorithms
from wstrust_sts.wire.certificates import read_certificate
from wstrust_sts.wire.contexts import (
    SECURITY_CONTEXT_TOKENS,
    ContextSecret,
    FindContext,
    choose_context,
    read_context_token,
)
from wstrust_sts.wire.keyinfo import ByContext, ByDerivation, ByEncryptedKeySha1, ById, KeyReference, read_key_info
from wstrust_sts.wire.markup import attribute
from wstrust_sts.wire.sc import DERIVED_KEY_TOKENS, DerivedKeyToken, implied_token, read_derived_key_token
from wstrust_sts.wire.signature_parts import index_ids
from wstrust_sts.wire.soap import Envelope, read_envelope
from wstrust_sts.wire.wsse import in_security_header, security_header
from wstrust_sts.wire.xml import Element, children, local, parse, parse_part

MAX_DERIVED_KEYS = 8
MAX_ENCRYPTED_DATA = 16
_ENCRYPTED_HEADER = f"{{{ns.WSSE11}}}EncryptedHeader"
_FALLBACK_OCTETS = 32


@dataclass(frozen=True, slots=True)
class SharedSecret:
    """A key that both sides know after an EncryptedKey was sent: `sha1` is its name from then on."""

    secret: bytes = field(repr=False)
    sha1: bytes


BaseSecret = SharedSecret | ContextSecret


@dataclass(frozen=True, slots=True)
class DerivedKey:
    """A DerivedKeyToken of this message, the secret it is derived from, and what comes of it."""

    token: DerivedKeyToken
    base: BaseSecret
    secret: bytes = field(repr=False)


class MessageKeys:
    """The symmetric keys of one message, by every name that it gives them."""

    def __init__(self, known: Sequence[BaseSecret] = ()) -> None:
        self._by_id: dict[str, BaseSecret | DerivedKey] = {}
        self._by_sha1: dict[bytes, SharedSecret] = {}
        self._by_context: dict[tuple[str, str | None], ContextSecret] = {}
        self.decrypter: Decrypter | None = None  # of ours, whose certificate the message was encrypted for
        for secret in known:
            self._know(secret)

    def _know(self, key: BaseSecret | DerivedKey) -> None:
        """By the names that it has outside of the message, too."""
        match key:
            case SharedSecret():
                self._by_sha1[key.sha1] = key
            case ContextSecret(name=name):
                self._by_context[name.identifier, name.instance] = key

    def add(self, identifier: str, key: BaseSecret | DerivedKey) -> None:
        self._by_id[identifier] = key
        self._know(key)

    def find(self, reference: KeyReference) -> BaseSecret | DerivedKey:
        """Raises InvalidSecurity: the message names a key that it does not have."""
        key: BaseSecret | DerivedKey | None = None
        match reference:
            case ById(identifier):
                key = self._by_id.get(identifier)
            case ByEncryptedKeySha1(sha1):
                key = self._by_sha1.get(sha1)
            case ByContext(_, identifier, instance):
                key = self._by_context.get((identifier, instance))
            case ByDerivation() as implied:
                return self.derive(implied_token(implied))
        if key is None:
            raise InvalidSecurity("a key that is neither in the message nor known from an earlier one")
        return key

    def derive(self, token: DerivedKeyToken) -> DerivedKey:
        """Raises InvalidSecurity: the key to derive from is not there, or is a derived one itself."""
        base = None if isinstance(token.base, ByDerivation) else self.find(token.base)
        if base is None or isinstance(base, DerivedKey):
            raise InvalidSecurity("a key derived from a derived key")
        return DerivedKey(token, base, token.derive(base.secret))


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedMessage:
    """A message after decryption. `header` is its one Security header.

    `hidden` are the elements that were encrypted, and `hollow` those whose whole content was; both in `envelope`.
    `encryption` is the algorithm by which, empty when nothing was.
    """

    envelope: Envelope
    header: Element
    ids: Mapping[str, Element]
    keys: MessageKeys
    hidden: tuple[Element, ...]
    hollow: tuple[Element, ...]
    encryption: str

    def hides(self, element: Element) -> bool:
        """Whether the whole element was encrypted."""
        return any(element is hidden for hidden in self.hidden)

    def hides_content_of(self, element: Element) -> bool:
        return self.hides(element) or any(element is hollow for hollow in self.hollow)


def open_message(
    envelope: Envelope,
    *,
    decrypters: Sequence[Decrypter],
    algorithms: Algorithms,
    brings: int,
    known: Sequence[BaseSecret] = (),
    find_context: FindContext | None = None,
) -> OpenedMessage:
    """Decrypts what the message's reference lists name, with the keys that it brings and the `known` ones.

    `brings` is how many EncryptedKeys the binding has: no other is ever opened. With `find_context` it has the key of
    the one security context that the message names; without, it has no such tokens.

    Raises InvalidSecurity, UnsupportedAlgorithm, SecurityTokenUnavailable for a message that cannot be worked with, and
    what `find_context` does, before any key is used; afterwards FailedCheck, whatever is wrong.
    """
    header = security_header(envelope.blocks)
    ids = index_ids(envelope.root)
    plan = _Plan(header, ids, algorithms, with_context=find_context is not None)
    meant = plan.choose(decrypters, brings)
    if find_context is not None:
        known = (*known, find_context(plan.context))
    try:
        keys = plan.open_keys(meant, MessageKeys(known))
        if not plan.data:
            return OpenedMessage(
                envelope=envelope, header=header, ids=ids, keys=keys, hidden=(), hollow=(), encryption=""
            )
        places = [plan.decrypt(data, keys) for data in plan.data]
        root = _put_in_place(envelope.root, places)
        opened = read_envelope(root, expected=envelope.version)
        return OpenedMessage(
            envelope=opened,
            header=security_header(opened.blocks),
            ids=index_ids(root),
            keys=keys,
            hidden=tuple(_at(root, place.path) for place in places if not place.content),
            hollow=tuple(_at(root, place.path) for place in places if place.content),
            encryption=places[0].algorithm,
        )
    except StsError as error:
        raise FailedCheck(f"not opened: {error.detail}") from None


# -- what is to be decrypted, and with which keys -----------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Data:
    """One EncryptedData that a reference list names, and its key: the one that it names, else that whose list it is."""

    element: Element
    read: xenc.EncryptedData
    key: KeyReference


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """A plaintext, and the way to where it belongs: child positions from the document's element on."""

    element: Element
    path: tuple[int, ...]
    content: bool
    algorithm: str
    plaintext: bytes = field(repr=False)


class _Plan:
    """All that a Security header says about encryption, read and counted before anything is computed."""

    def __init__(
        self, header: Element, ids: Mapping[str, Element], algorithms: Algorithms, *, with_context: bool
    ) -> None:
        self._ids = ids
        self._algorithms = algorithms
        self._encrypted: dict[str, xenc.EncryptedKey] = {}
        self._derived: dict[str, DerivedKeyToken] = {}
        self._contexts: dict[str, ByContext] = {}
        named: list[tuple[str, str]] = []
        with in_security_header():
            parts = children(header)
        for child in parts:
            if child.tag == xenc.ENCRYPTED_KEY:
                identifier = self._new_name(child)
                self._encrypted[identifier] = encrypted_key = xenc.read_encrypted_key(child)
                named += [(data, identifier) for data in encrypted_key.data]
            elif child.tag in DERIVED_KEY_TOKENS:
                self._derived[self._new_name(child)] = read_derived_key_token(child)
            elif child.tag in SECURITY_CONTEXT_TOKENS and with_context:
                self._contexts[self._new_name(child)] = read_context_token(child)
            elif child.tag == xenc.REFERENCE_LIST:
                named += [(data, "") for data in xenc.read_reference_list(child)]
        if len(self._derived) > MAX_DERIVED_KEYS:
            raise InvalidSecurity("too many keys in one message")
        if len(named) > MAX_ENCRYPTED_DATA or len({data for data, _ in named}) != len(named):
            raise InvalidSecurity("too many encrypted parts, or one that is named twice")
        self.data = [self._read_data(data, owner) for data, owner in named]

    def _new_name(self, key: Element) -> str:
        """The id of a key. One may go without, because nothing has to refer to it."""
        identifier: str = key.get("Id") or key.get(f"{{{ns.WSU}}}Id", "")
        if any(identifier in names for names in (self._encrypted, self._derived, self._contexts)):
            raise InvalidSecurity("keys that cannot be told apart")
        return identifier

    @property
    def context(self) -> ByContext:
        """The one security context that the message is about. Raises InvalidSecurity: there is none, or several."""
        named = [token.base for token in self._derived.values()] + [data.key for data in self.data]
        return choose_context(list(self._contexts.values()), named)

    def _read_data(self, identifier: str, owner: str) -> _Data:
        element = self._ids.get(identifier)
        if element is None or element.tag != xenc.ENCRYPTED_DATA:
            raise InvalidSecurity("a reference list names something that is not an EncryptedData of this message")
        read = xenc.read_encrypted_data(element)
        self._algorithms.demand_encryption(read.algorithm)
        if next(element.iterancestors(xenc.ENCRYPTED_DATA), None) is not None:
            raise InvalidSecurity("something encrypted inside of something encrypted")
        if read.content and len(element.getparent()) != 1:
            raise InvalidSecurity("encrypted content beside other content")
        key = ById(owner) if read.key_info is None else read_key_info(read.key_info)
        return _Data(element=element, read=read, key=key)

    def choose(self, decrypters: Sequence[Decrypter], brings: int) -> list[Decrypter]:
        """Whose key opens each EncryptedKey. Nothing is computed yet.

        Raises InvalidSecurity: not as many as the binding has, or for nobody here, or nothing to open.
        """
        if len(self._encrypted) != brings:
            raise InvalidSecurity(f"{len(self._encrypted)} EncryptedKeys, which is not what the policy has")
        if brings and not self.data:
            raise InvalidSecurity("nothing is encrypted")
        return [meant_by(encrypted, decrypters) for encrypted in self._encrypted.values()]

    def open_keys(self, decrypters: Sequence[Decrypter], keys: MessageKeys) -> MessageKeys:
        """Raises InvalidSecurity: a key names one that is not there."""
        for (identifier, encrypted), decrypter in zip(self._encrypted.items(), decrypters, strict=True):
            keys.decrypter = decrypter
            keys.add(identifier, unwrap(encrypted, decrypter))
        for identifier, name in self._contexts.items():
            keys.add(identifier, keys.find(name))
        for identifier, token in self._derived.items():
            keys.add(identifier, keys.derive(token))
        return keys

    def decrypt(self, data: _Data, keys: MessageKeys) -> _Place:
        """Raises FailedCheck, InvalidSecurity."""
        plaintext = xenc.decrypt(data.read.ciphertext, key=keys.find(data.key).secret, algorithm=data.read.algorithm)
        replaced = hiding = data.element
        if data.read.content:
            hiding = replaced.getparent()
        elif _is_encrypted_header(replaced):
            replaced = hiding = replaced.getparent()
        return _Place(
            element=replaced,
            path=_path_to(hiding),
            content=data.read.content,
            algorithm=data.read.algorithm,
            plaintext=plaintext,
        )


def meant_by(encrypted: xenc.EncryptedKey, decrypters: Sequence[Decrypter]) -> Decrypter:
    """Raises InvalidSecurity: it is for nobody here."""
    if encrypted.key_info is None:
        meant = list(decrypters[:1])
    else:
        name = read_key_info(encrypted.key_info)
        meant = [decrypter for decrypter in decrypters if read_certificate(decrypter.certificate).is_named_by(name)]
    if len(meant) != 1:
        raise InvalidSecurity("an EncryptedKey for somebody else's certificate, or for one that is retired")
    return meant[0]


def unwrap(encrypted: xenc.EncryptedKey, decrypter: Decrypter) -> SharedSecret:
    """The secret. One that does not open is replaced by a random one: the message then fails where every other does."""
    secret = decrypter.decrypt(encrypted.ciphertext, digest=encrypted.oaep.digest, mask=encrypted.oaep.mask)
    fallback = secrets.token_bytes(_FALLBACK_OCTETS)
    if secret is None or len(secret) not in KEY_OCTETS.values():
        secret = fallback
    return SharedSecret(secret, hashlib.sha1(encrypted.ciphertext, usedforsecurity=False).digest())


def _is_encrypted_header(element: Element) -> bool:
    """WSS 1.1 section 9.3: a header block with an EncryptedData in it, which stands for the block that was there."""
    parent = element.getparent()
    return parent is not None and parent.tag == _ENCRYPTED_HEADER and len(parent) == 1


def _path_to(element: Element) -> tuple[int, ...]:
    path: list[int] = []
    while (parent := element.getparent()) is not None:
        path.append(parent.index(element))
        element = parent
    return tuple(reversed(path))


def _at(root: Element, path: tuple[int, ...]) -> Element:
    element = root
    for position in path:
        element = element[position]
    return element


# -- putting the plaintext in its place ------------------------------------------------------------------------------


def _put_in_place(root: Element, places: Sequence[_Place]) -> Element:
    """The document with every plaintext where it belongs, parsed anew. Raises what `parse` raises, FailedCheck."""
    _demand_whole(places)
    marks = [_cut_out(place.element).encode() for place in places]
    octets = etree.tostring(root, encoding="utf-8")
    for mark, place in zip(marks, places, strict=True):
        octets = octets.replace(mark, place.plaintext, 1)
    return parse(octets)


def _cut_out(element: Element) -> str:
    """Puts a text that occurs nowhere else in the place of `element`."""
    mark = secrets.token_hex(16)
    parent, behind = element.getparent(), element.tail or ""
    position = parent.index(element)
    if position:
        before = parent[position - 1]
        before.tail = (before.tail or "") + mark + behind
    else:
        parent.text = (parent.text or "") + mark + behind
    parent.remove(element)
    return mark


def _demand_whole(places: Sequence[_Place]) -> None:
    """Raises FailedCheck unless every plaintext is whole elements by itself: exactly one, unless it is a whole content.

    Each is put into an element that has the meaning of its prefixes, and whose name nobody can guess and so close.
    """
    name = f"w{secrets.token_hex(16)}"
    alone = [f"<{name}{_declarations(place.element)}>".encode() + place.plaintext for place in places]
    end = f"</{name}>".encode()
    for place, whole in zip(places, parse_part(f"<{name}>".encode() + end.join(alone) + end + end), strict=True):
        if place.content:
            continue
        if len(whole) != 1 or whole.text or whole[0].tail or not isinstance(whole[0].tag, str):
            raise FailedCheck(f"an encrypted {local(place.element)} that hides not exactly one element")


def _declarations(element: Element) -> str:
    return "".join(
        f' xmlns{f":{prefix}" if prefix else ""}="{attribute(namespace)}"'
        for prefix, namespace in element.nsmap.items()
        if prefix != "xml"
    )
