"""What `--binding` may be: what each needs of the caller, named as the endpoint policies are."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class BindingKind:
    """`password`: it shows one. `certificate`: the requestor's signs, or is shown by TLS. `sts_certificate`: messages
    are signed by the STS, and encrypted for it if they are `encrypted`. `issued`: the key of a token of before signs.
    `bootstrap` names the binding by which the security context is established that protects messages.
    """

    meaning: str
    password: bool = False
    certificate: bool = False
    sts_certificate: bool = False
    encrypted: bool = False
    issued: bool = False
    bootstrap: str = ""

    @property
    def shows_token(self) -> bool:
        """Whether the token itself proves who asks; beside a password only its key is proved, and it is named."""
        return self.issued and not self.password

    @property
    def options(self) -> frozenset[str]:
        """Those that it uses, of the ones that not every binding does."""
        used = {
            "user": self.password,
            "password_file": self.password,
            "certificate": self.certificate,
            "key": self.certificate,
            "sts_certificate": self.sts_certificate,
            "with_token": self.issued,
            "with_context": bool(self.bootstrap),
            "proof_key": self.issued or bool(self.bootstrap),
        }
        return frozenset(option for option, is_used in used.items() if is_used)


BINDINGS: Mapping[str, BindingKind] = {
    "usernamemixed": BindingKind(meaning="TLS around a password", password=True),
    "certificatemixed": BindingKind(meaning="TLS around your certificate's signature", certificate=True),
    "usernamecertificatemixed": BindingKind(meaning="both of them", password=True, certificate=True),
    "certificatetransport": BindingKind(meaning="TLS with your certificate as its own", certificate=True),
    "issuedtokenmixed": BindingKind(
        meaning="TLS around a token that you have, and a signature by the key that it is bound to", issued=True
    ),
    "usernameissuedtokenmixed": BindingKind(
        meaning="TLS around a password, and a signature by the key of the token that is asked about",
        password=True,
        issued=True,
    ),
    "username": BindingKind(
        meaning="the STS's certificate and a password", password=True, sts_certificate=True, encrypted=True
    ),
    "certificate": BindingKind(
        meaning="your certificate and the STS's", certificate=True, sts_certificate=True, encrypted=True
    ),
    "certificatesigned": BindingKind(meaning="the same, only signed, in TLS", certificate=True, sts_certificate=True),
    "secureconversationmixed": BindingKind(
        meaning="TLS around a signature by the key of a security context, which usernamemixed establishes",
        bootstrap="usernamemixed",
    ),
    "secureconversation": BindingKind(
        meaning="the key of a security context, which certificate establishes", encrypted=True, bootstrap="certificate"
    ),
}
