"""Consumers in other languages: programs that are asked line by line, and answer in JSON."""

import base64
import json
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass

from tests.interop import jvm
from tests.interop.consumers.trusting import EVERY_ENCRYPTION, Refused, Subject, Trusted

SAML20 = frozenset({"saml20"})


@dataclass(frozen=True)
class JsonConsumer:
    """A program in Node.js or Go."""

    name: str
    version: str
    process: "subprocess.Popen[str]"
    decrypts: frozenset[str]
    refuses: frozenset[str]
    takes_responses: bool = True
    versions: frozenset[str] = SAML20

    def take(self, markup: str, trusted: Trusted) -> Subject:
        self.process.stdin.write(json.dumps({"markup": markup, "trusted": asdict(trusted)}) + "\n")
        self.process.stdin.flush()
        said = json.loads(self.process.stdout.readline())
        if said.get("refused"):
            raise Refused(said["refused"])
        return Subject(said["name"], said["attributes"])


@dataclass(frozen=True)
class JavaConsumer:
    """A command of `java/consumers`, which answers with the name and the attributes."""

    name: str
    version: str
    probe: jvm.Probe
    word: str
    refuses: frozenset[str]
    versions: frozenset[str]
    takes_responses: bool = False
    decrypts: frozenset[str] = EVERY_ENCRYPTION

    def take(self, markup: str, trusted: Trusted) -> Subject:
        words = (markup, *asdict(trusted).values())
        try:
            name, *told = self.probe.ask(self.word, *(base64.b64encode(word.encode()).decode() for word in words))
        except jvm.Refused as refusal:
            raise Refused(str(refusal)) from None
        attributes: dict[str, list[str]] = {}
        for attribute, value in zip(told[::2], told[1::2], strict=True):
            attributes.setdefault(attribute, []).append(value)
        return Subject(name, attributes)


@contextmanager
def answering(command: Sequence[str]) -> Iterator["subprocess.Popen[str]"]:
    """The program; it ends when its input does."""
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.communicate(timeout=20)
