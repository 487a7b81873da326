"""Encryption in the declared state: the certificate of a relying party, and what it can read."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from wstrust_sts import ns
from wstrust_sts import toml_kinds as kinds
from wstrust_sts.certificate_names import fingerprint
from wstrust_sts.declared_certificates import certificate_file, certificate_pem, pem_of
from wstrust_sts.encryption import ALGORITHMS, NO_ENCRYPTION, EncryptionRule, KeyName, KeyTransport
from wstrust_sts.pki.soundness import read_recipient
from wstrust_sts.strict_toml import Fault, key

_TRANSPORTS = {transport.value: transport for transport in KeyTransport}
_NAMES = {name.value: name for name in KeyName}
_WORDS = {uri: word for word, uri in ALGORITHMS.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class EncryptionTable:
    """What is encrypted for it: keys that its tokens are bound to, and with `tokens` the tokens themselves."""

    file: bytes | None = key(
        certificate_file(read_recipient), "File of its certificate, PEM or DER; an RSA key.", default=None
    )
    pem: bytes | None = key(certificate_pem(read_recipient), "The same, as text.", default=None)
    tokens: bool = key(kinds.flag(), "Whether its tokens go out encrypted.", default=NO_ENCRYPTION.tokens)
    bare: bool = key(
        kinds.flag(),
        "Encrypted SAML 2.0 tokens as xenc:EncryptedData, without saml2:EncryptedAssertion around it (WCF).",
        default=NO_ENCRYPTION.bare,
    )
    algorithm: str = key(
        kinds.choice(ALGORITHMS), "How tokens are encrypted.", default=ns.AES256_GCM, shown='"aes256-gcm"'
    )
    key_transport: KeyTransport = key(
        kinds.choice(_TRANSPORTS),
        "How keys are: RSA-OAEP with SHA-1, which everybody reads; with SHA-256 as digest; with SHA-256 in MGF1, too.",
        default=NO_ENCRYPTION.key_transport,
        shown=f'"{NO_ENCRYPTION.key_transport.value}"',
    )
    key_name: KeyName = key(
        kinds.choice(_NAMES),
        "How its certificate is named to it.",
        default=NO_ENCRYPTION.key_name,
        shown=f'"{NO_ENCRYPTION.key_name.value}"',
    )

    @property
    def certificate(self) -> bytes | None:
        return self.file if self.file is not None else self.pem

    def faults(self) -> Iterator[Fault]:
        if self.file is not None and self.pem is not None:
            yield Fault("pem", "is given beside file", "keep one of them")
        if self.tokens and self.certificate is None:
            yield Fault("tokens", "needs a certificate to encrypt for", "give it file or pem")

    def rule(self) -> EncryptionRule:
        return EncryptionRule(
            certificate=self.certificate,
            tokens=self.tokens,
            bare=self.bare,
            algorithm=self.algorithm,
            key_transport=self.key_transport,
            key_name=self.key_name,
        )


def encryption_table(rule: EncryptionRule) -> dict[str, Any]:
    """A rule as a table of the file, without what goes without saying."""
    return _written(rule, {"pem": None if rule.certificate is None else pem_of(rule.certificate)})


def encryption_card(rule: EncryptionRule) -> dict[str, Any]:
    """A rule in a few words: of the certificate, its fingerprint."""
    return _written(rule, {"sha256": None if rule.certificate is None else fingerprint(rule.certificate)})


def _written(rule: EncryptionRule, certificate: dict[str, Any]) -> dict[str, Any]:
    return kinds.filled(
        certificate
        | {
            "tokens": rule.tokens or None,
            "bare": rule.bare or None,
            "algorithm": None if rule.algorithm == NO_ENCRYPTION.algorithm else _WORDS[rule.algorithm],
            "key_transport": None if rule.key_transport is NO_ENCRYPTION.key_transport else rule.key_transport.value,
            "key_name": None if rule.key_name is NO_ENCRYPTION.key_name else rule.key_name.value,
        }
    )
