"""The hostile suite's fixtures. `target` is the seam: another module that imports these tests may give another one."""

from tests.attack import ENTRANCES, Attack, attack_of, target_of
from tests.cases import each_of

target = target_of()
attack = attack_of(Attack, ENTRANCES)
soap = each_of(("1.1", "1.2"))
