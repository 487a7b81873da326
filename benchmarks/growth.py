"""How much memory the server keeps after many requests of every kind: `python -m benchmarks.growth`.

A client on this machine asks over TLS: tokens, validations, cancellations, wrong passwords of known and unknown
users, messages that are no requests, and messages whose elements have names that never occurred before; most on
connections that are kept, some on new ones. Every so many requests one line tells the proportional set size (PSS)
of the server's processes, together, in MiB, and how much of it is anonymous: what the processes have made themselves.
The rest is libraries, whose part goes up and down with every other process on the machine that uses them, too. The
first line is of a server that has just started.
"""

import argparse
import asyncio
import random
import ssl
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import uvloop

from tests import messages
from tests.running import Prepared, prepare, serving
from wstrust_sts import ns

PATH = "/trust/13/usernamemixed"
CONNECTIONS = 8
_KEPT = 50  # tokens to validate and cancel
_FRESH_TIMESTAMP = 60.0  # seconds
_PLACES = 200  # addresses of this machine that wrong passwords come from, so that not all of them are held up


@dataclass(frozen=True, slots=True)
class Memory:
    """MiB."""

    pss: float
    anonymous: float
    processes: int


@dataclass(frozen=True, slots=True)
class Reading:
    """After so many requests."""

    requests: int
    seconds: float
    memory: "Memory"


@dataclass(slots=True)
class Mix:
    """Requests of every kind in a fixed proportion, in an order that the seed decides."""

    seed: int = 1
    outcomes: Counter[str] = field(default_factory=Counter)
    _tokens: list[str] = field(default_factory=list)
    _random: random.Random = field(init=False)
    _written: tuple[float, str] = (float("-inf"), "")

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)

    def draw(self) -> tuple[str, bytes]:
        """A kind, and a request's body of it."""
        (kind,) = self._random.choices(tuple(_KINDS), tuple(share for share, _ in _KINDS.values()))
        if kind in ("Validate", "Cancel") and not self._tokens:
            kind = "Issue"
        return kind, _KINDS[kind][1](self).encode()

    def learn(self, kind: str, status: int, body: bytes) -> None:
        """Raises SystemExit for an answer that a request of this kind must not have."""
        self.outcomes[f"{kind} {status}"] += 1
        if status not in _EXPECTED.get(kind, (400, 500)):
            raise SystemExit(f"{kind}: {status} {body[:600]!r}")
        if kind == "Issue":
            answer = messages.Answer(status, body, "")
            self._tokens = [*self._tokens[1 - _KEPT :], answer.assertion.decode()]

    # -- the kinds ----------------------------------------------------------------------------------------------------

    def issue(self) -> str:
        return self._message("Issue", messages.issue())

    def validate(self) -> str:
        return self._message("Validate", messages.validate(self._random.choice(self._tokens)))

    def cancel(self) -> str:
        return self._message("Cancel", messages.cancel(self._random.choice(self._tokens)))

    def wrong_password(self) -> str:
        user = self._random.choice(["bob", f"nobody{self._random.randrange(10_000)}"])
        return self._message("Issue", messages.issue(), user=user, password=f"{self._random.random()}")

    def named(self) -> str:
        """Element, attribute and namespace names that never were before."""
        name = f"n{self._random.getrandbits(64):x}"
        odd = f'<{name} xmlns="urn:{name}" a{name}="{name}"><b{name}/></{name}>'
        return self._message("Issue", messages.issue(odd))

    def malformed(self) -> str:
        whole = self.issue()
        return self._random.choice(
            [
                whole[: self._random.randrange(len(whole))],
                whole.replace("</s:Body>", f"</s:B{self._random.getrandbits(64):x}>"),
                f'<!DOCTYPE s [<!ENTITY e "{self._random.random()}">]>{whole}',
                whole.replace("/Issue</t:RequestType>", "/Forge</t:RequestType>"),
                f"{self._random.getrandbits(256):x}",
            ]
        )

    def _message(self, operation: str, body: str, *, user: str = "alice", password: str = "clarinet") -> str:
        written, timestamp = self._written
        if time.monotonic() - written > _FRESH_TIMESTAMP:
            timestamp = messages.timestamp(datetime.now(UTC))
            self._written = (time.monotonic(), timestamp)
        return messages.envelope(
            body,
            messages.addressing(f"{ns.WST13}/RST/{operation}"),
            messages.security(timestamp, messages.username_token(user, password)),
        )


# Parts of a hundred.
_KINDS: dict[str, tuple[int, Callable[[Mix], str]]] = {
    "Issue": (60, Mix.issue),
    "Validate": (12, Mix.validate),
    "Cancel": (5, Mix.cancel),
    "wrong password": (6, Mix.wrong_password),
    "new names": (9, Mix.named),
    "malformed": (8, Mix.malformed),
}
_EXPECTED = {"Issue": (200,), "Validate": (200,), "Cancel": (200,), "new names": (200, 400, 500)}
_NEW_CONNECTION = 0.03  # share of the requests


