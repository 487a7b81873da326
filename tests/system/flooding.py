"""A hostile crowd in a process of its own, so that whoever measures beside it is not slowed by it.

    python -m tests.system.flooding passwords|handshakes PORT CA PEERS SECONDS

Ends after so many seconds, and prints one JSON object: how often what came back.
"""

import asyncio
import json
import random
import ssl
import struct
import sys
import time
from collections import Counter
from datetime import UTC, datetime

import uvloop

from tests import messages
from tests.messages import Answer
from wstrust_sts import ns

PATH = "/trust/13/usernamemixed"


async def guess(port: int, tls: ssl.SSLContext, peer: int, end: float, outcomes: Counter[str]) -> None:
    """Wrong passwords of a known user and of unknown ones, each peer from an address of its own."""
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", port, ssl=tls, server_hostname="localhost", local_addr=(f"127.0.2.{1 + peer % 250}", 0)
    )
    while time.monotonic() < end:
        user = random.choice(["bob", f"nobody{random.getrandbits(32)}"])
        body = guessing(user, f"{random.random()}")
        head = f"POST {PATH} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {messages.content_type()}\r\n"
        writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        answer = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        fields = dict(line.split(": ", 1) for line in answer.split("\r\n")[1:] if line)
        octets = await reader.readexactly(int(fields["content-length"]))
        code = Answer(int(answer[9:12]), octets, "").code
        outcomes[f"{answer[9:12]} {code} {'retry-after' in fields}"] += 1
    writer.close()


def guessing(user: str, password: str) -> bytes:
    credential = messages.username_token(user, password)
    headers = (
        messages.addressing(f"{ns.WST13}/RST/Issue"),
        messages.security(messages.timestamp(datetime.now(UTC)), credential),
    )
    return messages.envelope(messages.issue(), *headers).encode()


async def break_off(port: int, hello: bytes, end: float, outcomes: Counter[str]) -> None:
    """Has the server do its half of a handshake, and is gone; every other time with a reset."""
    while time.monotonic() < end:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(hello)
            outcomes["answered" if await reader.read(1) else "closed"] += 1
            if outcomes["answered"] % 2:
                linger = struct.pack("ii", 1, 0)
                writer.get_extra_info("socket").setsockopt(1, 13, linger)  # SOL_SOCKET, SO_LINGER
            writer.close()
        except OSError:
            outcomes["refused"] += 1


def first_flight(tls: ssl.SSLContext) -> bytes:
    """A client's hello."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    try:
        tls.wrap_bio(incoming, outgoing, server_hostname="localhost").do_handshake()
    except ssl.SSLWantReadError:
        return outgoing.read()
    raise AssertionError("a handshake needs an answer")


async def crowd(kind: str, port: int, ca: str, peers: int, seconds: float) -> Counter[str]:
    tls = ssl.create_default_context(cafile=ca)
    outcomes: Counter[str] = Counter()
    end = time.monotonic() + seconds
    if kind == "passwords":
        await asyncio.gather(*(guess(port, tls, peer, end, outcomes) for peer in range(peers)))
    else:
        hello = first_flight(tls)
        await asyncio.gather(*(break_off(port, hello, end, outcomes) for _ in range(peers)))
    return outcomes


def main() -> None:
    kind, port, ca, peers, seconds = sys.argv[1:6]
    sys.stdout.write(json.dumps(uvloop.run(crowd(kind, int(port), ca, int(peers), float(seconds)))))


if __name__ == "__main__":
    main()
