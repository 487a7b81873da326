"""`wstrust-sts token`: a client of any STS, and a look into tokens."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from wstrust_sts import ns, toml_kinds
from wstrust_sts.cli.key_options import KeyOptions, key_options
from wstrust_sts.cli.opening import now
from wstrust_sts.cli.output import Refusal, in_one_line, json_option, print_card, print_json
from wstrust_sts.cli.sts_options import StsOptions, sts_options
from wstrust_sts.strict_toml import Place, Refused

if TYPE_CHECKING:
    from wstrust_sts.cli.key_wishes import HeldKey
    from wstrust_sts.cli.sts_client import Issued, Verdict

_out_option = click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Keep the token in this file, and a key of its own beside it, in the same name with .key: both for your eyes "
    "only (mode 0600). - is standard output, for the token alone.",
)
TOKEN_TYPE_URIS = {"saml20": ns.TP11_SAML20, "saml11": ns.TP11_SAML11}
_OF_VERSION = {"1.3": {"sct": ns.SCT13_TOKEN_TYPE}, "2005": {"sct": ns.SCT05_TOKEN_TYPE}}


@click.group(
    epilog="""\b
Example:
  wstrust-sts token request --url https://localhost:8443/trust/13/usernamemixed --ca sts/ca.pem --user alice \\
      --applies-to https://orders.example.test/ --out token.xml
  wstrust-sts token inspect token.xml
""",
)
def token() -> None:
    """Ask any WS-Trust STS for tokens; validate, renew and cancel them; look into them."""


@token.command(
    epilog="""\b
Example:
  wstrust-sts token request --url https://localhost:8443/trust/13/usernamemixed --ca sts/ca.pem \\
      --user alice --password-file sts/alice.password --applies-to https://orders.example.test/ --out token.xml
\b
A token for the STS itself with a symmetric key, and with that another token (token by token):
  wstrust-sts token request --url https://localhost:8443/trust/13/usernamemixed --ca sts/ca.pem \\
      --user alice --password-file sts/alice.password --key-type symmetric \\
      --applies-to https://localhost:8443/trust/13/usernamemixed --out own.xml
  wstrust-sts token request --binding issuedtokenmixed --with-token own.xml --proof-key own.key \\
      --url https://localhost:8443/trust/13/issuedtokenmixedsymmetricbasic256 --ca sts/ca.pem \\
      --applies-to https://orders.example.test/ --out token.xml
\b
A token bound to the certificate that proves who asks:
  wstrust-sts token request --binding certificatemixed --certificate me.pem --key me.key --key-type public \\
      --url https://localhost:8443/trust/13/certificatemixed --ca sts/ca.pem \\
      --applies-to https://orders.example.test/ --out token.xml
\b
A token about alice, for a service that has one of her and that a delegation rule lets act for her:
  wstrust-sts token request --act-as alice.xml --user shop --password-file shop.password \\
      --url https://localhost:8443/trust/13/usernamemixed --ca sts/ca.pem \\
      --applies-to https://stock.example.test/ --out token.xml
\b
Messages that protect themselves:
  wstrust-sts token request --binding username --sts-certificate message.pem --trace exchange.xml \\
      --url https://localhost:8443/trust/13/username --ca sts/ca.pem \\
      --user alice --password-file sts/alice.password --applies-to https://orders.example.test/
  wstrust-sts token request --binding certificate --sts-certificate message.pem --certificate me.pem --key me.key \\
      --url https://localhost:8443/trust/13/certificate --ca sts/ca.pem --applies-to https://orders.example.test/
\b
A security context with the STS, and with that a token (without --with-context one is established for the request):
  wstrust-sts token request --token-type sct --binding secureconversationmixed \\
      --url https://localhost:8443/trust/13/secureconversationmixed --ca sts/ca.pem \\
      --user alice --password-file sts/alice.password --out context.xml
  wstrust-sts token request --binding secureconversationmixed --with-context context.xml --proof-key context.key \\
      --url https://localhost:8443/trust/13/secureconversationmixed --ca sts/ca.pem \\
      --applies-to https://orders.example.test/ --out token.xml
