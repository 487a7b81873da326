"""The declared state: read strictly, reconciled with the database, and written back without loss."""

import io
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fakes import FakeStores
from wstrust_sts import ns
from wstrust_sts.addresses import parse_rule
from wstrust_sts.changes import Action, Plan
from wstrust_sts.declaration import (
    Declaration,
    DeclaredAccount,
    read_declaration,
    write_declaration,
)
from wstrust_sts.declared_relying_parties import NAME_IDENTIFIER_FORMATS
from wstrust_sts.model import Account, Claim, KeyType, Realm, TokenType
from wstrust_sts.reconciliation import plan
from wstrust_sts.relying_parties import (
    OWN_PARTY,
    AppliesToRule,
    ConstantRule,
    GroupRule,
    LifetimeRule,
    NameIdentifierRule,
    ReleaseRule,
    RelyingParty,
)
from wstrust_sts.strict_toml import ConfigurationError

EVERYTHING = """
[[realm]]
name = "partners"
issuer = "urn:example:partners"
administrators = ["root"]

[[account]]
realm = "partners"
name = "alice"
password = "wonderland"
expires = 2030-01-01T00:00:00+01:00
groups = ["staff", "sales"]
[account.claims]
"http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress" = "alice@example.test"
nick = ["Al", "Ally"]

[[account]]
realm = "partners"
name = "bob"
enabled = false

[[relying_party]]
realm = "partners"
name = "orders"
applies_to = ["HTTPS://Orders.Example.Test:443/Api", { prefix = "https://orders.example.test/v2" }, "urn:orders"]
token_types = ["saml11"]
default_token_type = "saml11"
audiences = ["urn:orders"]
recipient = "https://orders.example.test/acs"
validators = ["bob"]
lifetime = { default = "30m", maximum = 7200, on_excess = "refuse" }
name_identifier.format = "emailAddress"
name_identifier.claim = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress"

[[relying_party.claim]]
release = "nick"
as = "nickname"
[[relying_party.claim]]
constant = "tenant"
values = ["one"]
[[relying_party.claim]]
group = "*"
as = "role"
[[relying_party.claim]]
group = "staff"
as = "role"
values = ["employee"]
"""
REALM = '[[realm]]\nname = "default"\nissuer = "urn:sts"\n'
PARTY = '[[relying_party]]\nname = "orders"\napplies_to = ["https://orders.example.test/"]\n'


class PlainPasswords:
    """Keeps a password as its own reverse, so that tests can see what was set."""

    def hash(self, password: str) -> str:
        if password == "unacceptable":
            raise ValueError("the password cannot be used")
        return password[::-1]

    def matches(self, password: str, account: Account) -> bool:
        return account.password_hash == password[::-1]


def read(directory: Path, text: str, standard_input: str = "") -> Declaration:
    file = directory / "state.toml"
    file.write_text(text, encoding="utf-8")
    return read_declaration(file, standard_input=io.StringIO(standard_input))


def problems(directory: Path, text: str, standard_input: str = "") -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        read(directory, text, standard_input)
    prefix = f"{directory / 'state.toml'}: "
    assert all(problem.fix for problem in caught.value.problems)
    return [f"{problem.where}: {problem.what}".removeprefix(prefix) for problem in caught.value.problems]


def planned(declaration: Declaration, stores: FakeStores, *, prune: bool = False) -> Plan:
    return plan(declaration, stores.administration, PlainPasswords(), prune=prune)


def apply(declaration: Declaration, stores: FakeStores, *, prune: bool = False) -> Plan:
    found = planned(declaration, stores, prune=prune)
    found.carry_out(stores.administration)
    return found


def signs(found: Plan) -> list[str]:
    return [f"{change.action.value} {change.kind} {change.name}" for change in found.changes]


# -- reading -----------------------------------------------------------------------------------------------------------


