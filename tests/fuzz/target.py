"""What is fuzzed: one row for each reader of foreign octets."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tests.fuzz.mutations import Change


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """`run` gives a word for what became of an input, and raises for what must never be, whatever it raises.

    `share`: how much of a campaign's time it gets, in comparison with the others.
    """

    name: str
    run: Callable[[bytes], str]
    seeds: Callable[[], Sequence[bytes]]
    mutate: Change
    share: int = 1


def refusing(*refusals: type[Exception]) -> Callable[[Callable[[bytes], object]], Callable[[bytes], str]]:
    """A reader whose only exceptions are `refusals`: whatever else it raises is a finding."""

    def decorate(read: Callable[[bytes], object]) -> Callable[[bytes], str]:
        def run(octets: bytes) -> str:
            try:
                read(octets)
            except refusals as refusal:
                return type(refusal).__name__
            return "accepted"

        return run

    return decorate