""",
    short_help="Request a token, and show what is in it.",
)
@sts_options
@click.option("--applies-to", metavar="ADDRESS", help="The relying party's address.")
@click.option("--token-type", metavar="TYPE", help="saml20, saml11, sct or a URI. [default: the STS decides]")
@click.option("--claim", "claims", multiple=True, metavar="TYPE", help="A claim that the token must have.")
@click.option("--optional-claim", "optional_claims", multiple=True, metavar="TYPE", help="A claim it may have.")
@click.option("--lifetime", metavar="DURATION", help="How long it should live, like 30m.")
@click.option("--act-as", metavar="FILE", help="A token of whom it is to be about; it tells that you act.")
@click.option("--on-behalf-of", metavar="FILE", help="The same, and it does not tell that.")
@key_options
@_out_option
@json_option
def request(
    sts: StsOptions,
    applies_to: str | None,
    token_type: str | None,
    claims: tuple[str, ...],
    optional_claims: tuple[str, ...],
    lifetime: str | None,
    act_as: str | None,
    on_behalf_of: str | None,
    key: KeyOptions,
    out: Path | None,
    as_json: bool,
) -> None:
    """Request a token, and show what is in it.

    The answer is used only if it is protected as the binding demands: signed by the STS over all that is read of it,
    encrypted where the binding encrypts, and the answer to this request; and if the token is bound to a key as asked.
    """
    from wstrust_sts.cli.conversation import conversing
    from wstrust_sts.cli.sts_client import TokenWish

    _demand_room_for_a_key(out)
    if act_as is not None and on_behalf_of is not None:
        raise click.UsageError("--act-as and --on-behalf-of do not go together")
    type_uri = _token_type_uri(token_type, sts)
    of_context = type_uri in ns.SCT_TOKEN_TYPES
    key = key.of_context() if of_context else key
    wish = TokenWish(
        applies_to=applies_to,
        token_type=type_uri,
        claims=(*((type_, False) for type_ in claims), *((type_, True) for type_ in optional_claims)),
        lifetime=None if lifetime is None else _duration(lifetime),
        key=key.wish(sts),
        encryption_algorithm=key.token_encryption,
        act_as=None if act_as is None else _read_token(act_as),
        on_behalf_of=None if on_behalf_of is None else _read_token(on_behalf_of),
    )
    with conversing(sts, establishes=of_context) as client:
        issued = client.issue(wish, now=now())
        _hand_over(issued, key_file=key.file(sts), out=out, as_json=as_json)


def _token_type_uri(written: str | None, sts: StsOptions) -> str | None:
    return (TOKEN_TYPE_URIS | _OF_VERSION[sts.trust]).get(written or "", written)


def _demand_room_for_a_key(out: Path | None) -> None:
    if out is not None and out.suffix == ".key":
        raise click.UsageError("--out is for the token: a name that ends with .key is its key's")


def _hand_over(issued: "Issued", *, key_file: Path | None, out: Path | None, as_json: bool) -> None:
    """To where the caller wants it: standard output, a file, JSON or eyes. A key goes into a file or nowhere; one that
    is in a file already, `key_file`, stays there, perhaps under its password.
    """
    key = issued.key if key_file is None else None
    if str(out) == "-":
        click.echo(issued.token.decode())
        if key is not None:
            click.echo("The token's key was not kept: --out FILE keeps both.", err=True)
        return
    kept = {} if key_file is None else {"key_file": key_file}
    if out is not None:
        kept |= _keep(issued.token, key, out)
    if as_json:
        print_json(_card_with(issued) | {name: str(path) for name, path in kept.items()})
        return
    show_token(_card_of(issued))
    for line in _what_next(issued.token, key, kept):
        click.echo(line)


def _keep(issued: bytes, key: "HeldKey | None", out: Path) -> dict[str, Path]:
    """A bearer token is as good as a password while it lives, and so is another one with its key."""
    from wstrust_sts.cli.proof_files import key_file_beside, write_proof_key
    from wstrust_sts.cli.trace import write_private_file

    kept = {"token_file": out}
    try:
        write_private_file(out, issued)
        if key is not None:
            kept["key_file"] = key_file_beside(out)
            write_proof_key(kept["key_file"], key)
    except OSError as error:
        raise Refusal(f"The token cannot be kept in {out}: {error.strerror}") from None
    return kept


def _what_next(token: bytes, key: "HeldKey | None", kept: dict[str, Path]) -> Iterator[str]:
    """Where things are, and the command that uses them."""
    from wstrust_sts.cli.contexts import is_context

    token_file, key_file = kept.get("token_file"), kept.get("key_file")
    if token_file is None:
        if key is not None:
            yield "The token is of no use without its key, and neither was kept: --out FILE keeps both."
        return
    yield f"The token is in {token_file}{'.' if key_file is None else f', its key in {key_file}.'}"
    if key_file is not None and is_context(token):
        shown = f"--binding secureconversationmixed --with-context {token_file} --proof-key {key_file}"
        yield f"They protect requests where the STS takes its own contexts: wstrust-sts token request {shown} ..."
    elif key_file is not None:
        shown = f"--binding issuedtokenmixed --with-token {token_file} --proof-key {key_file}"
        yield f"If it is for the STS, they prove there who asks: wstrust-sts token request {shown} ..."


def _card_with(issued: "Issued") -> dict[str, Any]:
    return _card_of(issued) | {"token": issued.token.decode("utf-8")}


def _card_of(issued: "Issued") -> dict[str, Any]:
    from wstrust_sts.cli.assertions import describe_token
    from wstrust_sts.cli.contexts import is_context

    ends = {"not_on_or_after": issued.expires} if is_context(issued.token) else {}
    return describe_token(issued.token) | ends


def _duration(written: str) -> Any:
    from datetime import timedelta

    kind = toml_kinds.duration(timedelta(seconds=1), timedelta(days=3660))
    try:
        return kind.read(int(written) if written.isdecimal() else written, Place(Path(), []))
    except Refused:
        raise click.BadParameter("write it like 90s, 30m or 1h30m", param_hint="--lifetime") from None


def show_token(card: dict[str, Any]) -> None:
    """The card of a token, for people."""
    attributes = [f"{name} = {', '.join(values)}" for name, values in card.get("attributes", {}).items()]
    shown = {name.replace("_", " "): value for name, value in card.items() if value not in (None, [], {})}
    print_card(shown | ({"attributes": attributes or None} if "attributes" in card else {}))


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
    from wstrust_sts.cli.conversation import conversing

    read = _read_token(file)
    with conversing(sts, target=read) as client:
        verdict = client.validate(read, token_type=_token_type_uri(token_type, sts), now=now())
        _show_verdict(verdict, out=out, as_json=as_json)
    context.exit(0 if verdict.valid else 1)


def _show_verdict(verdict: "Verdict", *, out: Path | None, as_json: bool) -> None:
    from wstrust_sts.cli.sts_client import Issued

    made = None if verdict.token is None else Issued(verdict.token, None)
    if out is not None and made is not None and str(out) != "-":
        _keep(made.token, None, out)
    if str(out) == "-" and made is not None:
        click.echo(made.token.decode())
    elif as_json:
        told: dict[str, Any] = {"valid": verdict.valid, "reason": verdict.reason}
        print_json(told if made is None else told | {"made": _card_with(made)})
    else:
        reason = f": {in_one_line(verdict.reason)}" if verdict.reason else ""
        click.echo(f"{'valid' if verdict.valid else 'invalid'}{reason}")
        if made is not None:
            show_token(_card_of(made))
            if out is not None:
                click.echo(f"The token is in {out}.")


@token.command(
    epilog="""\b
