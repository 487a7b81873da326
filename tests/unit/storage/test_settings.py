"""The stored document of a relying party's settings."""

import json
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wstrust_sts.encryption import ALGORITHMS, EncryptionRule, KeyName, KeyTransport
from wstrust_sts.model import KeyType, TokenType
from wstrust_sts.relying_parties import (
    ConstantRule,
    GroupRule,
    LifetimeRule,
    NameIdentifierRule,
    ReleaseRule,
    RelyingParty,
)
from wstrust_sts.storage.settings import Settings, read_settings, write_settings

TEXT = st.text(max_size=8)
TEXTS = st.lists(TEXT, max_size=3).map(tuple)
SECONDS = st.integers(0, 10**9).map(lambda seconds: timedelta(seconds=seconds))
RULES = st.one_of(
    st.builds(ReleaseRule, claim=TEXT, name=st.none() | TEXT, friendly_name=st.none() | TEXT),
    st.builds(ConstantRule, name=TEXT, values=TEXTS),
    st.builds(GroupRule, group=TEXT, name=TEXT, values=TEXTS, prefix=TEXT, friendly_name=st.none() | TEXT),
)
PARTIES = st.builds(
    RelyingParty,
    id=st.just("1"),
    realm=st.just("default"),
    name=st.just("payroll"),
    applies_to=st.just(()),
    token_types=st.lists(st.sampled_from(TokenType), max_size=2).map(tuple),
    default_token_type=st.none() | st.sampled_from(TokenType),
    key_types=st.lists(st.sampled_from(KeyType), max_size=3).map(tuple),
    default_key_type=st.none() | st.sampled_from(KeyType),
    lifetime=st.builds(LifetimeRule, default=SECONDS, maximum=SECONDS, clip=st.booleans()),
    name_identifier=st.builds(NameIdentifierRule, format=TEXT, claim=st.none() | TEXT),
    audiences=TEXTS,
    recipient=st.none() | TEXT,
    claim_rules=st.lists(RULES, max_size=3).map(tuple),
    validators=st.frozensets(TEXT, max_size=3),
    encryption=st.builds(
        EncryptionRule,
        certificate=st.none() | st.binary(max_size=8),
        tokens=st.booleans(),
        bare=st.booleans(),
        algorithm=st.sampled_from(list(ALGORITHMS.values())),
        key_transport=st.sampled_from(KeyTransport),
        key_name=st.sampled_from(KeyName),
    ),
    accepts_client_keys=st.booleans(),
    accepts_unproved_keys=st.booleans(),
)
PAYROLL = RelyingParty(
    id="1",
    realm="default",
    name="payroll",
    applies_to=(),
    claim_rules=(ReleaseRule(claim="a"), ConstantRule(name="b", values=("1",)), GroupRule(group="c", name="d")),
)


@given(PARTIES)
def test_settings_come_back_as_they_were_written(party: RelyingParty) -> None:
    settings = read_settings(write_settings(party))
    assert all(getattr(settings, name) == getattr(party, name) for name in Settings.__slots__)


def test_every_field_of_a_relying_party_is_in_the_document_or_in_a_column() -> None:
    columns = {"id", "realm", "name", "enabled", "applies_to"}
    assert set(RelyingParty.__slots__) == columns | set(Settings.__slots__)


def test_a_lifetime_in_parts_of_a_second_is_refused() -> None:
    with pytest.raises(ValueError, match="whole seconds"):
        write_settings(
            RelyingParty(
                id="",
                realm="",
                name="",
                applies_to=(),
                lifetime=LifetimeRule(default=timedelta(milliseconds=1)),
            )
        )


def changed(*path: object, to: object) -> str:
    document = json.loads(write_settings(PAYROLL))
    place = document
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = to
    return json.dumps(document)


@pytest.mark.parametrize(
    "document",
    [
        "",
        "null",
        "[]",
        "{}",
        changed("surprise", to=1),
        changed("token_types", to="saml20"),
        changed("token_types", to=["saml30"]),
        changed("token_types", to=[None]),
        changed("default_token_type", to="saml30"),
        changed("default_key_type", to="symmetric"),
        changed("key_types", to=["bearer"]),
        changed("lifetime", to=None),
        changed("lifetime", "default", to="3600"),
        changed("lifetime", "default", to=True),
        changed("lifetime", "default", to=1.5),
        changed("lifetime", "clip", to=1),
        changed("lifetime", "surprise", to=1),
        changed("name_identifier", "format", to=None),
        changed("name_identifier", "claim", to=1),
        changed("audiences", to=None),
        changed("audiences", to=[1]),
        changed("recipient", to=[]),
        changed("claim_rules", to=[{}]),
        changed("claim_rules", 0, to={"release": "a"}),
        changed("claim_rules", 0, "surprise", to=1),
        changed("claim_rules", 1, "values", to="1"),
        changed("claim_rules", 2, "name", to=None),
        changed("validators", to={"alice": 1}),
        write_settings(PAYROLL).replace('{"accepts_client_keys"', '{"recipient": "x", "accepts_client_keys"'),
        changed("encryption", to=None),
        changed("encryption", "surprise", to=1),
        changed("encryption", "certificate", to="not base64!"),
        changed("encryption", "tokens", to=1),
        changed("encryption", "algorithm", to="urn:rot13"),
        changed("encryption", "key_transport", to="rsa-1_5"),
        changed("encryption", "key_name", to=None),
        changed("accepts_client_keys", to=0),
        changed("accepts_unproved_keys", to="yes"),
    ],
)
def test_a_document_that_was_not_written_here_is_refused(document: str) -> None:
    with pytest.raises(ValueError):
        read_settings(document)