def test_every_key_is_read_into_the_model(tmp_path: Path) -> None:
    declared = read(tmp_path, EVERYTHING)
    assert declared.realms == (
        Realm(name="partners", issuer="urn:example:partners", administrators=frozenset({"root"})),
    )
    alice, bob = declared.accounts
    assert alice == DeclaredAccount(
        realm="partners",
        name="alice",
        expires_at=datetime(2029, 12, 31, 23, tzinfo=UTC),
        claims=(Claim(ns.CLAIM_EMAIL, ("alice@example.test",)), Claim("nick", ("Al", "Ally"))),
        groups=("staff", "sales"),
        password="wonderland",
    )
    assert not bob.enabled
    assert bob.password is None
    assert declared.relying_parties == (
        RelyingParty(
            id="",
            realm="partners",
            name="orders",
            applies_to=(
                AppliesToRule(address="https://orders.example.test/Api"),
                AppliesToRule(address="https://orders.example.test/v2", prefix=True),
                AppliesToRule(address="urn:orders"),
            ),
            token_types=(TokenType.SAML11,),
            default_token_type=TokenType.SAML11,
            audiences=("urn:orders",),
            recipient="https://orders.example.test/acs",
            validators=frozenset({"bob"}),
            lifetime=LifetimeRule(default=timedelta(minutes=30), maximum=timedelta(hours=2), clip=False),
            name_identifier=NameIdentifierRule(format=ns.NAMEID_EMAIL, claim=ns.CLAIM_EMAIL),
            claim_rules=(
                ReleaseRule(claim="nick", name="nickname"),
                ConstantRule(name="tenant", values=("one",)),
                GroupRule(group="*", name="role"),
                GroupRule(group="staff", name="role", values=("employee",)),
            ),
        ),
    )


def test_what_is_left_out_has_the_models_defaults(tmp_path: Path) -> None:
    (party,) = read(tmp_path, PARTY).relying_parties
    assert party == RelyingParty(
        id="", realm="default", name="orders", applies_to=(AppliesToRule(address="https://orders.example.test/"),)
    )


def test_every_problem_is_reported_at_once_by_the_name_of_its_row(tmp_path: Path) -> None:
    found = problems(
        tmp_path,
        """
        [[realm]]
        name = "default"
        [[account]]
        name = "alice"
        pasword = "x"
        expires = 2030-01-01
        claims = { nick = [1] }
        [[relying_party]]
        name = "orders"
        applies_to = ["https://user@orders.example.test/", { prefix = "urn:orders" }, { suffix = "x" }]
        token_types = []
        default_token_type = "jwt"
        lifetime = { default = "2h", maximum = "1h" }
        name_identifier = { format = "email" }
        [[relying_party.claim]]
        release = "a"
        constant = "b"
        """,
    )
    assert [problem.split(": ")[0] for problem in found] == [
        'realm["default"].issuer',
        'account["alice"].pasword',
        'account["alice"].expires',
        'account["alice"].claims.nick[1]',
        'relying_party["orders"].applies_to[1]',
        'relying_party["orders"].applies_to[2]',
        'relying_party["orders"].applies_to[3]',
        'relying_party["orders"].token_types',
        'relying_party["orders"].default_token_type',
        'relying_party["orders"].lifetime.default',
        'relying_party["orders"].name_identifier.format',
        'relying_party["orders"].claim[1]',
    ]


@pytest.mark.parametrize(
    "claim",
    [
        'release = "a"\nvalues = ["b"]',
        'constant = "a"',
        'constant = "a"\nas = "b"\nvalues = ["c"]',
        'constant = "a"\nvalues = ["c"]\nprefix = "d"',
        'release = "a"\nprefix = "d"',
        'group = "a"\nas = "b"\nvalues = ["c"]\nprefix = "d"',
        'group = "a"',
        'as = "a"',
    ],
)
def test_a_claim_rule_is_exactly_one_of_its_three_kinds(tmp_path: Path, claim: str) -> None:
    assert len(problems(tmp_path, f"{PARTY}[[relying_party.claim]]\n{claim}\n")) == 1


