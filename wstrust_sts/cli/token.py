"""`wstrust-sts token`: a client of any STS, and a look into tokens."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from wstrust_sts import ns, toml_kinds
from wstrust_sts.cli.opening import now
from wstrust_sts.cli.output import Refusal, json_option, print_card, print_json
from wstrust_sts.cli.passwords import obtain_password, password_file_option
from wstrust_sts.config import TRUST_VERSIONS
from wstrust_sts.strict_toml import Place, Refused

if TYPE_CHECKING:
    from wstrust_sts.cli.sts_client import StsClient

Function = TypeVar("Function", bound=Callable[..., object])

TOKEN_TYPE_URIS = {"saml20": ns.TP11_SAML20, "saml11": ns.TP11_SAML11}


@click.group()
def token() -> None:
    """Ask any WS-Trust STS for tokens, validate and cancel them, and look into them."""


def _sts_options(function: Function) -> Function:
    """Which STS, and as whom."""
    for option in reversed(
        (
            click.option("--url", required=True, help="The STS endpoint, like https://sts/trust/13/usernamemixed."),
            click.option(
                "--ca",
                metavar="FILE",
                type=click.Path(path_type=Path, exists=True, dir_okay=False),
                help="PEM certificates to trust. [default: the system's]",
            ),
            click.option("--user", required=True, help="User name."),
            password_file_option,
            click.option(
                "--trust",
                type=click.Choice(list(TRUST_VERSIONS)),
                default="1.3",
                show_default=True,
                help="WS-Trust version.",
            ),
            click.option(
                "--soap", type=click.Choice(["1.1", "1.2"]), default="1.2", show_default=True, help="SOAP version."
            ),
        )
    ):
        function = option(function)
    return function


def _client(*, url: str, ca: Path | None, user: str, password_file: str | None, trust: str, soap: Any) -> "StsClient":
    from wstrust_sts.cli.sts_client import StsClient

    password = obtain_password(password_file, confirm=False)
    return StsClient(url=url, user=user, password=password, trust=TRUST_VERSIONS[trust], soap=soap, ca=ca)


@token.command(
    epilog="""\b
Example:
  wstrust-sts token request --url https://localhost:8443/trust/13/usernamemixed --ca sts/ca.pem \\
      --user alice --password-file sts/alice.password --applies-to https://orders.example.test/ --out token.xml
"""
)
@_sts_options
@click.option("--applies-to", metavar="ADDRESS", help="The relying party's address.")
@click.option("--token-type", metavar="TYPE", help="saml20, saml11 or a URI. [default: the STS decides]")
@click.option("--claim", "claims", multiple=True, metavar="TYPE", help="A claim that the token must have.")
@click.option("--optional-claim", "optional_claims", multiple=True, metavar="TYPE", help="A claim it may have.")
@click.option("--lifetime", metavar="DURATION", help="How long it should live, like 30m.")
@click.option("--out", type=click.Path(path_type=Path), help="Keep the token in this file; - is standard output.")
@json_option
def request(
    url: str,
    ca: Path | None,
    user: str,
    password_file: str | None,
    trust: str,
    soap: str,
    applies_to: str | None,
    token_type: str | None,
    claims: tuple[str, ...],
    optional_claims: tuple[str, ...],
    lifetime: str | None,
    out: Path | None,
    as_json: bool,
) -> None:
    """Request a token, and show what is in it."""
    from wstrust_sts.cli.sts_client import TokenWish

    wish = TokenWish(
        applies_to=applies_to,
        token_type=TOKEN_TYPE_URIS.get(token_type or "", token_type),
        claims=(*((type_, False) for type_ in claims), *((type_, True) for type_ in optional_claims)),
        lifetime=None if lifetime is None else _duration(lifetime),
    )
    client = _client(url=url, ca=ca, user=user, password_file=password_file, trust=trust, soap=soap)
    issued = client.issue(wish, now=now())
    if str(out) == "-":
        click.echo(issued.decode())
        return
    if out is not None:
        _write_token(out, issued)
    if as_json:
        print_json(_card_with(issued))
        return
    _show_issued(issued, out)


def _card_with(issued: bytes) -> dict[str, Any]:
    from wstrust_sts.cli.assertions import describe_token

    return describe_token(issued) | {"token": issued.decode("utf-8")}


def _show_issued(issued: bytes, out: Path | None) -> None:
    from wstrust_sts.cli.assertions import describe_token

    show_token(describe_token(issued))
    if out is not None:
        click.echo(f"The token is in {out}.")


def _duration(written: str) -> Any:
    from datetime import timedelta

    kind = toml_kinds.duration(timedelta(seconds=1), timedelta(days=3660))
    try:
        return kind.read(int(written) if written.isdecimal() else written, Place(Path(), []))
    except Refused:
        raise click.BadParameter("write it like 90s, 30m or 1h30m", param_hint="--lifetime") from None


def _write_token(out: Path, issued: bytes) -> None:
    """A bearer token is as good as a password while it lives: for its owner's eyes only."""
    descriptor = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(issued)


