"""The port RelyingParties, on every database."""

import threading
from datetime import timedelta

import pytest
from sqlalchemy import update

from wstrust_sts import ns
from wstrust_sts.addresses import MAXIMUM_SEGMENTS
from wstrust_sts.errors import RequestFailed
from wstrust_sts.model import KeyType, TokenType
from wstrust_sts.relying_parties import (
    AppliesToRule,
    ConstantRule,
    GroupRule,
    LifetimeRule,
    NameIdentifierRule,
    ReleaseRule,
)
from wstrust_sts.storage.accounts import SqlAccounts
from wstrust_sts.storage.database import Database
from wstrust_sts.storage.generation import Generation
from wstrust_sts.storage.relying_parties import SqlRelyingParties
from wstrust_sts.storage.schema import relying_party


def below(address: str) -> AppliesToRule:
    return AppliesToRule(address=address, prefix=True)


def owner(node, address: str, realm: str = "default") -> str | None:
    match = node.stores.relying_parties.find(realm, address)
    return match and match.relying_party.name


def test_a_relying_party_comes_back_as_it_was_put(node) -> None:
    settings = {
        "token_types": (TokenType.SAML11,),
        "default_token_type": TokenType.SAML11,
        "key_types": (KeyType.BEARER, KeyType.PUBLIC),
        "default_key_type": KeyType.PUBLIC,
        "lifetime": LifetimeRule(default=timedelta(seconds=90), maximum=timedelta(days=1), clip=False),
        "name_identifier": NameIdentifierRule(format=ns.NAMEID_EMAIL, claim="email"),
        "audiences": ("urn:b", "urn:a"),
        "recipient": "https://a/consume",
        "claim_rules": (
            ReleaseRule(claim="email", name=ns.CLAIM_EMAIL),
            ReleaseRule(claim="role"),
            ConstantRule(name="tenant", values=("größe", "b")),
            GroupRule(group="*", name="role"),
            GroupRule(group="admins", name="role", values=("x",)),
        ),
        "validators": frozenset({"bob", "alice"}),
    }
    node.put_relying_party("payroll", "https://A/", below("https://a/svc"), "urn:x", **settings)
    found = node.stores.relying_parties.get("default", "payroll")
    assert {name: getattr(found, name) for name in settings} == settings
    assert found.applies_to == (
        AppliesToRule(address="https://a/"),
        below("https://a/svc"),
        AppliesToRule(address="urn:x"),
    )
    assert node.stores.relying_parties.find("default", "https://a/").relying_party == found


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("https://a.example/svc/v1", "exact"),
        ("https://a.example/svc/v1/", "longer"),
        ("https://a.example/svc/v1/x", "longer"),
        ("https://a.example/svc/v2", "shorter"),
        ("https://a.example/svc", "shorter"),
        ("https://a.example/svc/", "shorter"),
        ("https://a.example/svcx", "origin"),
        ("https://a.example", "origin"),
        ("https://a.example:443/SVC", "origin"),
        ("HTTPS://A.EXAMPLE/svc", "shorter"),
        ("urn:example:app", "name"),
        ("https://a.example:8443/svc", None),
        ("http://a.example/svc", None),
        ("https://b.example/svc", None),
        ("https://a.example.evil/svc", None),
        ("https://a.example@evil/svc", None),
        ("https://a.example/svc/../admin", None),
        ("https://a.example/svc?x", None),
        ("urn:example:app/below", None),
        ("URN:example:app", None),
        ("", None),
        ("urn:\x00", None),
        ("\ud800", None),
    ],
)
def test_exact_goes_before_prefix_and_the_longer_prefix_first(node, address: str, expected: str | None) -> None:
    node.put_relying_party("origin", below("https://a.example/"))
    node.put_relying_party("shorter", below("https://a.example/svc"))
    node.put_relying_party("longer", below("https://a.example/svc/v1"))
    node.put_relying_party("exact", "https://a.example/svc/v1")
    node.put_relying_party("name", "urn:example:app")
    assert owner(node, address) == expected


