"""Claims that are octets: the ImmutableID that Microsoft's directory synchronisation makes of an objectGUID."""

import base64
from pathlib import Path

import pytest

from wstrust_sts.octet_values import claim_value
from wstrust_sts.strict_toml import Place, Refused


def read(value: object) -> str:
    return claim_value().read(value, Place(Path("state.toml"), []))


def test_a_guid_is_the_base64_of_its_octets_as_active_directory_keeps_them() -> None:
    """Its first three fields are little-endian: [guid].ToByteArray() of .NET."""
    written = "00112233-4455-6677-8899-aabbccddeeff"
    expected = base64.b64encode(bytes.fromhex("33221100554477668899aabbccddeeff")).decode()
    assert read({"guid": written}) == read({"guid": written.upper()}) == expected == "MyIRAFVEd2aImaq7zN3u/w=="


def test_hex_is_the_base64_of_its_octets_in_order() -> None:
    assert read({"hex": "33221100554477668899AABBccddeeff"}) == "MyIRAFVEd2aImaq7zN3u/w=="
    assert read({"hex": "00"}) == "AA=="


def test_text_stays_text() -> None:
    for text in ("", "MyIRAFVEd2aImaq7zN3u/w==", "00112233-4455-6677-8899-aabbccddeeff"):
        assert read(text) == text


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"guid": ""},
        {"guid": "{00112233-4455-6677-8899-aabbccddeeff}"},
        {"guid": "00112233445566778899aabbccddeeff"},
        {"guid": "00112233-4455-6677-8899-aabbccddeeff\n"},
        {"guid": "urn:uuid:00112233-4455-6677-8899-aabbccddeeff"},
        {"guid": "00112233-4455-6677-8899-aabbccddeef\u0665"},
        {"guid": "00112233-4455-6677-8899-aabbccddeeff", "hex": "00"},
        {"guid": 7},
        {"hex": ""},
        {"hex": "0"},
        {"hex": "0x00"},
        {"hex": "00 11"},
        {"hex": "00" * 1025},
        {"base64": "AA=="},
        {"guid": ["00112233-4455-6677-8899-aabbccddeeff"]},
        7,
        None,
    ],
)
def test_what_is_neither_is_refused(value: object) -> None:
    with pytest.raises(Refused):
        read(value)
