"""The options that say which STS is asked, as whom and how the messages are protected; one set for every command."""

import functools
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from wstrust_sts import ns
from wstrust_sts.cli.passwords import obtain_password, password_file_option
from wstrust_sts.config import TRUST_VERSIONS

if TYPE_CHECKING:
    from wstrust_sts.cli.exchanges.exchange import Binding
    from wstrust_sts.cli.sts_client import StsClient
    from wstrust_sts.wire.certificates import Certificate
    from wstrust_sts.wire.sealing import Methods

SIGNATURES = {
    "rsa-sha256": ns.RSA_SHA256,
    "rsa-sha384": ns.RSA_SHA384,
    "rsa-sha512": ns.RSA_SHA512,
    "rsa-sha1": ns.RSA_SHA1,
}
MACS = {"hmac-sha1": ns.HMAC_SHA1, "hmac-sha256": ns.HMAC_SHA256}
DIGESTS = {"sha256": ns.SHA256, "sha384": ns.SHA384, "sha512": ns.SHA512, "sha1": ns.SHA1}
ENCRYPTIONS = {
    "aes256-cbc": ns.AES256_CBC,
    "aes128-cbc": ns.AES128_CBC,
    "aes256-gcm": ns.AES256_GCM,
    "aes128-gcm": ns.AES128_GCM,
}
DERIVATIONS = {"1.3": ns.WSC13, "2005": ns.WSC05}
BINDINGS = ("usernamemixed", "username", "certificate", "certificatesigned")


@dataclass(frozen=True, slots=True, kw_only=True)
class StsOptions:
    """What the caller said; the field names are the options'."""

    url: str
    ca: Path | None
    user: str | None
    password_file: str | None
    trust: str
    soap: Literal["1.1", "1.2"]
    binding: str
    sts_certificate: Path | None
    certificate: Path | None
    key: Path | None
    signature: str
    mac: str
    digest: str
    encryption: str
    derived_keys: bool
    secure_conversation: str | None
    trace: Path | None

    def client(self) -> "StsClient":
        """Raises UsageError (an option is missing or makes no sense here), Refusal (a file that is not right)."""
        from wstrust_sts.cli.sts_client import StsClient
        from wstrust_sts.cli.sts_connection import StsConnection
        from wstrust_sts.cli.trace import Trace

        return StsClient(
            connection=StsConnection(url=self.url, ca=self.ca),
            binding=self._binding(),
            trust=TRUST_VERSIONS[self.trust],
            soap=self.soap,
            trace=None if self.trace is None else Trace(self.trace),
        )

    def _binding(self) -> "Binding":
        from wstrust_sts.cli.exchanges.username import PasswordInMessage
        from wstrust_sts.cli.exchanges.usernamemixed import PasswordOverTls

        match self.binding:
            case "usernamemixed":
                self._refuse("sts_certificate", "certificate", "key")
                return PasswordOverTls(user=self._user(), password=self._password())
            case "username":
                self._refuse("certificate", "key")
                sts_certificate = self._sts_certificate()
                return PasswordInMessage(
                    user=self._user(),
                    password=self._password(),
                    sts_certificate=sts_certificate,
                    methods=self._methods(MACS[self.mac]),
                    derivation=self._derivation(),
                )
            case _:
                self._refuse("user", "password_file")
                return self._certificate_binding()

    def _certificate_binding(self) -> "Binding":
        from wstrust_sts.cli.exchanges.certificate import CertificateInMessage
        from wstrust_sts.cli.message_keys import read_own_key

        certificate = self._demand("certificate", self.certificate, "the certificate of who asks, a PEM file")
        key = self._demand("key", self.key, "the certificate's private key, a PEM file")
        return CertificateInMessage(
            sts_certificate=self._sts_certificate(),
            key=read_own_key(certificate=certificate, key=key),
            methods=self._methods(SIGNATURES[self.signature]),
        )

    def _sts_certificate(self) -> "Certificate":
        from wstrust_sts.cli.message_keys import read_sts_certificate

        meaning = "the STS's message certificate, a PEM file, from its operator"
        return read_sts_certificate(self._demand("sts_certificate", self.sts_certificate, meaning))

    def _methods(self, signature: str) -> "Methods":
        from wstrust_sts.wire.sealing import Methods

        encryption = "" if self.binding == "certificatesigned" else ENCRYPTIONS[self.encryption]
        return Methods(signature=signature, digest=DIGESTS[self.digest], encryption=encryption)

    def _derivation(self) -> str | None:
        return DERIVATIONS[self.secure_conversation or self.trust] if self.derived_keys else None

    def _user(self) -> str:
        if self.user is None:
            raise click.UsageError(f"--binding {self.binding} needs --user.")
        return self.user

    def _password(self) -> str:
        return obtain_password(self.password_file, confirm=False)

    def _demand(self, option: str, value: Path | None, meaning: str) -> Path:
        if value is None:
            raise click.UsageError(f"--binding {self.binding} needs {_written(option)}: {meaning}.")
        return value

    def _refuse(self, *options: str) -> None:
        """What is given and not used would look as if it protected something."""
        for option in options:
            if getattr(self, option) is not None:
                raise click.UsageError(f"--binding {self.binding} does not use {_written(option)}.")


