"""Values of claims that are octets: written by an operator as a GUID or in hex, kept and told in Base64.

Microsoft Entra ID knows a user by such a one, the ImmutableID: the octets of the user's objectGUID, or of
mS-DS-ConsistencyGuid, in the order in which Active Directory keeps them.
"""

import base64
import re
import uuid

from wstrust_sts import toml_kinds as kinds
from wstrust_sts.strict_toml import Kind, Place, describe

_GUID = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_HEX = re.compile(r"(?:[0-9A-Fa-f]{2})+")
_LONGEST = 2048


def is_guid(written: str) -> bool:
    """Whether `claim_value` takes this text as a `guid`."""
    return _GUID.fullmatch(written) is not None


def claim_value() -> Kind[str]:
    """Text, `{ guid = "..." }` or `{ hex = "..." }`; the latter two become the Base64 of their octets."""
    text = kinds.free_text()

    def read(value: object, place: Place) -> str:
        if not isinstance(value, dict):
            return text.read(value, place)
        match value:
            case {"guid": str(written), **rest} if not rest and is_guid(written):
                octets = uuid.UUID(written).bytes_le
            case {"hex": str(written), **rest} if not rest and len(written) <= _LONGEST and _HEX.fullmatch(written):
                octets = bytes.fromhex(written)
            case _:
                place.refuse(
                    f"is neither text nor octets: {describe(value)}",
                    'write "text", { guid = "00112233-4455-6677-8899-aabbccddeeff" } or { hex = "0a0b" }',
                )
        return base64.b64encode(octets).decode("ascii")

    return Kind("text, { guid = ... } or { hex = ... }", read)
