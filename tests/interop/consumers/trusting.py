"""What a consumer of tokens is told by its operator, and what it tells of a token."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Trusted:
    """How a service is set up: the STS's name and certificate (PEM), its own names, and its own key (PEM)."""

    issuer: str
    certificate: str
    audience: str
    recipient: str
    key: str
    key_certificate: str


@dataclass(frozen=True)
class Subject:
    """Whom a consumer took a token for, and what is said of him, by the attribute's name."""

    name: str
    attributes: Mapping[str, list[str]]


class Refused(Exception):
    """A consumer does not take a token; the text is its own."""


class Consumer(Protocol):
    """A library with which services take tokens, as its documents say that it is used."""

    name: str
    version: str
    takes_responses: bool  # of Web SSO, with the token inside; otherwise tokens as they are
    versions: frozenset[str]  # of SAML: "saml20", "saml11"
    decrypts: frozenset[str]  # which of ENCRYPTIONS
    refuses: frozenset[str]  # which of OCCASIONS, beside what is not signed as it is

    def take(self, markup: str, trusted: Trusted) -> Subject:
        """The subject of what it verified. Raises Refused."""


# A relying party's settings for encrypted tokens.
ENCRYPTIONS = {
    "aes256-gcm": "",
    "aes128-gcm": 'algorithm = "aes128-gcm"',
    "aes256-cbc": 'algorithm = "aes256-cbc"',
    "rsa-oaep-mgf1p-sha256": 'key_transport = "rsa-oaep-mgf1p-sha256"',
    "rsa-oaep-sha256": 'key_transport = "rsa-oaep-sha256"',
}
EVERY_ENCRYPTION = frozenset(ENCRYPTIONS)
BY_SHA1 = frozenset({"aes256-gcm", "aes128-gcm", "aes256-cbc"})  # RSA-OAEP with SHA-1, which is the default
# Tokens with good signatures that not everybody takes. Two methods of authentication are two AuthnStatements.
OCCASIONS = ("expired", "another audience", "another recipient", "no recipient", "five minutes old", "two methods")
FOR_OTHERS = frozenset({"expired", "another audience", "another recipient"})
AT_ONCE = FOR_OTHERS | {"no recipient", "five minutes old"}
