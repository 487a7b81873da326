"""What keeps an STS from issuing, and the one line of /readyz that tells it without giving anything away."""

import pytest

from tests.fakes import NOON, REALM, FakeKeyring, FakeRealms
from tests.harness import Sts, signing_key
from wstrust_sts.bindings.http import Request
from wstrust_sts.endpoint_section import SIGNED_POLICIES, EndpointSection
from wstrust_sts.errors import Busy, RequestFailed
from wstrust_sts.keys import make_signing_key
from wstrust_sts.model import TrustVersion
from wstrust_sts.readiness import find_obstacles
from wstrust_sts.records import KeyUse

SECRET = "database: OperationalError: connection to 10.0.0.7 as sts refused"


class BrokenRealms(FakeRealms):
    """Fails as a store does whose database is away, or whose secrets do not open."""

    def __init__(self, failure: Exception) -> None:
        super().__init__()
        self.failure = failure

    def get(self, name):
        raise self.failure


def keyring(*realms: str) -> FakeKeyring:
    found = FakeKeyring()
    for realm in realms:
        found.signers[realm] = [object()]
    return found


def obstacles(names=("default",), realms=None, keys=None, message_realms=()):
    return list(
        find_obstacles(
            names,
            realms=realms or FakeRealms(),
            keyring=keys or keyring("default"),
            message_realms=message_realms,
        )
    )


def readyz(sts: Sts):
    return sts.request(Request(method="GET", path="/readyz", headers={}, body=b"", source="192.0.2.1"))


def test_a_sound_sts_has_no_obstacles():
    assert obstacles() == []
    assert obstacles(["default", "default"]) == []


def test_every_realm_is_looked_at():
    found = obstacles(["nowhere", "default", "elsewhere"], keys=keyring())
    assert [each.where for each in found] == ["realm default", "realm elsewhere", "realm nowhere"]
    assert all(each.fix for each in found)


def test_a_secret_that_does_not_open_is_told_to_operators_only():
    (found,) = obstacles(realms=BrokenRealms(RequestFailed("the secret for realm default does not open")))
    assert found.what == "the secret for realm default does not open"
    assert "default" not in found.sentence


def test_a_database_that_is_away_ends_the_search():
    (found,) = obstacles(["a", "b"], realms=BrokenRealms(Busy(SECRET)))
    assert found.sentence == "The database cannot be reached."
    assert found.what == SECRET


def test_readyz_says_ok_when_tokens_can_be_issued():
    answer = readyz(Sts())
    assert (answer.status, answer.body) == (200, b"ok\n")


def test_readyz_says_in_one_line_what_is_wrong_and_no_name_of_anything():
    sts = Sts()
    sts.stores.signing_keys.rows.clear()
    sts.stores.signing_keys.changes += 1
    answer = readyz(sts)
    assert answer.status == 503
    assert answer.body == b"There is no usable signing key; run `wstrust-sts check`.\n"
    sts.stores.realms.rows.clear()
    answer = readyz(sts)
    assert answer.status == 503
    assert answer.body == b"A realm that an endpoint names does not exist; run `wstrust-sts check`.\n"


@pytest.mark.parametrize("failure", [Busy(SECRET), RequestFailed(SECRET)])
def test_no_sentence_has_anything_of_the_cause_in_it(failure):
    (found,) = obstacles(realms=BrokenRealms(failure))
    assert not set(found.sentence.split()) & {"10.0.0.7", "OperationalError:", REALM.name}


def test_a_realm_with_message_security_needs_a_message_key_and_another_one_does_not():
    keys = keyring("default")
    (found,) = obstacles(keys=keys, message_realms={"default", "elsewhere"})
    assert found.where == "realm default"
    assert "wstrust-sts key create --use message --realm default" in found.fix
    assert "default" not in found.sentence
    assert obstacles(keys=keys, message_realms={"elsewhere"}) == []
    keys.message_keys["default"] = [object()]
    assert obstacles(keys=keys, message_realms={"default"}) == []


def test_both_kinds_of_key_are_looked_at():
    found = obstacles(keys=keyring(), message_realms={"default"})
    assert [each.sentence.split()[4] for each in found] == ["signing", "message"]


@pytest.mark.parametrize("policy", sorted(SIGNED_POLICIES))
def test_a_server_with_a_message_endpoint_is_ready_only_with_a_message_key(policy):
    mixed = EndpointSection(path="/mixed", trust=TrustVersion.V13)
    sts = Sts(endpoints=(mixed, EndpointSection(path="/message", trust=TrustVersion.V13, policy=policy)))
    answer = readyz(sts)
    assert (answer.status, answer.body) == (503, b"There is no usable message key; run `wstrust-sts check`.\n")
    _, box = signing_key()
    made = make_signing_key("default", algorithm="rsa-2048", name="sts", now=NOON, box=box, use=KeyUse.MESSAGE)
    sts.stores.administration.add_signing_key(made)
    assert readyz(sts).status == 200