@pytest.mark.parametrize("name", ["", " alice", "a\\u0000b", "a\\nb", "a\\u0085b", "\\uFFFE", "x" * 257])
def test_a_name_that_could_be_mistaken_is_refused(tmp_path: Path, name: str) -> None:
    assert len(problems(tmp_path, f'[[account]]\nname = "{name}"\n')) == 1


def test_a_default_token_type_is_one_that_the_relying_party_takes(tmp_path: Path) -> None:
    text = PARTY + 'token_types = ["saml20"]\ndefault_token_type = "saml11"\n'
    assert problems(tmp_path, text) == ['relying_party["orders"].default_token_type: is not one of token_types']


def test_a_default_key_type_is_one_that_the_relying_party_takes(tmp_path: Path) -> None:
    text = PARTY + 'key_types = ["bearer"]\ndefault_key_type = "public"\n'
    assert problems(tmp_path, text) == ['relying_party["orders"].default_key_type: is not one of key_types']


def test_the_name_of_the_sts_itself_is_no_relying_party_s(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, PARTY.replace('"orders"', f'"{OWN_PARTY}"'))
    assert problem == f'relying_party["{OWN_PARTY}"].name: "{OWN_PARTY}" is the STS itself, which needs no registration'


def test_doubled_rows_and_shared_addresses_are_refused(tmp_path: Path) -> None:
    doubled = '[[account]]\nname = "alice"\n'
    other = PARTY.replace('"orders"', '"billing"')
    assert problems(tmp_path, REALM + REALM + doubled + doubled + PARTY + other) == [
        "realm: default is declared twice",
        "account: default/alice is declared twice",
        "relying_party: https://orders.example.test/ belongs to both orders and billing",
    ]
    in_another_realm = other + 'realm = "partners"\n'
    assert len(read(tmp_path, PARTY + in_another_realm).relying_parties) == 2


