"""The text writer: character data as Canonical XML 1.0 writes it, so that what is written is canonical already.

Pure functions from text to markup. What XML 1.0 cannot carry is refused here, for every writer: a character
that no reader can take would make a signed token that nobody can read.
"""

import re

# Everything that needs a second look, in one pass: most names and values have none of it.
_SPECIAL_IN_TEXT = re.compile("[&<>\r\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_SPECIAL_IN_ATTRIBUTE = re.compile('[&<"\t\n\r\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]')
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")

_TEXT = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#xD;"})
_ATTRIBUTE = str.maketrans({"&": "&amp;", "<": "&lt;", '"': "&quot;", "\t": "&#x9;", "\n": "&#xA;", "\r": "&#xD;"})


def text(value: str) -> str:
    """`value` as the text of an element (Canonical XML 1.0 section 2.3, text nodes). Raises ValueError."""
    if _SPECIAL_IN_TEXT.search(value) is None:
        return value
    _refuse_forbidden(value)
    return value.translate(_TEXT)


def attribute(value: str) -> str:
    """`value` as an attribute's value, between double quotes (section 2.3, attribute nodes). Raises ValueError."""
    if _SPECIAL_IN_ATTRIBUTE.search(value) is None:
        return value
    _refuse_forbidden(value)
    return value.translate(_ATTRIBUTE)


def _refuse_forbidden(value: str) -> None:
    """XML 1.0 section 2.2, Char: no controls but tab and line ends, no surrogates, no U+FFFE and U+FFFF."""
    forbidden = _FORBIDDEN.search(value)
    if forbidden is not None:
        raise ValueError(f"XML cannot carry the character U+{ord(forbidden[0]):04X}")