def show_token(card: dict[str, Any]) -> None:
    """The card of a token, for people."""
    attributes = [f"{name} = {', '.join(values)}" for name, values in card["attributes"].items()]
    shown = {name.replace("_", " "): value for name, value in card.items() if value not in (None, [], {})}
    print_card(shown | {"attributes": attributes or None})


_token_argument = click.argument("file", metavar="FILE")


def _read_token(file: str) -> bytes:
    try:
        return sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as error:
        raise Refusal(f"{file} cannot be read: {error.strerror}") from None


@token.command(
    epilog="""\b
Example:
  wstrust-sts token validate token.xml --url https://localhost:8443/trust/13/usernamemixed --ca sts/ca.pem \\
      --user alice --password-file sts/alice.password
  ... --token-type saml11 --out token11.xml     # and the same as a SAML 1.1 assertion
Exit status: 0 valid, 1 invalid or refused.
""",
    short_help="Ask the STS whether a token is valid now.",
)
@_token_argument
@_sts_options
@click.option(
    "--token-type", metavar="TYPE", help="Ask for a token of this type made from it, too: saml20, saml11 or a URI."
)
@click.option("--out", type=click.Path(path_type=Path), help="Keep that token in this file; - is standard output.")
@json_option
@click.pass_context
def validate(
    context: click.Context,
    file: str,
    url: str,
    ca: Path | None,
    user: str,
    password_file: str | None,
    trust: str,
    soap: str,
    token_type: str | None,
    out: Path | None,
    as_json: bool,
) -> None:
    """Ask the STS whether the token in FILE is valid now; - is standard input, and then the password is not.

    With --token-type the STS makes a token of that type from a valid one: for the same relying party, and with no later
    end. It does so for the token's subject, or for the validators that the relying party names.
    """
    if out is not None and token_type is None:
        raise click.UsageError("--out is for the token that --token-type asks for")
    read = _read_token(file)
    client = _client(url=url, ca=ca, user=user, password_file=password_file, trust=trust, soap=soap)
    verdict = client.validate(read, token_type=TOKEN_TYPE_URIS.get(token_type or "", token_type), now=now())
    made = verdict.token
    if out is not None and made is not None and str(out) != "-":
        _write_token(out, made)
    if str(out) == "-" and made is not None:
        click.echo(made.decode())
    elif as_json:
        told: dict[str, Any] = {"valid": verdict.valid, "reason": verdict.reason}
        print_json(told if made is None else told | {"made": _card_with(made)})
    else:
        click.echo(f"{'valid' if verdict.valid else 'invalid'}: {verdict.reason}".removesuffix(": "))
        if made is not None:
            _show_issued(made, out)
    context.exit(0 if verdict.valid else 1)


@token.command(
    epilog="""\b
Example:
  wstrust-sts token cancel token.xml --url https://localhost:8443/trust/13/usernamemixed --ca sts/ca.pem \\
      --user alice --password-file sts/alice.password
"""
)
@_token_argument
@_sts_options
def cancel(file: str, url: str, ca: Path | None, user: str, password_file: str | None, trust: str, soap: str) -> None:
    """Cancel the token in FILE, for good."""
    read = _read_token(file)
    client = _client(url=url, ca=ca, user=user, password_file=password_file, trust=trust, soap=soap)
    client.cancel(read, now=now())
    click.echo("The token is cancelled.")


@token.command(
    epilog="""\b
Example:
  wstrust-sts key list --pem > signing.pem
  wstrust-sts token inspect token.xml --signed-by signing.pem
""",
    short_help="Show what is in a token.",
)
@_token_argument
@click.option(
    "--signed-by",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="FILE",
    help="PEM certificates, one of which must have signed it.",
)
@json_option
def inspect(file: str, signed_by: Path | None, as_json: bool) -> None:
    """Show what is in the token in FILE, and verify its signature if a certificate is given."""
    from wstrust_sts.cli.assertions import describe_token

    read = _read_token(file)
    card = describe_token(read)
    if signed_by is not None:
        card["verified"] = _verified(read, signed_by)
    if as_json:
        print_json(card)
    else:
        show_token(card)
        if signed_by is None:
            click.echo("Nothing of this is verified; --signed-by does that.")
    if card.get("verified") is False:
        raise Refusal("The signature is not of any of these certificates, or the token was changed.")


def _verified(read: bytes, signed_by: Path) -> bool:
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding

    from wstrust_sts.cli.assertions import NotVerified, verify_by_signxml

    try:
        certificates = x509.load_pem_x509_certificates(signed_by.read_bytes())
    except ValueError:
        raise Refusal(f"{signed_by} has no PEM certificates in it.") from None
    for certificate in certificates:
        try:
            verify_by_signxml(read, certificate.public_bytes(Encoding.PEM).decode("ascii"))
        except NotVerified:
            continue
        return True
    return False
