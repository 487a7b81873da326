"""The port SecurityContexts, and how the journal writes what it reads, on every database."""

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.fakes import NOON
from wstrust_sts.model import AuthenticationMethod
from wstrust_sts.records import ContextKeyRecord, ContextRenewed, TokenCancelled, TokenRecord
from wstrust_sts.security_contexts import SecurityContext, secret_purpose
from wstrust_sts.storage.janitor import CLOCK_SKEW, Purged, purge_expired

ID = "urn:uuid:6fd8a8a2-11c3-4d0c-8a64-0a2ff8a3f4c1"
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)


@pytest.fixture
def a_context(node, a_token):
    """Makes the entries that begin a context."""

    def make(identifier: str = ID, *, realm: str = "default", **changes) -> tuple[TokenRecord, ContextKeyRecord]:
        token = a_token(identifier, realm=realm, token_type="sct", key_type="SymmetricKey", wrapped_proof_key=None)
        return token, a_key(node, identifier, realm=realm, **changes)

    return make


def a_key(node, identifier: str = ID, instance: str | None = None, *, realm: str = "default", **changes):
    secret = changes.pop("secret", b"s" * 32)
    key = ContextKeyRecord(
        realm=realm,
        identifier=identifier,
        instance=instance,
        methods="password-over-tls x509",
        authenticated_at=NOON - MINUTE,
        created_at=NOON + timedelta(microseconds=1),
        expires_at=NOON + HOUR,
        sealed_secret=node.box.seal(secret, purpose=secret_purpose(realm, identifier, instance)),
    )
    return replace(key, **changes)


def test_a_context_comes_back_as_it_was_written(node, a_context) -> None:
    node.record(*a_context())
    assert node.stores.security_contexts.find("default", ID, None) == SecurityContext(
        identifier=ID,
        instance=None,
        realm="default",
        account="0" * 32,
        relying_party="payroll",
        methods=(AuthenticationMethod.PASSWORD_OVER_TLS, AuthenticationMethod.X509),
        instant=NOON - MINUTE,
        created=NOON + timedelta(microseconds=1),
        expires_at=NOON + HOUR,
        renewable=True,
        secret=b"s" * 32,
    )


def test_a_context_that_is_not_to_be_renewed_says_so(node, a_context) -> None:
    context, key = a_context()
    node.record(replace(context, renewing_allowed=False), key)
    assert not node.stores.security_contexts.find("default", ID, None).renewable


def test_its_secret_shows_in_no_representation(node, a_context) -> None:
    node.record(*a_context(secret=b"dulcimer"))
    found = node.stores.security_contexts.find("default", ID, None)
    assert found.secret == b"dulcimer"
    assert "dulcimer" not in repr(found)


def test_the_database_holds_no_secret_that_its_key_was_not_given_for(node, a_context) -> None:
    token, key = a_context()
    elsewhere = node.box.seal(b"s" * 32, purpose=secret_purpose("other", ID, None))
    node.record(token, replace(key, sealed_secret=elsewhere))
    with pytest.raises(Exception, match="open"):
        node.stores.security_contexts.find("default", ID, None)


@pytest.mark.parametrize(
    "identifier", ["urn:uuid:6", "", ID + " ", ID.upper(), ID + "\x00", "\ud800", "%", "x" * 100_000]
)
@pytest.mark.parametrize("instance", [None, "", "urn:uuid:0", "\x00", "x" * 100_000])
def test_a_context_is_found_by_its_exact_names_or_not_at_all(node, a_context, identifier: str, instance) -> None:
    node.record(*a_context())
    find = node.stores.security_contexts.find
    assert find("default", identifier, instance) is None
    assert instance is None or find("default", ID, instance) is None


def test_a_context_belongs_to_its_realm_alone(node, a_context) -> None:
    node.record(*a_context(secret=b"default"), *a_context(realm="other", secret=b"other"))
    find = node.stores.security_contexts.find
    assert (find("default", ID, None).secret, find("other", ID, None).secret) == (b"default", b"other")
    assert find("third", ID, None) is None


def test_a_token_that_is_no_context_is_none(node, a_token) -> None:
    node.record(a_token("_1"))
    assert node.stores.security_contexts.find("default", "_1", None) is None


def test_a_key_without_its_context_is_none(node) -> None:
    node.record(a_key(node))
    assert node.stores.security_contexts.find("default", ID, None) is None


def test_a_cancelled_context_is_not_found_on_any_node(node, second_node, a_context) -> None:
    node.record(*a_context())
    assert second_node.stores.security_contexts.find("default", ID, None) is not None
    node.record(TokenCancelled(realm="default", token_id=ID, at=NOON, reason="by its holder"))
    assert second_node.stores.security_contexts.find("default", ID, None) is None


def test_a_key_that_came_after_the_cancellation_is_of_no_use(node, a_context) -> None:
    node.record(*a_context())
    node.record(TokenCancelled(realm="default", token_id=ID, at=NOON, reason="by its holder"))
    node.record(*renewal(node))
    assert node.stores.security_contexts.find("default", ID, "urn:uuid:2") is None


def renewal(node, *, until=NOON + 3 * HOUR) -> tuple[ContextKeyRecord, ContextRenewed]:
    renewed = ContextRenewed(realm="default", identifier=ID, instance=None, ends_at=NOON + 2 * MINUTE, expires_at=until)
    return a_key(node, instance="urn:uuid:2", secret=b"n" * 32, expires_at=until), renewed


def test_a_renewed_context_has_another_key_and_the_old_one_for_a_while(node, second_node, a_context) -> None:
    node.record(*a_context())
    node.record(*renewal(node))
    find = second_node.stores.security_contexts.find
    old, new = find("default", ID, None), find("default", ID, "urn:uuid:2")
    assert (old.secret, old.expires_at) == (b"s" * 32, NOON + 2 * MINUTE)
    assert (new.secret, new.expires_at) == (b"n" * 32, NOON + 3 * HOUR)
    assert node.stores.issued_tokens.find("default", ID).expires_at == NOON + 3 * HOUR


def test_a_renewal_neither_lengthens_the_old_key_nor_shortens_the_context(node, a_context) -> None:
    token, key = a_context(expires_at=NOON + MINUTE)
    node.record(token, key)
    node.record(*renewal(node, until=NOON + 30 * MINUTE))
    assert node.stores.security_contexts.find("default", ID, None).expires_at == NOON + MINUTE
    assert node.stores.issued_tokens.find("default", ID).expires_at == token.expires_at


def test_cancellations_and_renewals_of_many_contexts_are_written_together(node, a_context, a_token) -> None:
    node.record(*a_context(), a_token("_1"), a_token("zzz"))
    node.record(
        TokenCancelled(realm="default", token_id="zzz", at=NOON, reason="z"),
        *renewal(node),
        TokenCancelled(realm="default", token_id="_1", at=NOON, reason="a"),
    )
    tokens = node.stores.issued_tokens
    assert [tokens.find("default", id_).cancel_reason for id_ in ("_1", ID, "zzz")] == ["a", None, "z"]
    assert tokens.find("default", ID).expires_at == NOON + 3 * HOUR


def test_a_key_goes_when_it_is_over_on_every_clock(node, a_context) -> None:
    node.record(*a_context())
    node.record(*renewal(node))
    over = NOON + 2 * MINUTE + CLOCK_SKEW
    assert purge_expired(node.database, over) == Purged()
    assert purge_expired(node.database, over + MINUTE) == Purged(context_keys=1)
    find = node.stores.security_contexts.find
    assert find("default", ID, None) is None
    assert find("default", ID, "urn:uuid:2") is not None
