"""Every policy and every layout is attacked: who registers one adds it to the tables that the hostile suites run on.

A layout is how an answer is written, and a policy what a message needs to get one. Where TLS protects messages, each
policy is attacked in each layout; where they protect themselves, each policy in each layout, too, by signatures and
ciphertexts, and by the hostile documents in the layout of AD FS. The policy and the layout of vCenter are for its one
address, in WS-Trust 1.3, and are attacked together.
"""

from tests import attack
from tests.sealed import SEALED_ENTRANCES
from tests.security import (
    test_certificate_entrances,
    test_hostile_messages_sealed,
    test_issued_token_entrances,
    test_vmware_entrances,
)
from wstrust_sts.model import TrustVersion
from wstrust_sts.registry import LAYOUTS, POLICIES

OVER_TLS = (
    *attack.ENTRANCES,  # test_hostile_messages.py, test_hostile_requests.py
    *test_certificate_entrances.ENTRANCES,
    *test_issued_token_entrances.ENTRANCES,
)
AT_VCENTERS = test_vmware_entrances.ENTRANCES
VMWARE = {"vmware"}
SEALED = frozenset(entrance.policy for entrance in SEALED_ENTRANCES)  # test_hostile_signatures.py, and others


def test_every_policy_is_attacked():
    assert {entrance.policy for entrance in (*OVER_TLS, *AT_VCENTERS)} | SEALED == set(POLICIES)


def test_every_policy_over_tls_is_attacked_in_every_layout():
    pairs = {(entrance.policy, entrance.layout) for entrance in OVER_TLS}
    assert pairs == {
        (policy, layout) for policy in POLICIES.keys() - SEALED - VMWARE for layout in LAYOUTS.keys() - VMWARE
    }
    assert {(entrance.policy, entrance.layout, entrance.soap) for entrance in AT_VCENTERS} == {
        ("vmware", "vmware", soap) for soap in ("1.1", "1.2")
    }


def test_every_policy_of_messages_that_protect_themselves_is_attacked_in_every_layout():
    pairs = {(entrance.policy, entrance.layout) for entrance in SEALED_ENTRANCES}
    assert pairs == {(policy, layout) for policy in SEALED for layout in LAYOUTS.keys() - VMWARE}
    documents = {(entrance.policy, entrance.layout) for entrance in test_hostile_messages_sealed.ENTRANCES}
    assert documents == {("username", "default"), *((policy, "adfs") for policy in SEALED)}


def test_every_policy_is_attacked_in_every_version_of_ws_trust_and_of_soap():
    attacked = {(entrance.policy, entrance.version, entrance.soap) for entrance in (*OVER_TLS, *SEALED_ENTRANCES)}
    assert attacked == {
        (policy, version, soap)
        for policy in POLICIES.keys() - VMWARE
        for version in TrustVersion
        for soap in ("1.1", "1.2")
    }