def test_passwords_come_from_the_file_another_file_or_standard_input_line_by_line(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("from a file\r\nnot this\n", encoding="utf-8")
    text = "\n".join(
        f'[[account]]\nname = "{name}"\n{line}'
        for name, line in [
            ("a", 'password = "in place"'),
            ("b", 'password_file = "secret"'),
            ("c", "password_stdin = true"),
            ("d", "password_stdin = true"),
        ]
    )
    accounts = read(tmp_path, text, "first\nsecond\n").accounts
    assert [account.password for account in accounts] == ["in place", "from a file", "first", "second"]
    assert not any("place" in repr(account) for account in accounts)


def test_a_password_that_is_missing_or_given_twice_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    text = (
        '[[account]]\nname = "a"\npassword_file = "nowhere"\n[[account]]\nname = "b"\npassword_stdin = true\n'
        '[[account]]\nname = "c"\npassword_file = "empty"\n'
    )
    assert [problem.split(": ")[0] for problem in problems(tmp_path, text)] == [
        'account["a"].password_file',
        'account["b"].password_stdin',
        'account["c"].password_file',
    ]
    twice = '[[account]]\nname = "a"\npassword = "s3cret"\npassword_stdin = true\n'
    assert problems(tmp_path, twice) == ['account["a"].password: more than one source of the password']


def test_a_message_never_repeats_a_password(tmp_path: Path) -> None:
    for value in ("12345678", '["s3cret"]'):
        assert not any(
            "12345678" in text or "s3cret" in text
            for text in problems(tmp_path, f'[[account]]\nname = "a"\npassword = {value}\n')
        )


# -- reconciling -------------------------------------------------------------------------------------------------------


def test_applying_twice_changes_nothing_the_second_time(tmp_path: Path) -> None:
    stores = FakeStores()
    declared = read(tmp_path, EVERYTHING)
    assert signs(apply(declared, stores)) == [
        "+ realm partners",
        "+ relying-party orders",
        "+ account alice",
        "+ account bob",
    ]
    assert stores.accounts.rows["partners", "alice"].password_hash == "dnalrednow"
    version = stores.accounts.rows["partners", "alice"].version
    again = apply(declared, stores)
    assert again.is_empty
    assert stores.accounts.rows["partners", "alice"].version == version


def test_a_plan_shows_each_difference_in_the_files_notation_and_writes_nothing(tmp_path: Path) -> None:
    stores = FakeStores()
    apply(read(tmp_path, EVERYTHING), stores)
    changed = EVERYTHING.replace('default = "30m"', 'default = "45m"').replace(
        'password = "wonderland"', 'password = "new"'
    )
    changed = changed.replace('groups = ["staff", "sales"]', "")
    found = planned(read(tmp_path, changed), stores)
    assert [change.details for change in found.changes if change.action is Action.CHANGE] == [
        ('lifetime.default: "30m" -> "45m"',),
        ('groups: ["staff", "sales"] -> (none)', "password: set"),
    ]
    assert stores.accounts.rows["partners", "alice"].groups == ("staff", "sales")


def test_a_password_is_left_alone_when_it_is_right_or_not_declared(tmp_path: Path) -> None:
    stores = FakeStores()
    apply(read(tmp_path, EVERYTHING), stores)
    without = EVERYTHING.replace('password = "wonderland"', "").replace('"Al", ', "")
    apply(read(tmp_path, without), stores)
    assert stores.accounts.rows["partners", "alice"].password_hash == "dnalrednow"
    assert stores.accounts.rows["partners", "alice"].claims[1] == Claim("nick", ("Ally",))


def test_only_prune_removes_and_only_in_the_realms_of_the_file(tmp_path: Path) -> None:
    stores = FakeStores()
    apply(read(tmp_path, EVERYTHING + '[[account]]\nname = "carol"\n' + PARTY), stores)
    rest = EVERYTHING.partition("[[account]]")[0]
    assert planned(read(tmp_path, rest), stores).is_empty
    found = apply(read(tmp_path, rest), stores, prune=True)
    assert signs(found) == ["= realm partners", "- relying-party orders", "- account alice", "- account bob"]
    assert list(stores.accounts.rows) == [("default", "carol")]
    assert list(stores.relying_parties.rows) == [("default", "orders")]


def test_addresses_can_be_exchanged_between_relying_parties(tmp_path: Path) -> None:
    stores = FakeStores()
    first = (
        '[[relying_party]]\nname = "a"\napplies_to = ["urn:1"]\n[[relying_party]]\nname = "b"\napplies_to = ["urn:2"]\n'
    )
    apply(read(tmp_path, first), stores)
    swapped = first.replace("urn:1", "urn:x").replace("urn:2", "urn:1").replace("urn:x", "urn:2")
    apply(read(tmp_path, swapped), stores)
    assert stores.relying_parties.rows["default", "a"].applies_to == (AppliesToRule(address="urn:2"),)
    renamed = swapped.replace('"a"', '"c"')
    with pytest.raises(ConfigurationError, match="belongs to a already"):
        planned(read(tmp_path, renamed), stores)
    apply(read(tmp_path, REALM + renamed), stores, prune=True)
    assert sorted(name for _, name in stores.relying_parties.rows) == ["b", "c"]


def test_a_realm_that_is_neither_declared_nor_stored_is_a_problem(tmp_path: Path) -> None:
    text = '[[account]]\nrealm = "nowhere"\nname = "alice"\n'
    with pytest.raises(ConfigurationError, match='there is no realm "nowhere"'):
        planned(read(tmp_path, text), FakeStores())


def test_a_password_that_cannot_be_one_is_a_problem_of_its_account(tmp_path: Path) -> None:
    text = '[[account]]\nname = "alice"\npassword = "unacceptable"\n'
    with pytest.raises(ConfigurationError) as caught:
        planned(read(tmp_path, text), FakeStores())
    assert 'account["alice"].password' in caught.value.problems[0].where
    assert "unacceptable" not in str(caught.value)


# -- there and back ----------------------------------------------------------------------------------------------------

printable = st.characters(min_codepoint=33, exclude_categories=["C", "Z"])
names = st.text(printable, min_size=1, max_size=12)
free_texts = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff") | st.sampled_from("\t\n"),
    max_size=12,
)
claim_values = st.lists(free_texts, min_size=1, max_size=3, unique=True).map(tuple)
claims = st.lists(st.builds(Claim, names, claim_values), max_size=3, unique_by=lambda claim: claim.type).map(tuple)
seconds = st.integers(1, 86400 * 366)
lifetimes = st.builds(
    lambda one, other, clip: LifetimeRule(
        default=timedelta(seconds=min(one, other)), maximum=timedelta(seconds=max(one, other)), clip=clip
    ),
    seconds,
    seconds,
    st.booleans(),
)
rules = st.one_of(
    st.builds(ReleaseRule, claim=names, name=st.none() | names, friendly_name=st.none() | names),
    st.builds(ConstantRule, name=names, values=claim_values),
    st.builds(GroupRule, group=names, name=names, values=st.just(()) | claim_values),
    st.builds(GroupRule, group=names, name=names, prefix=st.just("") | names, friendly_name=names),
)
hosts = st.from_regex(r"[a-z][a-z0-9]{0,8}\.test", fullmatch=True)
paths = st.from_regex(r"(/[a-zA-Z0-9]{1,5}){0,3}/?", fullmatch=True)
addresses = st.builds(
    lambda host, path, prefix: AppliesToRule(
        address=parse_rule(f"https://{host}{path}", prefix=prefix).text, prefix=prefix
    ),
    hosts,
    paths,
    st.booleans(),
)
instants = st.datetimes(
    min_value=datetime.fromisoformat("1990-01-01"),
    max_value=datetime.fromisoformat("2900-01-01"),
    timezones=st.just(UTC),
)
accounts = st.builds(
    lambda name, enabled, expires_at, found, groups: DeclaredAccount(
        realm="default", name=name, enabled=enabled, expires_at=expires_at, claims=found, groups=groups
    ),
    names,
    st.booleans(),
    st.none() | instants,
    claims,
    st.lists(names, max_size=3, unique=True).map(tuple),
)
parties = st.builds(
    lambda **fields: RelyingParty(
        default_token_type=fields["token_types"][0] if fields["enabled"] else None, id="", realm="default", **fields
    ),
    name=names,
    applies_to=st.lists(addresses, min_size=1, max_size=2, unique=True).map(tuple),
    enabled=st.booleans(),
    token_types=st.permutations(list(TokenType)).flatmap(
        lambda order: st.sampled_from([tuple(order), tuple(order[:1])])
    ),
    default_key_type=st.sampled_from([None, KeyType.BEARER]),
    lifetime=lifetimes,
    name_identifier=st.builds(
        NameIdentifierRule,
        format=st.sampled_from(sorted(NAME_IDENTIFIER_FORMATS.values())) | names.map(lambda name: f"urn:{name}"),
        claim=st.none() | names,
    ),
    audiences=st.lists(names, max_size=2, unique=True).map(tuple),
    recipient=st.none() | names,
    claim_rules=st.lists(rules, max_size=3).map(tuple),
    validators=st.frozensets(names, max_size=2),
)
realms = st.builds(Realm, name=st.just("default"), issuer=names, administrators=st.frozensets(names, max_size=2))
states = st.builds(
    Declaration,
    file=st.just(Path("state.toml")),
    realms=st.tuples(realms),
    accounts=st.lists(accounts, max_size=4, unique_by=lambda account: account.name).map(tuple),
    relying_parties=st.lists(
        parties,
        max_size=2,
        unique_by=(lambda party: party.name, lambda party: party.applies_to[0].address.split("/")[2]),
    ).map(lambda found: tuple(found) if _apart(found) else tuple(found[:1])),
)


