"""A relying party's settings as one JSON document, written and read strictly.

    {"token_types": [...], "default_token_type": type or null, "key_types": [...],
     "default_key_type": type or null,
     "lifetime": {"default": seconds, "maximum": seconds, "clip": true},
     "name_identifier": {"format": uri, "claim": type or null},
     "audiences": [...], "recipient": uri or null,
     "claim_rules": [{"release": type, "name": type or null} |
                     {"constant": type, "values": [...]} |
                     {"group": name, "name": type, "values": [...]}],  a rule perhaps with "friendly_name": text,
                                                                       of a group with "prefix": text
     "validators": [...],
     "encryption": {"certificate": base64 or null, "tokens": false, "bare": false, "algorithm": uri,
                    "key_transport": word, "key_name": word},
     "accepts_client_keys": false, "accepts_unproved_keys": false}

Every other key is there and none beside; a change of this shape comes with a migration of the stored documents.
"""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from wstrust_sts.encryption import ALGORITHMS, EncryptionRule, KeyName, KeyTransport
from wstrust_sts.model import KeyType, TokenType
from wstrust_sts.relying_parties import (
    ClaimRule,
    ConstantRule,
    GroupRule,
    LifetimeRule,
    NameIdentifierRule,
    ReleaseRule,
    RelyingParty,
)

