"""A load of keep-alive TLS connections, each asking again as soon as it has its answer. Runs as a process of its own.

    python -m benchmarks.load PORT CA CONNECTIONS REQUESTS PATH < request-bodies

The bodies, as many as are wanted, are sent one after another, and again from the first on when all have been sent. Each
comes after a line with its length.

Prints one JSON object: answers a second, their times' median and 99th percentile in milliseconds, and the processor
time that this process itself needed for each, in seconds.
"""

import asyncio
import json
import ssl
import sys
import time
from collections.abc import Iterator
from itertools import cycle
from typing import BinaryIO

import uvloop

# Of a token that was asked for, of one that is valid, of one that nobody can see (a fault has another status).
GOOD_ANSWERS = (b"Assertion", b"status/valid", b"EncryptedData")


async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> None:
    writer.write(request)
    head = await reader.readuntil(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200 "):
        raise SystemExit(f"not a token: {head[:200]!r}")
    length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    body = await reader.readexactly(int(length.split(b":")[1]))
    if not any(sign in body for sign in GOOD_ANSWERS):
        raise SystemExit(f"not a token: {body[:400]!r}")


async def connection(
    port: int, tls: ssl.SSLContext, requests: Iterator[bytes], budget: list[int], times: list[float]
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=tls, server_hostname="localhost")
    while budget[0] > 0:
        budget[0] -= 1
        began = time.perf_counter()
        await ask(reader, writer, next(requests))
        times.append(time.perf_counter() - began)
    writer.close()


async def run(port: int, ca: str, connections: int, requests: int, sent: list[bytes]) -> dict[str, float]:
    tls = ssl.create_default_context(cafile=ca)
    times: list[float] = []
    budget, following = [requests], cycle(sent)
    began, began_cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(connection(port, tls, following, budget, times) for _ in range(connections)))
    seconds = time.perf_counter() - began
    times.sort()
    return {
        "per_second": len(times) / seconds,
        "p50": times[len(times) // 2] * 1000,
        "p99": times[len(times) * 99 // 100] * 1000,
        "own_cpu": (time.process_time() - began_cpu) / len(times),
    }


def main() -> None:
    port, ca, connections, requests, path = sys.argv[1:6]
    sent = [written(path, body) for body in bodies(sys.stdin.buffer)]
    print(json.dumps(uvloop.run(run(int(port), ca, int(connections), int(requests), sent))))


def bodies(source: BinaryIO) -> Iterator[bytes]:
    while length := source.readline():
        yield source.read(int(length))


def written(path: str, body: bytes) -> bytes:
    head = (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/soap+xml; charset=utf-8\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


if __name__ == "__main__":
    main()
