"""The keys of each realm by use, as the database has them now.

Which key does what follows from its state alone: an active one signs; an active or retiring token key verifies; an
active, retiring or next message key opens messages. What is for tokens is never used on messages, nor the other way.
"""

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Generic, Protocol, TypeVar

from wstrust_sts.errors import RequestFailed
from wstrust_sts.keys import LocalMessageKey, LocalSigner, PublicVerificationKey, unwrap, unwrap_message_key
from wstrust_sts.ports import Decrypter, MessageSigner, SecretBox, Signer, SigningKeys, VerificationKey
from wstrust_sts.records import KeyState, KeyUse, SigningKeyRecord

Key = TypeVar("Key")
OpenKey_co = TypeVar("OpenKey_co", covariant=True)


class _Loaded(Protocol):
    @property
    def generation(self) -> int: ...


Keys = TypeVar("Keys", bound=_Loaded)


@dataclass(frozen=True, slots=True)
class _Opened(Generic[Key]):
    """Private keys that opened, by their records whatever the state, and by key id why others did not."""

    keys: Mapping[SigningKeyRecord, Key]
    troubles: Mapping[str, str]

    def of(self, record: SigningKeyRecord) -> Key | None:
        return self.keys.get(_without_state(record))


@dataclass(frozen=True, slots=True, kw_only=True)
class _TokenKeys:
    """A realm's token keys at one generation; without a signer, `trouble` says why."""

    generation: int
    opened: _Opened[LocalSigner]
    signer: Signer | None
    trouble: str
    verification_keys: tuple[VerificationKey, ...]
    certificates: tuple[bytes, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _MessageKeys:
    """A realm's message keys at one generation; without a signer, `trouble` says why."""

    generation: int
    opened: _Opened[LocalMessageKey]
    signer: MessageSigner | None
    trouble: str
    decrypters: tuple[Decrypter, ...]


class _Unwrap(Protocol[OpenKey_co]):
    def __call__(self, record: SigningKeyRecord, *, box: SecretBox) -> OpenKey_co: ...


class StoredKeyring:
    """The stored keys of every realm, loaded anew when the configuration's generation changes. A `Keyring`.

    Token and message keys are loaded apart, when they are first asked for: a realm without message-security endpoints
    never has its message keys unwrapped. Thread-safe.

    `open_token_key` and `open_message_key` make the usable key of a record, or raise RequestFailed.
    """

    def __init__(
        self,
        keys: SigningKeys,
        box: SecretBox,
        *,
        open_token_key: _Unwrap[LocalSigner] = unwrap,
        open_message_key: _Unwrap[LocalMessageKey] = unwrap_message_key,
    ) -> None:
        self._keys = keys
        self._box = box
        self._open_token_key = open_token_key
        self._open_message_key = open_message_key
        self._token_keys = _ByRealm(keys.generation, self._load_token_keys)
        self._message_keys = _ByRealm(keys.generation, self._load_message_keys)

    def signer(self, realm: str) -> Signer:
        keys = self._token_keys.current(realm)
        if keys.signer is None:
            raise RequestFailed(keys.trouble)
        return keys.signer

    def verification_keys(self, realm: str) -> Sequence[VerificationKey]:
        return self._token_keys.current(realm).verification_keys

    def certificates(self, realm: str) -> Sequence[bytes]:
        return self._token_keys.current(realm).certificates

    def message_signer(self, realm: str) -> MessageSigner:
        keys = self._message_keys.current(realm)
        if keys.signer is None:
            raise RequestFailed(keys.trouble)
        return keys.signer

    def decrypters(self, realm: str) -> Sequence[Decrypter]:
        return self._message_keys.current(realm).decrypters

    def _load_token_keys(self, realm: str, generation: int, before: _TokenKeys | None) -> _TokenKeys:
        """The newest active key signs. A key that does not open stops issuing, not verifying."""
        by_state = self._list(realm, KeyUse.TOKEN)
        active = by_state[KeyState.ACTIVE][-1:]
        opened = _open_each(
            active, lambda key: self._open_token_key(key, box=self._box), before.opened if before else None
        )
        return _TokenKeys(
            generation=generation,
            opened=opened,
            signer=opened.of(active[0]) if active else None,
            trouble=opened.troubles.get(active[0].id, "") if active else f"realm {realm} has no active signing key",
            verification_keys=tuple(
                PublicVerificationKey.of_certificate(record.certificate, key_id=record.id)
                for record in by_state[KeyState.RETIRING] + by_state[KeyState.ACTIVE]
            ),
            certificates=tuple(
                record.certificate
                for state in (KeyState.ACTIVE, KeyState.NEXT, KeyState.RETIRING)
                for record in reversed(by_state[state])
            ),
        )

    def _load_message_keys(self, realm: str, generation: int, before: _MessageKeys | None) -> _MessageKeys:
        """The newest active key signs, and every key opens. One that does not open stops nothing but itself."""
        by_state = self._list(realm, KeyUse.MESSAGE)
        active = by_state[KeyState.ACTIVE][::-1]
        records = [*active, *by_state[KeyState.RETIRING][::-1], *by_state[KeyState.NEXT][::-1]]
        opened = _open_each(
            records, lambda key: self._open_message_key(key, box=self._box), before.opened if before else None
        )
        missing = f"realm {realm} has no active message key: wstrust-sts key create --use message --realm {realm}"
        return _MessageKeys(
            generation=generation,
            opened=opened,
            signer=opened.of(active[0]) if active else None,
            trouble=opened.troubles.get(active[0].id, "") if active else missing,
            decrypters=tuple(key for record in records if (key := opened.of(record)) is not None),
        )

    def _list(self, realm: str, use: KeyUse) -> dict[KeyState, list[SigningKeyRecord]]:
        """Oldest first."""
        found: dict[KeyState, list[SigningKeyRecord]] = {state: [] for state in KeyState}
        for record in self._keys.list(realm):
            if record.use is use:
                found[record.state].append(record)
        return found


class _ByRealm(Generic[Keys]):
    """What was loaded of each realm, until the generation is another one.

    Thread-safe: an entry is replaced whole, and two threads that load at once load the same.
    """

    def __init__(self, generation: Callable[[], int], load: Callable[[str, int, Keys | None], Keys]) -> None:
        """`load` is given the realm, the generation, and what was loaded of the realm before."""
        self._generation = generation
        self._load = load
        self._loaded: dict[str, Keys] = {}
        self._loading = threading.Lock()

    def current(self, realm: str) -> Keys:
        generation = self._generation()
        keys = self._loaded.get(realm)
        if keys is not None and keys.generation == generation:
            return keys
        with self._loading:
            keys = self._loaded.get(realm)
            if keys is None or keys.generation != generation:
                # The number was read before the rows: a change in between is seen by the next call.
                keys = self._load(realm, generation, keys)
                self._loaded[realm] = keys
            return keys


def _open_each(
    records: Iterable[SigningKeyRecord], open_key: Callable[[SigningKeyRecord], Key], before: _Opened[Key] | None
) -> _Opened[Key]:
    """Those open `before` stay open: unwrapping takes as long as many signatures, and generations change often."""
    keys: dict[SigningKeyRecord, Key] = {}
    troubles: dict[str, str] = {}
    for record in records:
        key = before.of(record) if before is not None else None
        try:
            keys[_without_state(record)] = key if key is not None else open_key(record)
        except RequestFailed as failure:
            troubles[record.id] = failure.detail
    return _Opened(keys, troubles)


def _without_state(record: SigningKeyRecord) -> SigningKeyRecord:
    return replace(record, state=KeyState.ACTIVE)
