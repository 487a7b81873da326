"""What `explain` tells an operator to do about a refusal."""

from pathlib import Path

import pytest

import wstrust_sts
from wstrust_sts.cli.remedies import remedy_of

PACKAGE = Path(wstrust_sts.__file__).parent
SOURCES = "\n".join(path.read_text() for path in PACKAGE.rglob("*.py") if "cli" not in path.parts)


def told(reason: str) -> str:
    return remedy_of(reason, fault="BadRequest", realm="default", relying_party="orders")


@pytest.mark.parametrize(
    ("reason", "written", "remedy"),
    [
        ("no relying party is registered for 'https://a/'", "no relying party is registered for", "relying-party add"),
        ("orders takes no public-key tokens", "takes no {_WORDS", "relying-party set orders --realm default"),
        ("orders takes no saml11 tokens", "takes no {token_type.value} tokens", "token_types of orders"),
        ("orders takes no keys that a client chose alone", "takes no keys that a client chose alone", "client_keys"),
        (
            "UseKey names a key that the requestor did not prove to hold",
            "UseKey names a key that the requestor did not prove to hold",
            "unproved_keys = true for orders",
        ),
        (
            "orders names subjects by the claim urn:mail, which alice has not",
            "names subjects by the claim",
            "give alice that claim",
        ),
        (
            "the mandatory claim 'urn:x' is unknown or not released to this relying party",
            "is unknown or not released to this relying party",
            "orders a rule that releases it",
        ),
        ("ActAs: no delegation rule lets shop do that", "no delegation rule lets", "delegation add NAME"),
        (
            "a symmetric key for orders, which has no certificate to encrypt it for",
            "which has no certificate to encrypt it for",
            "--encryption-certificate FILE",
        ),
        (
            "as a credential: a token for somebody else than this STS",
            "a token for somebody else than this STS",
            "docs/issued-tokens.md",
        ),
    ],
)
def test_a_refusal_that_an_operator_can_mend_is_told_with_its_remedy(reason, written, remedy):
    assert written in SOURCES, "the reason is written otherwise now: its remedy is lost"
    assert remedy in told(reason)


def test_any_other_refusal_is_told_with_the_page_that_explains_its_fault():
    assert told("a ComputedKeyAlgorithm other than PSHA1") == "docs/errors.md, BadRequest"


def test_what_a_client_wrote_is_no_part_of_a_command():
    assert "touch" not in told("no relying party is registered for 'https://a/; touch b'")
