"""Who may learn of a security context, and do what with it."""

from dataclasses import replace

import pytest

from tests.fakes import NOON, REALM
from tests.harness import RELYING_PARTY
from tests.records import token_record
from wstrust_sts.context_policy import (
    authorize_context_cancel,
    authorize_context_transformation,
    authorize_context_validation,
    demand_context_renewable,
)
from wstrust_sts.errors import InvalidSecurityToken, NotAuthorized, UnableToRenewContext
from wstrust_sts.model import Account, AuthenticationMethod, Principal, VerifiedMessage
from wstrust_sts.received_tokens import PresentedContext, UsernamePassword

ID = "urn:uuid:1"
RECORD = token_record(ID, token_type="sct", key_id="", key_type="SymmetricKey")
ADMINISTERED = replace(REALM, administrators=frozenset({"admin"}))
SHARED = replace(RELYING_PARTY, validators=frozenset({"bob"}))
PASSWORD = UsernamePassword(username="alice", password="x", password_type="")
UNPROVED = VerifiedMessage(credentials=(PASSWORD,), tls=True)
PROVED = replace(UNPROVED, proved_contexts=(ID,))
OTHER = replace(UNPROVED, proved_contexts=("urn:uuid:2",))


def who(name: str) -> Principal:
    account = Account(id=f"id-{name}", realm=REALM.name, name=name, version=1)
    return Principal(realm=REALM.name, account=account, methods=(AuthenticationMethod.PASSWORD,), instant=NOON)


def verdict(function, *arguments) -> str:
    """`yes`, or the refusal."""
    try:
        function(*arguments)
    except (InvalidSecurityToken, NotAuthorized, UnableToRenewContext) as refusal:
        return type(refusal).__name__
    return "yes"


@pytest.mark.parametrize(
    ("name", "party", "expected"),
    [
        ("alice", RELYING_PARTY, "yes"),
        ("bob", RELYING_PARTY, "InvalidSecurityToken"),
        ("alice", SHARED, "NotAuthorized"),
        ("bob", SHARED, "yes"),
        ("carol", SHARED, "InvalidSecurityToken"),
    ],
)
def test_the_subject_learns_the_status_or_the_validators_do(name, party, expected):
    assert verdict(authorize_context_validation, who(name), RECORD, party) == expected


@pytest.mark.parametrize(
    ("name", "party", "message", "expected"),
    [
        ("bob", SHARED, UNPROVED, "yes"),
        ("alice", RELYING_PARTY, PROVED, "yes"),
        ("alice", RELYING_PARTY, UNPROVED, "NotAuthorized"),
        ("alice", RELYING_PARTY, OTHER, "NotAuthorized"),
        ("carol", RELYING_PARTY, PROVED, "NotAuthorized"),
    ],
)
def test_the_key_goes_to_a_validator_or_to_whoever_proves_to_have_it(name, party, message, expected):
    assert verdict(authorize_context_transformation, who(name), RECORD, party, message) == expected


@pytest.mark.parametrize(
    ("name", "message", "expected"),
    [
        ("alice", PROVED, "yes"),
        ("alice", UNPROVED, "NotAuthorized"),
        ("alice", OTHER, "NotAuthorized"),
        ("admin", UNPROVED, "yes"),
        ("bob", PROVED, "InvalidSecurityToken"),
        ("bob", UNPROVED, "InvalidSecurityToken"),
    ],
)
def test_the_subject_with_the_key_cancels_and_an_administrator_without(name, message, expected):
    assert verdict(authorize_context_cancel, who(name), RECORD, ADMINISTERED, message) == expected


@pytest.mark.parametrize(
    ("name", "message", "expected"),
    [
        ("alice", PROVED, "yes"),
        ("alice", UNPROVED, "UnableToRenewContext"),
        ("alice", OTHER, "UnableToRenewContext"),
        ("bob", PROVED, "InvalidSecurityToken"),
        ("admin", PROVED, "InvalidSecurityToken"),
    ],
)
def test_nobody_but_the_subject_with_the_key_renews(name, message, expected):
    assert verdict(demand_context_renewable, who(name), RECORD, message) == expected


def test_what_was_issued_as_not_to_be_renewed_is_not():
    kept = replace(RECORD, renewing_allowed=False)
    assert verdict(demand_context_renewable, who("alice"), kept, PROVED) == "UnableToRenewContext"


def test_a_new_key_is_not_told_where_only_the_old_one_would_hide_it():
    by_context = replace(PROVED, credentials=(PresentedContext(ID, proved=True),), encrypted=True)
    assert verdict(demand_context_renewable, who("alice"), RECORD, by_context) == "yes"
    bare = replace(by_context, tls=False)
    assert verdict(demand_context_renewable, who("alice"), RECORD, bare) == "UnableToRenewContext"
    both = replace(bare, credentials=(*bare.credentials, PASSWORD))
    assert verdict(demand_context_renewable, who("alice"), RECORD, both) == "yes"
