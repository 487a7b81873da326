"""The hostile suite at the address of vCenter's clients, in both versions of SOAP.

The tests are those of the other modules; what is other is that a fault of SOAP 1.1 has no room for a Timestamp.
"""

from tests.attack import Attack, attack_of, entrances, target_of
from tests.harness import VMWARE_ENDPOINTS, Sts
from tests.security.test_hostile_messages import *  # noqa: F403
from tests.security.test_hostile_requests import *  # noqa: F403

ENTRANCES = entrances(VMWARE_ENDPOINTS)


class PasswordAttack(Attack):
    bare_faults = True


target = target_of(lambda: Sts(endpoints=VMWARE_ENDPOINTS))
attack = attack_of(PasswordAttack, ENTRANCES)
