"""The table of everything that is fuzzed. A new codec is a row in codecs.py; a new endpoint of tests/harness.py, whose
good credential tests/attack.py knows, is a seed of the application.
"""

from pathlib import Path

from tests.fuzz.application import APPLICATION
from tests.fuzz.codecs import CODECS
from tests.fuzz.conversation import CONVERSATION
from tests.fuzz.endorsing_tokens import ENDORSING_TOKENS
from tests.fuzz.keys import KEYS
from tests.fuzz.protection import PROTECTION
from tests.fuzz.target import Target

BY_NAME = {
    target.name: target for target in (*CODECS, *KEYS, *PROTECTION, *CONVERSATION, *ENDORSING_TOKENS, *APPLICATION)
}


def target_of(path: Path) -> Target:
    """The target that an input is for, by its file's name. Raises KeyError."""
    return BY_NAME[path.name.partition(".")[0]]
