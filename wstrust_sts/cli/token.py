"""`wstrust-sts token`: a client of any STS, and a look into tokens."""

import sys
from pathlib import Path
from typing import Any

import click

from wstrust_sts import ns, toml_kinds
from wstrust_sts.cli.opening import now
from wstrust_sts.cli.output import Refusal, json_option, print_card, print_json
from wstrust_sts.cli.sts_options import StsOptions, sts_options
from wstrust_sts.strict_toml import Place, Refused

_out_option = click.option(
    "--out", type=click.Path(path_type=Path), help="Keep the token in this file; - is standard output."
)
TOKEN_TYPE_URIS = {"saml20": ns.TP11_SAML20, "saml11": ns.TP11_SAML11}


@click.group()
def token() -> None:
    """Ask any WS-Trust STS for tokens; validate, renew and cancel them; look into them."""


@token.command(
    epilog="""\b
Example:
  wstrust-sts token request --url https://localhost:8443/trust/13/usernamemixed --ca sts/ca.pem \\
      --user alice --password-file sts/alice.password --applies-to https://orders.example.test/ --out token.xml
  wstrust-sts token request --binding username --sts-certificate message.pem --trace exchange.xml \\
      --url https://localhost:8443/trust/13/username --ca sts/ca.pem \\
      --user alice --password-file sts/alice.password --applies-to https://orders.example.test/
  wstrust-sts token request --binding certificate --sts-certificate message.pem --certificate me.pem --key me.key \\
      --url https://localhost:8443/trust/13/certificate --ca sts/ca.pem --applies-to https://orders.example.test/
""",
    short_help="Request a token, and show what is in it.",
)
@sts_options
@click.option("--applies-to", metavar="ADDRESS", help="The relying party's address.")
@click.option("--token-type", metavar="TYPE", help="saml20, saml11 or a URI. [default: the STS decides]")
@click.option("--claim", "claims", multiple=True, metavar="TYPE", help="A claim that the token must have.")
@click.option("--optional-claim", "optional_claims", multiple=True, metavar="TYPE", help="A claim it may have.")
@click.option("--lifetime", metavar="DURATION", help="How long it should live, like 30m.")
@_out_option
@json_option
def request(
    sts: StsOptions,
    applies_to: str | None,
    token_type: str | None,
    claims: tuple[str, ...],
    optional_claims: tuple[str, ...],
    lifetime: str | None,
    out: Path | None,
    as_json: bool,
) -> None:
    """Request a token, and show what is in it.

    The answer is used only if it is protected as the binding demands: signed by the STS over all that is read of it,
    encrypted where the binding encrypts, and the answer to this request.
    """
    from wstrust_sts.cli.sts_client import TokenWish

    wish = TokenWish(
        applies_to=applies_to,
        token_type=TOKEN_TYPE_URIS.get(token_type or "", token_type),
        claims=(*((type_, False) for type_ in claims), *((type_, True) for type_ in optional_claims)),
        lifetime=None if lifetime is None else _duration(lifetime),
    )
    _hand_over(sts.client().issue(wish, now=now()), out=out, as_json=as_json)


def _hand_over(issued: bytes, *, out: Path | None, as_json: bool) -> None:
    """To where the caller wants it: standard output, a file, JSON or eyes."""
    if str(out) == "-":
        click.echo(issued.decode())
        return
    if out is not None:
        _keep(issued, out)
    if as_json:
        print_json(_card_with(issued))
        return
    _show_issued(issued, out)


def _keep(issued: bytes, out: Path) -> None:
    """A bearer token is as good as a password while it lives: for its owner's eyes only."""
    from wstrust_sts.cli.trace import write_private_file

    write_private_file(out, issued)


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
@sts_options
@click.option(
    "--token-type", metavar="TYPE", help="Ask for a token of this type made from it, too: saml20, saml11 or a URI."
)
@click.option("--out", type=click.Path(path_type=Path), help="Keep that token in this file; - is standard output.")
@json_option
@click.pass_context
def validate(
    context: click.Context,
    /,
    *,
    file: str,
    sts: StsOptions,
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
    verdict = sts.client().validate(read, token_type=TOKEN_TYPE_URIS.get(token_type or "", token_type), now=now())
    made = verdict.token
    if out is not None and made is not None and str(out) != "-":
        _keep(made, out)
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
@sts_options
def cancel(file: str, sts: StsOptions) -> None:
    """Cancel the token in FILE, for good."""
    read = _read_token(file)
    sts.client().cancel(read, now=now())
    click.echo("The token is cancelled.")


@token.command(
    epilog="""\b
Example:
  wstrust-sts token renew token.xml --url https://localhost:8443/trust/13/usernamemixed --ca sts/ca.pem \\
      --user alice --password-file sts/alice.password --out renewed.xml
""",
    short_help="Ask the STS for a new token in place of one.",
)
@_token_argument
@sts_options
@_out_option
@json_option
def renew(file: str, sts: StsOptions, out: Path | None, as_json: bool) -> None:
    """Ask the STS for a token in place of the one in FILE. Not every STS renews: it then refuses."""
    _hand_over(sts.client().renew(_read_token(file), now=now()), out=out, as_json=as_json)


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
