"""A server process for tests: a small application behind the real front.

Its argument is the settings as JSON, its first line of output the port.

python served.py '{"port": 0, "workers": 1}'
"""

import hashlib
import json
import os
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qsl

from wstrust_sts import log
from wstrust_sts.bindings.http import Request, Response
from wstrust_sts.server import ServerSettings, serve

PATHS = ("certificate", "private_key", "client_authorities")


class Probe:
    """Does what the path says, so that a test can look at the front from inside."""

    def handle(self, request: Request) -> Response:
        argument = dict(parse_qsl(request.query))
        seconds = float(argument.get("seconds", "0"))
        match request.path:
            case "/sleep":
                with open(os.environ["BEGUN"], "ab") as begun:
                    begun.write(b".")
                time.sleep(seconds)
            case "/durable":
                return self._durable(seconds, fail=argument.get("fail", ""))
            case "/big":
                return Response(status=200, body=b"y" * int(argument["octets"]))
            case "/raise":
                raise ValueError("s3cr3t-document")
            case "/die":
                os._exit(3)
            case "/header":
                return Response(status=200, headers=(("X-Broken", "a\r\nX-Forged: 1"),))
            case "/cached":
                return Response(status=200, headers=(("cache-control", "max-age=60"),))
            case "/empty":
                return Response(status=204)
            case _:
                pass
        return Response(status=200, body=json.dumps(self._told(request)).encode(), content_type="application/json")

    def busy(self, request: Request) -> Response:
        return Response(status=503, body=b"busy: " + request.path.encode(), headers=(("Retry-After", "1"),))

    def _told(self, request: Request) -> dict[str, object]:
        certificate = request.peer_certificate
        return {
            "pid": os.getpid(),
            "threads": threading.active_count(),
            "method": request.method,
            "path": request.path,
            "query": request.query,
            "headers": dict(request.headers),
            "body": request.body.decode("latin-1") if len(request.body) < 1000 else len(request.body),
            "tls": request.tls,
            "source": request.source,
            "peer": hashlib.sha256(certificate).hexdigest() if certificate else None,
        }

    def _durable(self, seconds: float, *, fail: str) -> Response:
        durable: Future[None] = Future()
        threading.Timer(seconds, lambda: _complete(durable, fail)).start()
        instead = None if fail == "bare" else _instead
        return Response(status=200, body=b"stored", durable=durable, instead=instead)


def _complete(durable: "Future[None]", fail: str) -> None:
    if fail == "cancel":
        durable.cancel()
    elif fail:
        durable.set_exception(OSError("s3cr3t-document"))
    else:
        durable.set_result(None)


def _instead(failure: BaseException) -> Response:
    return Response(status=500, body=f"not stored: {type(failure).__name__}".encode())


@contextmanager
def open_probe() -> Iterator[Probe]:
    if Path(os.environ.get("REFUSE_TO_OPEN", "/nonexistent")).exists():
        raise RuntimeError("the database is not there")
    yield Probe()
    sys.stderr.write("closed\n")


def main() -> None:
    values = json.loads(sys.argv[1])
    log.configure()
    serve(
        open_probe,
        ServerSettings(**{name: Path(value) if name in PATHS else value for name, value in values.items()}),
        on_ready=lambda host, port: os.write(1, b"%d\n" % port),
    )


if __name__ == "__main__":
    main()
