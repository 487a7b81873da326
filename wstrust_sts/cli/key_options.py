"""The options of `token request` that say which key the token is to be bound to."""

import secrets
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from wstrust_sts.cli.option_groups import option_group
from wstrust_sts.cli.sts_options import StsOptions
from wstrust_sts.encryption import ALGORITHMS
from wstrust_sts.endpoint_section import KEY_TYPES

if TYPE_CHECKING:
    from wstrust_sts.cli.key_wishes import KeyWish

_DEFAULT_SIZE = 256  # bits
_OF_SYMMETRIC = {"key_size": "--key-size", "entropy": "--entropy", "own_secret": "--own-secret"}


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyOptions:
    """What the caller said; the field names are the options'."""

    key_type: str
    key_size: int | None
    entropy: bool | None
    own_secret: bool | None
    use_key: Path | None
    encryption_algorithm: str | None

    @property
    def token_encryption(self) -> str | None:
        """The URI of the algorithm that the token itself is to be encrypted by."""
        return ALGORITHMS.get(self.encryption_algorithm or "", self.encryption_algorithm)

    def file(self, sts: StsOptions) -> Path | None:
        """Where the key is that the token is to be bound to; None: it is made for this token."""
        if self.key_type != "public":
            return None
        return self.use_key or sts.key

    def of_context(self) -> "KeyOptions":
        """The same for a security context, whose key is symmetric. Raises UsageError: another kind was asked for."""
        source = click.get_current_context().get_parameter_source("key_type")
        if self.key_type != "symmetric" and source is not click.core.ParameterSource.DEFAULT:
            raise click.UsageError(f"The key of a security context is symmetric: leave out --key-type {self.key_type}.")
        return replace(self, key_type="symmetric")

    def wish(self, sts: StsOptions) -> "KeyWish":
        """Raises UsageError (options that do not go together), Refusal (a file that is not right)."""
        from wstrust_sts.cli.key_wishes import NO_KEY, PublicKey
        from wstrust_sts.cli.proof_files import new_own_key, read_own_key_file

        self._refuse_unused()
        match self.key_type:
            case "bearer":
                return NO_KEY
            case "symmetric":
                return self._shared_key()
        if self.use_key is not None:
            return PublicKey(read_own_key_file(self.use_key))
        return PublicKey(sts.own_certified_key() or new_own_key())

    def _shared_key(self) -> "KeyWish":
        from wstrust_sts.cli.key_wishes import SharedKey

        size = self.key_size or _DEFAULT_SIZE
        if size % 8:
            raise click.BadParameter("a key has whole octets: a multiple of 8", param_hint="--key-size")
        octets = secrets.token_bytes(size // 8)
        if self.own_secret:
            if self.entropy is not None:
                raise click.UsageError("--own-secret is the whole key: there is no --entropy beside it.")
            return SharedKey(size=size, chosen=octets)
        return SharedKey(size=size, entropy=None if self.entropy is False else octets)

    def _refuse_unused(self) -> None:
        for option, written in _OF_SYMMETRIC.items():
            if self.key_type != "symmetric" and getattr(self, option) is not None:
                raise click.UsageError(f"{written} is for --key-type symmetric.")
        if self.use_key is not None and self.key_type != "public":
            raise click.UsageError("--use-key is for --key-type public.")


_OPTIONS = (
    click.option(
        "--key-type",
        type=click.Choice(list(KEY_TYPES)),
        default="bearer",
        show_default=True,
        help="What the token is bound to: nothing; a symmetric key that its relying party finds in it, encrypted; a "
        "public key, whose private half you hold. That of a security context is symmetric.",
    ),
    click.option(
        "--key-size",
        type=click.IntRange(128, 512),
        metavar="BITS",
        help=f"Of a symmetric key. [default: {_DEFAULT_SIZE}]",
    ),
    click.option(
        "--entropy/--no-entropy",
        default=None,
        help="Whether a symmetric key is computed from entropy of both sides, or the STS's own. [default: entropy]",
    ),
    click.option(
        "--own-secret",
        is_flag=True,
        default=None,
        help="A symmetric key that is made here alone, for services that take one.",
    ),
    click.option(
        "--use-key",
        metavar="FILE",
        type=click.Path(path_type=Path, exists=True, dir_okay=False),
        help="The key to bind to, PEM: a private key, perhaps with its certificate. [default: the key of "
        "--certificate; without one, a new key, which only some services take unproved]",
    ),
    click.option(
        "--encryption-algorithm",
        metavar="NAME",
        help=f"What the token is to be encrypted by: {', '.join(ALGORITHMS)} or a URI. [default: the STS decides]",
    ),
)


key_options = option_group("key", KeyOptions, _OPTIONS)
"""A command's options for the token's key, which reach it as one argument `key`."""