def _apart(found: list[RelyingParty]) -> bool:
    owned = [rule for party in found for rule in party.applies_to]
    return len(owned) == len(set(owned))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None)
@given(states)
def test_applying_an_export_is_a_no_op_and_rebuilds_the_state_elsewhere(tmp_path: Path, state: Declaration) -> None:
    stores = FakeStores()
    apply(state, stores)
    exported = write_declaration(stores.administration)
    again = read(tmp_path, exported)
    assert planned(again, stores, prune=True).is_empty
    elsewhere = FakeStores()
    apply(again, elsewhere)
    assert write_declaration(elsewhere.administration) == exported


def test_an_export_has_neither_passwords_nor_keys(tmp_path: Path) -> None:
    stores = FakeStores()
    apply(read(tmp_path, EVERYTHING), stores)
    exported = write_declaration(stores.administration)
    assert "dnalrednow" not in exported
    assert "wonderland" not in exported
    assert "pppp" not in exported


# -- accounts that allow digests

WITH_DIGEST = REALM + '[[account]]\nname = "alice"\npassword = "clarinet"\npassword_digest = true\n'
WITHOUT_PASSWORD = REALM + '[[account]]\nname = "alice"\npassword_digest = true\n'
WITHOUT_DIGEST = REALM + '[[account]]\nname = "alice"\n'