def _written(option: str) -> str:
    return f"--{option.replace('_', '-')}"


def _file(name: str, help_: str) -> Callable[[Callable[..., object]], Callable[..., object]]:
    kind = click.Path(path_type=Path, exists=True, dir_okay=False)
    return click.option(name, metavar="FILE", type=kind, help=help_)


def _choice(name: str, choices: Any, help_: str, *, default: str | None) -> Any:
    return click.option(name, type=click.Choice(list(choices)), default=default, show_default=bool(default), help=help_)


_OPTIONS = (
    click.option("--url", required=True, help="The STS endpoint, like https://sts/trust/13/usernamemixed."),
    _file("--ca", "PEM certificates to trust. [default: the system's]"),
    click.option("--user", help="User name, for the bindings with a password."),
    password_file_option,
    _choice("--trust", TRUST_VERSIONS, "WS-Trust version.", default="1.3"),
    _choice("--soap", ("1.1", "1.2"), "SOAP version.", default="1.2"),
    _choice(
        "--binding",
        BINDINGS,
        "What protects the messages: usernamemixed, TLS around a password; username, the STS's certificate and a "
        "password; certificate, your certificate and the STS's; certificatesigned, the same, only signed, in TLS.",
        default="usernamemixed",
    ),
    _file("--sts-certificate", "The STS's message certificate, PEM; ask its operator for it."),
    _file("--certificate", "Your certificate, PEM, for certificate and certificatesigned."),
    _file("--key", "Its private key, PEM. The key's password is asked for, or taken from WSTRUST_STS_KEY_PASSWORD."),
    _choice(
        "--signature",
        SIGNATURES,
        "How your key signs. Stock CXF and WCF may insist on rsa-sha1; choosing it accepts it in the answer, too.",
        default="rsa-sha256",
    ),
    _choice(
        "--mac",
        MACS,
        "How shared keys sign. hmac-sha1 is sound, and what every suite of WS-SecurityPolicy demands; WCF's "
        "Basic256Sha256 takes hmac-sha256.",
        default="hmac-sha1",
    ),
    _choice("--digest", DIGESTS, "Digest of the signed parts; sha1 for suites like Basic256.", default="sha256"),
    _choice(
        "--encryption",
        ENCRYPTIONS,
        "Every suite of WS-SecurityPolicy demands CBC; where the STS takes it, GCM is better.",
        default="aes256-cbc",
    ),
    click.option(
        "--derived-keys/--no-derived-keys",
        default=True,
        show_default=True,
        help="Whether keys are derived from the shared secret (username).",
    ),
    _choice(
        "--secure-conversation",
        DERIVATIONS,
        "WS-SecureConversation version of derived keys. [default: that of --trust]",
        default=None,
    ),
    click.option(
        "--trace",
        metavar="FILE",
        type=click.Path(path_type=Path, dir_okay=False),
        help="Write both messages to FILE, decrypted, and as they went. Passwords and keys are blanked, but the issued "
        "token is in it: the file is for your eyes only (mode 0600).",
    ),
)


def sts_options(function: Callable[..., object]) -> Callable[..., object]:
    """A command's options for an STS, which reach it as one argument `sts`, a StsOptions."""

    @functools.wraps(function)
    def command(**values: Any) -> object:
        chosen = {field.name: values.pop(field.name) for field in fields(StsOptions)}
        return function(sts=StsOptions(**chosen), **values)

    for option in reversed(_OPTIONS):
        command = option(command)
    return command
