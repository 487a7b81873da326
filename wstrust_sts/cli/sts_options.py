"""The options that say which STS is asked, as whom and how the messages are protected; one set for every command."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from wstrust_sts import ns
from wstrust_sts.cli.bindings import BINDINGS
from wstrust_sts.cli.option_groups import option_group
from wstrust_sts.cli.passwords import obtain_password, password_file_option
from wstrust_sts.endpoint_section import TRUST_VERSIONS

if TYPE_CHECKING:
    from wstrust_sts.cli.exchanges.exchange import Binding
    from wstrust_sts.cli.key_wishes import HeldKey, OwnKey
    from wstrust_sts.cli.sts_client import Issued, StsClient
    from wstrust_sts.cli.trace import Trace
    from wstrust_sts.keys import PrivateKey
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
_PUBLISHED = ("binding", "trust", "soap")
CONDITIONAL = (
    "user",
    "password_file",
    "certificate",
    "key",
    "sts_certificate",
    "with_token",
    "with_context",
    "proof_key",
)


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
    wsdl: bool
    sts_certificate: Path | None
    certificate: Path | None
    key: Path | None
    with_token: Path | None
    with_context: Path | None
    proof_key: Path | None
    signature: str
    mac: str
    digest: str
    encryption: str
    derived_keys: bool
    secure_conversation: str | None
    trace: Path | None

    def as_published(self) -> "StsOptions":
        """With the binding and the versions that the endpoint's WSDL tells, where the caller wants that.

        Raises UsageError (one of them is given, too), Refusal (no WSDL, or none that can be spoken).
        """
        if not self.wsdl:
            return self
        from wstrust_sts.cli.published import read_wsdl
        from wstrust_sts.cli.sts_connection import StsConnection

        for option in _PUBLISHED:
            source = click.get_current_context().get_parameter_source(option)
            if source is not click.core.ParameterSource.DEFAULT:
                raise click.UsageError(f"--wsdl says it: leave out {_written(option)}.")
        told = read_wsdl(StsConnection(url=self.url, ca=self.ca).get_wsdl(), url=self.url)
        return replace(self, binding=told.binding, trust=told.trust, soap=told.soap)

    def client(self, *, target: bytes | None = None) -> "StsClient":
        """`target` is the token that is asked about: it also proves who asks, where a token does and no other is given.

        Raises UsageError (an option is missing or makes no sense here), Refusal (a file that is not right).
        """
        self._refuse_unused()
        kind = BINDINGS[self.binding]
        held = self._held_token(target) if kind.issued else None
        binding = self._binding() if held is None else self._issued_token(held)
        return self._client(binding, shown=held if kind.shows_token else None, trace=None)

    def bootstrap(self) -> "StsOptions":
        """Those by which the security context is established that the binding asks for."""
        return replace(self, binding=BINDINGS[self.binding].bootstrap)

    def held_context(self, target: bytes | None) -> "Issued | None":
        """The security context that the caller has, with its key: the one that is named, or the `target`, if the key of
        that one is given. None: there is none, and the binding has to establish one.

        Raises as `client`.
        """
        from wstrust_sts.cli.contexts import is_context, share_context
        from wstrust_sts.cli.proof_files import read_proof_key
        from wstrust_sts.cli.sts_client import Issued

        if self.with_context is None and self.proof_key is None:
            return None
        self._refuse_unused()
        key = read_proof_key(self._demand("proof_key", self.proof_key, "the key of the security context"))
        token = target
        if self.with_context is not None:
            token = self.with_context.read_bytes()
        elif target is None or not is_context(target):
            raise click.UsageError("--proof-key is the key of --with-context, or of the context that is asked about.")
        assert token is not None
        share_context(token, key)
        return Issued(token, key)

    def client_in(self, context: "Issued", *, trace: "Trace | None" = None) -> "StsClient":
        """A client whose messages `context` protects. Raises Refusal."""
        assert context.key is not None
        if BINDINGS[self.binding].encrypted:
            binding = self._context_in_message(context.token, context.key)
        else:
            binding = self._endorsed_by(context.token, context.key)
        return self._client(binding, shown=context.token, trace=trace)

    def _client(self, binding: "Binding", *, shown: bytes | None, trace: "Trace | None") -> "StsClient":
        from wstrust_sts.cli.sts_client import StsClient
        from wstrust_sts.cli.sts_connection import StsConnection
        from wstrust_sts.cli.trace import Trace

        if trace is None and self.trace is not None:
            trace = Trace(self.trace)
        by_tls = self.binding == "certificatetransport"
        return StsClient(
            connection=StsConnection(
                url=self.url,
                ca=self.ca,
                certificate=self.certificate if by_tls else None,
                key=self.key if by_tls else None,
            ),
            binding=binding,
            trust=TRUST_VERSIONS[self.trust],
            soap=self.soap,
            trace=trace,
            shown=shown,
        )

    def own_certified_key(self) -> "OwnKey | None":
        """The key of the certificate that proves who asks, where one does. Raises as `client`."""
        from wstrust_sts.cli.proof_files import own_key

        kind = BINDINGS[self.binding]
        if not kind.certificate and not (kind.bootstrap and self.certificate):
            return None
        private, certificate = self._own_key()
        return own_key(private, certificate=certificate)

    def _refuse_unused(self) -> None:
        """What is given and not used would look as if it protected something."""
        kind = BINDINGS[self.binding]
        where = " in a security context that is there" if kind.bootstrap else ""
        for option in CONDITIONAL:
            if getattr(self, option) is not None and option not in kind.options:
                raise click.UsageError(f"--binding {self.binding} does not use {_written(option)}{where}.")

    def _binding(self) -> "Binding":
        match self.binding:
            case "username":
                return self._password_in_message()
            case "certificate" | "certificatesigned":
                return self._certificate_in_message()
            case "certificatetransport":
                return self._over_tls(signed=False)
            case _:
                return self._over_tls(signed=BINDINGS[self.binding].certificate)

    def _password_in_message(self) -> "Binding":
        from wstrust_sts.cli.exchanges.username import PasswordInMessage

        return PasswordInMessage(
            sts_certificate=self._sts_certificate(),
            user=self._user(),
            password=self._password(),
            methods=self._methods(MACS[self.mac]),
            derivation=self._derivation(DERIVATIONS[self.trust]),
        )

    def _certificate_in_message(self) -> "Binding":
        from wstrust_sts.cli.exchanges.certificate import CertificateInMessage
        from wstrust_sts.cli.message_keys import read_message_key

        certificate, key = self._own_files()
        return CertificateInMessage(
            sts_certificate=self._sts_certificate(),
            key=read_message_key(certificate=certificate, key=key),
            methods=self._methods(SIGNATURES[self.signature]),
        )

    def _over_tls(self, *, signed: bool) -> "Binding":
        """A password, a signature, or both; or neither, where the connection proves who asks."""
        from wstrust_sts.cli.endorsing_keys import endorse_by_certificate, opener_of
        from wstrust_sts.cli.exchanges.over_tls import OverTls

        kind, endorsement, decrypter = BINDINGS[self.binding], None, None
        if kind.certificate:
            private, certificate = self._own_key()
            decrypter = opener_of(private, certificate=certificate)
            if signed:
                endorsement = endorse_by_certificate(
                    private, certificate=certificate, signature=SIGNATURES[self.signature], digest=DIGESTS[self.digest]
                )
        return OverTls(
            user=self._user() if kind.password else None,
            password=self._password() if kind.password else "",
            endorsement=endorsement,
            decrypter=decrypter,
        )

    def _held_token(self, target: bytes | None) -> bytes:
        """The token whose key signs."""
        if target is not None and self.with_token is None:
            return target
        return self._demand("with_token", self.with_token, "the token whose key signs").read_bytes()

    def _issued_token(self, held: bytes) -> "Binding":
        from wstrust_sts.cli.proof_files import read_proof_key

        key = read_proof_key(self._demand("proof_key", self.proof_key, "the key that the token is bound to"))
        return self._endorsed_by(held, key)

    def _endorsed_by(self, token: bytes, key: "HeldKey") -> "Binding":
        """TLS around a signature by the key of `token`, perhaps beside a password."""
        from wstrust_sts.cli.endorsing_keys import endorse_by_token
        from wstrust_sts.cli.exchanges.over_tls import OverTls

        beside_password = BINDINGS[self.binding].password
        endorsement = endorse_by_token(
            token,
            key,
            shown=not beside_password,
            signature=SIGNATURES[self.signature],
            mac=MACS[self.mac],
            digest=DIGESTS[self.digest],
        )
        if not beside_password:
            return OverTls(endorsement=endorsement)
        return OverTls(user=self._user(), password=self._password(), endorsement=endorsement)

    def _context_in_message(self, token: bytes, key: "HeldKey") -> "Binding":
        from wstrust_sts.cli.contexts import share_context
        from wstrust_sts.cli.exchanges.context import ContextInMessage
        from wstrust_sts.cli.token_markup import as_text
        from wstrust_sts.wire.algorithms import KEY_OCTETS

        context, methods = share_context(token, key), self._methods(MACS[self.mac])
        if not self.derived_keys and len(context.secret) != KEY_OCTETS[methods.encryption]:
            raise click.UsageError(f"The context's key has {8 * len(context.secret)} bits: --encryption takes others.")
        return ContextInMessage(
            context=context,
            token=as_text(token),
            methods=methods,
            derivation=self._derivation(context.name.namespace),
        )

    def _own_key(self) -> "tuple[PrivateKey, bytes]":
        from wstrust_sts.cli.message_keys import read_own_key

        certificate, key = self._own_files()
        return read_own_key(certificate=certificate, key=key, chain=self.binding == "certificatetransport")

    def _own_files(self) -> tuple[Path, Path]:
        certificate = self._demand("certificate", self.certificate, "the certificate of who asks, a PEM file")
        return certificate, self._demand("key", self.key, "the certificate's private key, a PEM file")

    def _sts_certificate(self) -> "Certificate":
        from wstrust_sts.cli.message_keys import read_sts_certificate

        meaning = "the STS's message certificate, a PEM file, from its operator"
        return read_sts_certificate(self._demand("sts_certificate", self.sts_certificate, meaning))

    def _methods(self, signature: str) -> "Methods":
        from wstrust_sts.wire.sealing import Methods

        encryption = ENCRYPTIONS[self.encryption] if BINDINGS[self.binding].encrypted else ""
        return Methods(signature=signature, digest=DIGESTS[self.digest], encryption=encryption)

    def _derivation(self, usual: str) -> str | None:
        """The namespace of derived keys: the `usual` one, unless the caller wants another."""
        if not self.derived_keys:
            return None
        return usual if self.secure_conversation is None else DERIVATIONS[self.secure_conversation]

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
        f"What protects the messages: {'; '.join(f'{name}, {kind.meaning}' for name, kind in BINDINGS.items())}.",
        default="usernamemixed",
    ),
    click.option(
        "--wsdl", is_flag=True, help="Take --binding, --trust and --soap from the WSDL at the endpoint's ?wsdl."
    ),
    _file("--sts-certificate", "The STS's message certificate, PEM; ask its operator for it."),
    _file(
        "--certificate",
        "Your certificate, PEM, for the bindings with one; for certificatetransport perhaps with its issuers below it.",
    ),
    _file("--key", "Its private key, PEM. The key's password is asked for, or taken from WSTRUST_STS_KEY_PASSWORD."),
    _file(
        "--with-token",
        "A token whose key proves who asks, for issuedtokenmixed. [default: the token that is asked about]",
    ),
    _file(
        "--with-context",
        "A security context that protects the messages, for secureconversation and secureconversationmixed. "
        "[default: the context that is asked about, if --proof-key has its key; else one is established, and cancelled "
        "afterwards]",
    ),
    _file("--proof-key", "The key of this token or context, as --out kept it; of a token, any private key in PEM."),
    _choice(
        "--signature",
        SIGNATURES,
        "How your key signs; an elliptic one by ECDSA with the same hash. Stock CXF and WCF may insist on rsa-sha1; "
        "choosing it accepts it in the answer, too.",
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
        help="Whether keys are derived from the shared secret (username, secureconversation).",
    ),
    _choice(
        "--secure-conversation",
        DERIVATIONS,
        "WS-SecureConversation version of derived keys. [default: that of --trust, or of the context]",
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


sts_options = option_group("sts", StsOptions, _OPTIONS, complete=StsOptions.as_published)
"""A command's options for an STS, which reach it as one argument `sts`."""