Example:
  wstrust-sts token cancel token.xml --url https://localhost:8443/trust/13/usernamemixed --ca sts/ca.pem \\
      --user alice --password-file sts/alice.password
  wstrust-sts token cancel context.xml --binding secureconversationmixed --proof-key context.key \\
      --url https://localhost:8443/trust/13/secureconversationmixed --ca sts/ca.pem
""",
    short_help="Cancel a token or a security context.",
)
@_token_argument
@sts_options
def cancel(file: str, sts: StsOptions) -> None:
    """Cancel the token in FILE, for good.

    A security context is cancelled by who proves its key: by --binding secureconversationmixed or secureconversation,
    and --proof-key.
    """
    from wstrust_sts.cli.contexts import is_context
    from wstrust_sts.cli.conversation import conversing

    read = _read_token(file)
    with conversing(sts, target=read) as client:
        client.cancel(read, now=now())
        click.echo(f"The {'security context' if is_context(read) else 'token'} is cancelled.")


@token.command(
    epilog="""\b
Example:
  wstrust-sts token renew token.xml --url https://localhost:8443/trust/13/usernamemixed --ca sts/ca.pem \\
      --user alice --password-file sts/alice.password --out renewed.xml
  wstrust-sts token renew token.xml --binding issuedtokenmixed --proof-key token.key --out token.xml \\
      --url https://localhost:8443/trust/13/issuedtokenmixedsymmetricbasic256 --ca sts/ca.pem
  wstrust-sts token renew context.xml --binding secureconversationmixed --proof-key context.key --out context.xml \\
      --url https://localhost:8443/trust/13/secureconversationmixed --ca sts/ca.pem
