"""The Content-Type of a request (RFC 9110 section 8.3), read strictly: what is not one is no type at all."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

_LONGEST = 1024
_NAME = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_TYPE = re.compile(rf"[ \t]*({_NAME}/{_NAME})[ \t]*")
# A value that is neither a token nor quoted is an address that its client forgot to quote: action=http://...
_PARAMETER = re.compile(rf';[ \t]*(?:({_NAME})=(?:"((?:[^"\\]|\\.)*)"|([^\s;"]*)))?[ \t]*')
_QUOTED_PAIR = re.compile(r"\\(.)")


@dataclass(frozen=True, slots=True)
class MediaType:
    """`name` and the names of `parameters` in lower case; `name` is empty where the header is not readable."""

    name: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)


@lru_cache(maxsize=256)
def read_media_type(header: str) -> MediaType:
    """Nothing readable, for a header that is malformed, too long, or names a parameter twice.

    Parameters in the form of RFC 8187 (`charset*=...`) are not used in SOAP: they make it unreadable, too.
    """
    type_ = _TYPE.match(header) if len(header) <= _LONGEST else None
    if type_ is None:
        return MediaType()
    parameters: dict[str, str] = {}
    at = type_.end()
    while at < len(header):
        parameter = _PARAMETER.match(header, at)
        if parameter is None:
            return MediaType()
        at = parameter.end()
        name, quoted, plain = parameter.groups()
        if name is None:
            continue
        if "*" in name or name.lower() in parameters:
            return MediaType()
        parameters[name.lower()] = plain if quoted is None else _QUOTED_PAIR.sub(r"\1", quoted)
    return MediaType(type_[1].lower(), parameters)