def test_an_account_may_allow_digests_and_the_export_shows_that_and_no_secret(tmp_path: Path) -> None:
    stores = FakeStores()
    apply(read(tmp_path, WITH_DIGEST), stores)
    assert stores.accounts.rows["default", "alice"].sealed_digest_password == b"clarinet"
    exported = write_declaration(stores.administration)
    assert "password_digest = true" in exported
    assert "clarinet" not in exported
    for again in (exported, WITH_DIGEST, WITHOUT_PASSWORD):
        assert planned(read(tmp_path, again), stores).is_empty


def test_digests_are_allowed_and_forbidden_without_changing_the_password(tmp_path: Path) -> None:
    stores = FakeStores()
    apply(read(tmp_path, WITH_DIGEST.replace("password_digest = true", "")), stores)
    alice = stores.accounts.rows["default", "alice"]
    assert not alice.allows_digest
    (change,) = (each for each in apply(read(tmp_path, WITH_DIGEST), stores).changes if each.kind == "account")
    assert change.details == ("password_digest: (none) -> true",)
    assert stores.accounts.rows["default", "alice"].sealed_digest_password == b"clarinet"
    (change,) = (each for each in apply(read(tmp_path, WITHOUT_DIGEST), stores).changes if each.kind == "account")
    assert change.details == ("password_digest: true -> (none)",)
    assert stores.accounts.rows["default", "alice"].sealed_digest_password is None
    assert stores.accounts.rows["default", "alice"].password_hash == alice.password_hash


def test_a_new_password_is_the_one_that_digests_are_made_of(tmp_path: Path) -> None:
    stores = FakeStores()
    apply(read(tmp_path, WITH_DIGEST), stores)
    apply(read(tmp_path, WITH_DIGEST.replace("clarinet", "oboe")), stores)
    assert stores.accounts.rows["default", "alice"].sealed_digest_password == b"oboe"


def test_digests_need_the_password_once(tmp_path: Path) -> None:
    stores = FakeStores()
    with pytest.raises(ConfigurationError) as caught:
        planned(read(tmp_path, WITHOUT_PASSWORD), stores)
    (problem,) = caught.value.problems
    assert problem.where == f'{tmp_path / "state.toml"}: account["alice"].password_digest'
    assert "needs the password" in problem.what