_KEYS = frozenset(
    (
        "token_types",
        "default_token_type",
        "key_types",
        "default_key_type",
        "lifetime",
        "name_identifier",
        "audiences",
        "recipient",
        "claim_rules",
        "validators",
        "encryption",
        "accepts_client_keys",
        "accepts_unproved_keys",
    )
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What of a `RelyingParty` is stored in the document; its fields, by the same names."""

    token_types: tuple[TokenType, ...]
    default_token_type: TokenType | None
    key_types: tuple[KeyType, ...]
    default_key_type: KeyType | None
    lifetime: LifetimeRule
    name_identifier: NameIdentifierRule
    audiences: tuple[str, ...]
    recipient: str | None
    claim_rules: tuple[ClaimRule, ...]
    validators: frozenset[str]
    encryption: EncryptionRule
    accepts_client_keys: bool
    accepts_unproved_keys: bool


def write_settings(relying_party: RelyingParty) -> str:
    """The document. The same settings give the same text. Raises ValueError for lifetimes in parts of a second."""
    document = {
        "token_types": [token_type.value for token_type in relying_party.token_types],
        "default_token_type": relying_party.default_token_type and relying_party.default_token_type.value,
        "key_types": [key_type.value for key_type in relying_party.key_types],
        "default_key_type": relying_party.default_key_type and relying_party.default_key_type.value,
        "lifetime": {
            "default": _seconds(relying_party.lifetime.default),
            "maximum": _seconds(relying_party.lifetime.maximum),
            "clip": relying_party.lifetime.clip,
        },
        "name_identifier": {
            "format": relying_party.name_identifier.format,
            "claim": relying_party.name_identifier.claim,
        },
        "audiences": list(relying_party.audiences),
        "recipient": relying_party.recipient,
        "claim_rules": [_write_rule(rule) for rule in relying_party.claim_rules],
        "validators": sorted(relying_party.validators),
        "encryption": _write_encryption(relying_party.encryption),
        "accepts_client_keys": relying_party.accepts_client_keys,
        "accepts_unproved_keys": relying_party.accepts_unproved_keys,
    }
    return json.dumps(document, sort_keys=True, ensure_ascii=False)


def read_settings(document: str) -> Settings:
    """Raises ValueError for anything that `write_settings` would not have written."""
    root = _object(json.loads(document, object_pairs_hook=_unique), _KEYS)
    lifetime = _object(root["lifetime"], {"default", "maximum", "clip"})
    name_identifier = _object(root["name_identifier"], {"format", "claim"})
    default = _text_or_none(root["default_token_type"])
    default_key = _text_or_none(root["default_key_type"])
    return Settings(
        token_types=tuple(TokenType(value) for value in _texts(root["token_types"])),
        default_token_type=None if default is None else TokenType(default),
        key_types=tuple(KeyType(value) for value in _texts(root["key_types"])),
        default_key_type=None if default_key is None else KeyType(default_key),
        lifetime=LifetimeRule(
            default=_duration(lifetime["default"]),
            maximum=_duration(lifetime["maximum"]),
            clip=_boolean(lifetime["clip"]),
        ),
        name_identifier=NameIdentifierRule(
            format=_text(name_identifier["format"]), claim=_text_or_none(name_identifier["claim"])
        ),
        audiences=_texts(root["audiences"]),
        recipient=_text_or_none(root["recipient"]),
        claim_rules=tuple(_read_rule(rule) for rule in _array(root["claim_rules"])),
        validators=frozenset(_texts(root["validators"])),
        encryption=_read_encryption(root["encryption"]),
        accepts_client_keys=_boolean(root["accepts_client_keys"]),
        accepts_unproved_keys=_boolean(root["accepts_unproved_keys"]),
    )


def _write_rule(rule: ClaimRule) -> dict[str, object]:
    written: dict[str, object]
    match rule:
        case ReleaseRule():
            written = {"release": rule.claim, "name": rule.name}
        case ConstantRule():
            written = {"constant": rule.name, "values": list(rule.values)}
        case GroupRule():
            written = {"group": rule.group, "name": rule.name, "values": list(rule.values)}
            if rule.prefix:
                written["prefix"] = rule.prefix
    return written if rule.friendly_name is None else written | {"friendly_name": rule.friendly_name}


def _read_rule(value: object) -> ClaimRule:
    told = dict(value) if isinstance(value, dict) else {}
    friendly_name = _text_or_none(told.pop("friendly_name", None))
    match told:
        case {"release": claim, "name": name, **rest} if not rest:
            return ReleaseRule(claim=_text(claim), name=_text_or_none(name), friendly_name=friendly_name)
        case {"constant": name, "values": values, **rest} if not rest:
            return ConstantRule(name=_text(name), values=_texts(values), friendly_name=friendly_name)
        case {"group": group, "name": name, "values": values, **rest} if rest.keys() <= {"prefix"}:
            return GroupRule(
                group=_text(group),
                name=_text(name),
                values=_texts(values),
                prefix=_text(rest.get("prefix", "")),
                friendly_name=friendly_name,
            )
    raise ValueError("a claim rule of no known kind")


def _write_encryption(rule: EncryptionRule) -> dict[str, object]:
    return {
        "certificate": None if rule.certificate is None else base64.b64encode(rule.certificate).decode(),
        "tokens": rule.tokens,
        "bare": rule.bare,
        "algorithm": rule.algorithm,
        "key_transport": rule.key_transport.value,
        "key_name": rule.key_name.value,
    }


def _read_encryption(value: object) -> EncryptionRule:
    rule = _object(value, {"certificate", "tokens", "bare", "algorithm", "key_transport", "key_name"})
    certificate, algorithm = _text_or_none(rule["certificate"]), _text(rule["algorithm"])
    if algorithm not in ALGORITHMS.values():
        raise ValueError("an encryption algorithm that is not offered")
    return EncryptionRule(
        certificate=None if certificate is None else base64.b64decode(certificate, validate=True),
        tokens=_boolean(rule["tokens"]),
        bare=_boolean(rule["bare"]),
        algorithm=algorithm,
        key_transport=KeyTransport(rule["key_transport"]),
        key_name=KeyName(rule["key_name"]),
    )


def _seconds(duration: timedelta) -> int:
    seconds, rest = divmod(duration, timedelta(seconds=1))
    if rest:
        raise ValueError("A lifetime is given in whole seconds.")
    return seconds


def _duration(value: object) -> timedelta:
    if type(value) is not int:
        raise ValueError("a lifetime that is not a number of seconds")
    return timedelta(seconds=value)


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key given twice")
    return found


def _object(value: object, keys: set[str] | frozenset[str]) -> Mapping[str, object]:
    if not isinstance(value, dict) or value.keys() != keys:
        raise ValueError("an object without exactly the keys " + ", ".join(sorted(keys)))
    return value


def _array(value: object) -> list[object]:
    if not isinstance(value, list):
        raise ValueError("something that is not an array")
    return value


def _texts(value: object) -> tuple[str, ...]:
    return tuple(_text(item) for item in _array(value))


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("something that is not text")
    return value


def _text_or_none(value: object) -> str | None:
    return None if value is None else _text(value)


def _boolean(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError("something that is neither true nor false")
    return value
