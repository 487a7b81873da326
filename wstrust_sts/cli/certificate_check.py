"""`wstrust-sts certificate check`: a certificate's verdict, step by step."""

from pathlib import Path

import click
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from wstrust_sts.certificate_names import write_subject
from wstrust_sts.cli.opening import Deployment, config_option, now, opened, realm_option, require_realm
from wstrust_sts.cli.output import Refusal, json_option, print_json, print_table
from wstrust_sts.pki.soundness import Unsuitable, read_certificate
from wstrust_sts.pki.validation import PathValidator, Step, Verdict

_PEM = b"-----BEGIN CERTIFICATE-----"
_RESULT = {True: "ok", False: "REFUSED", None: "-"}


@click.command(
    epilog="""\b
Example:
  wstrust-sts certificate check alice.pem
  wstrust-sts certificate check chain.pem --json
Exit status: 0 a requestor with it would be an account, 1 it would be refused.
"""
)
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@realm_option
@json_option
@config_option
@click.pass_context
def check(context: click.Context, config_file: Path, realm: str, file: Path, as_json: bool) -> None:
    """Look at the certificate in FILE (PEM or DER) as the server does, and tell each step and its reason.

    Certificates after the first one in a PEM file count as intermediates that came along with it. Revocation lists and
    responders are asked from this machine, as the trust anchors say.
    """
    shown, intermediates = _read(file)
    with opened(config_file) as deployment:
        require_realm(deployment, realm)
        verdict, account, why = _verdict(deployment, realm, shown, intermediates)
    if as_json:
        print_json(
            {
                "account": account,
                "refused": why,
                "trust_anchor": None if verdict.anchor is None else verdict.anchor.name,
                "path": [_subject(each) for each in verdict.path],
                "names": [{name.field.value: name.value} for name in verdict.names],
                "steps": [_json_of(step) for step in verdict.steps],
            }
        )
    else:
        rows = [[_RESULT[step.passed], step.what, _about(step), step.why] for step in verdict.steps]
        print_table(["RESULT", "STEP", "CERTIFICATE", "WHY"], rows, nothing="nothing was looked at")
        click.echo(f"It is {account}." if account is not None else f"It is refused: {why}")
    context.exit(1 if account is None else 0)


def _read(file: Path) -> tuple[bytes, tuple[bytes, ...]]:
    octets = file.read_bytes()
    if _PEM not in octets:
        return octets, ()
    try:
        first, *others = (each.public_bytes(Encoding.DER) for each in x509.load_pem_x509_certificates(octets))
    except ValueError:
        raise Refusal(f"{file} holds no certificate that can be read") from None
    return first, tuple(others)


def _verdict(
    deployment: Deployment, realm: str, shown: bytes, intermediates: tuple[bytes, ...]
) -> tuple[Verdict, str | None, str | None]:
    """The steps, the account, and why there is none: from the very parts that a server is made of."""
    from wstrust_sts.authenticators.x509 import X509Authenticator
    from wstrust_sts.errors import FailedAuthentication
    from wstrust_sts.received_tokens import PresentedCertificate

    stores, at = deployment.stores, now()
    found = stores.realms.get(realm)
    assert found is not None  # `require_realm` saw to it
    validator = PathValidator(deployment.config.authentication.clock_skew)
    anchors = stores.certificates.anchors(realm)
    verdict = validator.judge(shown, intermediates, anchors=anchors, now=at)
    authenticator = X509Authenticator(stores.accounts, stores.certificates, validator)
    try:
        token = PresentedCertificate(shown, intermediates=intermediates)
        account = authenticator.authenticate(token, realm=found, now=at).account
    except FailedAuthentication as refusal:
        return verdict, None, refusal.detail
    assert account is not None  # a certificate proves an account, or nothing
    return verdict, account.name, None


def _about(step: Step) -> str:
    return "" if step.certificate is None else _subject(step.certificate)


def _subject(der: bytes) -> str:
    try:
        return write_subject(read_certificate(der).subject)
    except (Unsuitable, ValueError, TypeError):
        return "unreadable"


def _json_of(step: Step) -> dict[str, object]:
    return {"step": step.what, "passed": step.passed, "why": step.why, "certificate": _about(step)}