@pytest.mark.parametrize("segments", [1, 2, 3, 4, 8, MAXIMUM_SEGMENTS])
def test_an_address_is_found_however_many_segments_it_has(node, segments: int) -> None:
    node.put_relying_party("near", below("https://a.example/" + "/".join("s" * (segments - 1))))
    node.put_relying_party("far", below("https://b.example/"))
    assert owner(node, "https://a.example" + "/s" * segments) == "near"
    assert owner(node, "https://b.example" + "/s" * segments) == "far"


def test_the_match_carries_the_canonical_address(node) -> None:
    node.put_relying_party("exact", "https://A.example:443")
    node.put_relying_party("prefix", below("https://a.example/svc"))
    assert node.stores.relying_parties.find("default", "HTTPS://a.EXAMPLE").address == "https://a.example/"
    assert (
        node.stores.relying_parties.find("default", "https://A.example:443/svc/X").address == "https://a.example/svc/X"
    )


def test_a_disabled_relying_party_is_never_found_and_no_other_takes_its_place(node) -> None:
    node.put_relying_party("all", below("https://a/"))
    node.put_relying_party("payroll", "https://a/payroll", enabled=False)
    assert owner(node, "https://a/payroll") is None
    assert owner(node, "https://a/other") == "all"
    assert not node.stores.relying_parties.get("default", "payroll").enabled


def test_a_relying_party_belongs_to_its_realm_alone(node) -> None:
    node.put_relying_party("here", "https://a/", realm="default")
    assert owner(node, "https://a/", realm="other") is None
    node.put_relying_party("there", "https://a/", realm="other")
    assert owner(node, "https://a/", realm="other") == "there"
    assert owner(node, "https://a/") == "here"
    assert node.stores.relying_parties.get("default", "there") is None


def test_a_change_is_seen_at_once_here_and_soon_elsewhere(node, second_node) -> None:
    node.put_relying_party("payroll", "https://a/")
    assert owner(node, "https://a/") == owner(second_node, "https://a/") == "payroll"
    node.put_relying_party("payroll", "https://a/", enabled=False)
    assert owner(node, "https://a/") is None
    second_node.stores.signing_keys.list("default")
    threading.Event().wait(0.06)  # the freshness of the generation
    assert owner(second_node, "https://a/") is None
    assert node.stores.administration.delete_relying_party("default", "payroll")
    assert node.stores.relying_parties.get("default", "payroll") is None


class CountedReads:
    """A database that counts what is read from it."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.reads = 0

    def fetch_one(self, statement, values):
        self.reads += 1
        return self._database.fetch_one(statement, values)

    def fetch_all(self, statement, values):
        self.reads += 1
        return self._database.fetch_all(statement, values)

    def reading(self):
        self.reads += 1
        return self._database.reading()


def test_nothing_is_read_for_an_address_that_was_found_right_after_the_account(node) -> None:
    node.put_account()
    node.put_relying_party("payroll", "https://a/")
    counted = CountedReads(node.database)
    generation = Generation(counted)
    accounts, parties = SqlAccounts(counted, generation), SqlRelyingParties(counted, generation)
    accounts.find("default", "alice")
    for address, reads in (("https://a/", 2), ("https://a/", 0), ("https://b/", 1)):
        accounts.find("default", "alice")  # brings the configuration's generation along
        before = counted.reads
        parties.find("default", address)
        assert counted.reads - before == reads


def test_addresses_that_nobody_registered_displace_nothing(node) -> None:
    node.put_relying_party("payroll", below("https://a/"))
    for number in range(300):
        assert owner(node, f"https://b/{number}") is None
    assert len(node.stores.relying_parties._snapshot.matches) <= 1


def test_settings_that_were_tampered_with_are_an_error_of_ours(node) -> None:
    node.put_relying_party("payroll", "https://a/")
    with node.database.writing() as connection:
        connection.execute(update(relying_party).values(settings="{}"))
    with pytest.raises(RequestFailed, match="payroll"):
        node.stores.relying_parties.find("default", "https://a/")
