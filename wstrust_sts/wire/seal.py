"""What a message is before it is protected, and what protects it."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsealed:
    """A message before it is protected. `namespace` is the SOAP version's, declared as `s`, and `u` is wsu.

    `blocks` are its header blocks, each with a wsu:Id; `tokens` are elements for the Security header that are to be
    signed and encrypted, each with a wsu:Id, too; `body` is the Body's content.
    """

    namespace: str
    blocks: str
    body: bytes = field(repr=False)
    now: datetime
    tokens: tuple[str, ...] = field(default=(), repr=False)


class Seal(Protocol):
    """What protects a message with the keys of one exchange."""

    def protect(self, message: Unsealed) -> bytes:
        """The protected envelope."""
        ...