""",
    short_help="Ask the STS for a new token in place of one.",
)
@_token_argument
@sts_options
@_out_option
@json_option
def renew(file: str, sts: StsOptions, out: Path | None, as_json: bool) -> None:
    """Ask the STS for a token in place of the one in FILE. Not every STS renews: it then refuses.

    One that is bound to a key is renewed by who proves that: by --binding issuedtokenmixed and --proof-key, or by the
    certificate that it is bound to. A security context is renewed under its own protection, by --binding
    secureconversationmixed or secureconversation and --proof-key, and gets another key.
    """
    from wstrust_sts.cli.conversation import conversing

    _demand_room_for_a_key(out)
    read = _read_token(file)
    with conversing(sts, target=read) as client:
        renewed = client.renew(read, now=now())
        kept = sts.proof_key if renewed.key is None else None
        _hand_over(renewed, key_file=kept, out=out, as_json=as_json)


@token.command(
    epilog="""\b
Example:
  wstrust-sts key list --pem > signing.pem
  wstrust-sts token inspect token.xml --signed-by signing.pem
  wstrust-sts token inspect token.xml --key service.key     # as the relying party reads it
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
@click.option(
    "--key",
    "key_file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="FILE",
    help="The relying party's private key, PEM: opens what is encrypted for it. A symmetric key is told as SHA-256.",
)
@json_option
def inspect(file: str, signed_by: Path | None, key_file: Path | None, as_json: bool) -> None:
    """Show what is in the token in FILE and which key it is bound to, and verify its signature if a certificate is
    given.
    """
    from wstrust_sts.cli.assertions import describe_token
    from wstrust_sts.cli.message_keys import read_opener
    from wstrust_sts.cli.token_keys import in_clear

    read, opener = _read_token(file), None if key_file is None else read_opener(key_file)
    card = describe_token(read, opener=opener)
    if signed_by is not None:
        card["verified"] = _verified(read if opener is None else in_clear(read, opener), signed_by)
    if as_json:
        print_json(card)
    else:
        show_token(card)
        if opener is None and "encrypted_by" in card:
            click.echo("--key FILE opens it, the relying party's private key.")
        elif signed_by is None and "signed" in card:
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