# -- the client ----------------------------------------------------------------------------------------------------


class Client:
    """One connection at a time, kept for most requests."""

    def __init__(self, prepared: Prepared, mix: Mix, *, seed: int) -> None:
        self._port = prepared.port
        self._tls = ssl.create_default_context(cafile=str(prepared.ca))
        self._mix = mix
        self._random = random.Random(seed)
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self) -> None:
        kind, body = self._mix.draw()
        elsewhere = kind == "wrong password"  # so that good passwords are not held up
        if elsewhere or self._random.random() < _NEW_CONNECTION:
            await self.close()
        if self._streams is None:
            place = f"127.0.1.{self._random.randrange(1, _PLACES)}" if elsewhere else "127.0.0.1"
            self._streams = await asyncio.open_connection(
                "127.0.0.1", self._port, ssl=self._tls, server_hostname="localhost", local_addr=(place, 0)
            )
        status, answer, kept = await self._exchange(*self._streams, body)
        if elsewhere or not kept:
            await self.close()
        self._mix.learn(kind, status, answer)

    async def close(self) -> None:
        if self._streams is not None:
            writer = self._streams[1]
            self._streams = None
            writer.close()
            with suppress(OSError):  # the server may have gone first
                await writer.wait_closed()

    @staticmethod
    async def _exchange(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter, body: bytes
    ) -> tuple[int, bytes, bool]:
        """Status, body, and whether the connection lives on."""
        head = f"POST {PATH} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {messages.content_type()}\r\n"
        writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        answer = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = next(line for line in answer.split(b"\r\n") if line.startswith(b"content-length:"))
        return int(answer[9:12]), await reader.readexactly(int(length[15:])), b"connection: close" not in answer


async def ask_all(prepared: Prepared, mix: Mix, requests: int) -> None:
    budget = iter(range(requests))

    async def keep_asking(seed: int) -> None:
        client = Client(prepared, mix, seed=seed)
        for _ in budget:
            await client.ask()
        await client.close()

    await asyncio.gather(*(keep_asking(seed) for seed in range(CONNECTIONS)))


# -- the measurement -----------------------------------------------------------------------------------------------


def readings(prepared: Prepared, pid: int, mix: Mix, *, requests: int, every: int) -> Iterator[Reading]:
    """One before the first request, then one after `every` of them until there were `requests`."""
    began = time.monotonic()
    for asked in range(0, requests + 1, every):
        if asked:
            uvloop.run(ask_all(prepared, mix, every))
        yield Reading(asked, time.monotonic() - began, memory_of(pid))


def memory_of(pid: int) -> Memory:
    """Of a process and its descendants, together."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    kibibytes = {name: int(rest.split()[0]) for name, _, rest in (line.partition(":") for line in lines)}
    own = Memory(kibibytes["Pss"] / 1024, kibibytes["Pss_Anon"] / 1024, 1)
    below = [memory_of(int(child)) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return Memory(
        own.pss + sum(each.pss for each in below),
        own.anonymous + sum(each.anonymous for each in below),
        1 + sum(each.processes for each in below),
    )


def configure(prepared: Prepared, **values: int) -> None:
    """Sets keys of [server]."""
    lines = prepared.config.read_text().splitlines()
    kept = [line for line in lines if line.partition("=")[0].strip() not in values]
    at = kept.index("[server]") + 1
    written = [f"{name} = {value}" for name, value in values.items()]
    prepared.config.write_text("\n".join([*kept[:at], *written, *kept[at:]]) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=200_000, help="how many in all (default 200000)")
    parser.add_argument("--every", type=int, default=20_000, help="requests between two lines (default 20000)")
    parser.add_argument("--workers", type=int, default=1, help="processes (default 1: none of them is replaced)")
    parser.add_argument(
        "--maximum-requests", type=int, default=0, help="replace a process after about so many (default 0: never)"
    )
    options = parser.parse_args()
    mix = Mix()
    with tempfile.TemporaryDirectory(prefix="sts-growth-") as directory:
        print("growth: preparing a database, a PKI and accounts", flush=True)
        prepared = prepare(Path(directory))
        configure(prepared, workers=options.workers, maximum_requests=options.maximum_requests)
        with serving(prepared) as server:
            print(f"{'requests':>10}{'seconds':>10}{'PSS MiB':>10}{'anonymous':>11}{'processes':>11}", flush=True)
            for each in readings(prepared, server.pid, mix, requests=options.requests, every=options.every):
                print(
                    f"{each.requests:>10}{each.seconds:>10.0f}{each.memory.pss:>10.1f}{each.memory.anonymous:>11.1f}"
                    f"{each.memory.processes:>11}",
                    flush=True,
                )
    print("growth: " + ", ".join(f"{outcome}: {count}" for outcome, count in sorted(mix.outcomes.items())))


if __name__ == "__main__":
    main()
