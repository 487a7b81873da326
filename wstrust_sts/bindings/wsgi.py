"""A `Handler` as a plain WSGI application (PEP 3333), for servers other than our own front."""

from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any

from wstrust_sts.bindings.http import BODILESS, Handler, Request, Response, settled
from wstrust_sts.errors import TooLarge

_MAX_BODY = 128 * 1024
_MOST_DIGITS = 18


def as_wsgi(handler: Handler) -> Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]:
    """The WSGI application: waits for the answer to be durable in the request's own thread.

    TLS is believed from `wsgi.url_scheme`, which the server in front of it must set truly. That server has to drop
    header names with underscores: in WSGI they cannot be told from those with dashes.
    """

    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        body = _read_body(environ)
        response = _too_large() if body is None else settled(handler(_request(environ, body)))
        headers = [("Content-Type", response.content_type), ("Content-Length", str(len(response.body)))]
        if response.status in BODILESS:
            headers = []
        start_response(f"{response.status} {HTTPStatus(response.status).phrase}", headers + list(response.headers))
        return [b"" if environ["REQUEST_METHOD"] == "HEAD" else response.body]

    return application


def _read_body(environ: dict[str, Any]) -> bytes | None:
    """The body, or None when it is longer than is accepted."""
    length = _bounded_length(environ)
    body: bytes = environ["wsgi.input"].read(length) if length else b""
    return None if len(body) > _MAX_BODY else body


def _bounded_length(environ: dict[str, Any]) -> int:
    """How much may be read: without a length only where the server says that the stream ends by itself (chunked),
    because reading on would wait for the connection's end elsewhere.
    """
    declared = environ.get("CONTENT_LENGTH") or ""
    if declared.isascii() and declared.isdigit():
        return _MAX_BODY + 1 if len(declared) > _MOST_DIGITS else min(int(declared), _MAX_BODY + 1)
    return _MAX_BODY + 1 if not declared and environ.get("wsgi.input_terminated") else 0


def _request(environ: dict[str, Any], body: bytes) -> Request:
    headers = {name[5:].replace("_", "-").lower(): value for name, value in environ.items() if name.startswith("HTTP_")}
    headers["content-type"] = environ.get("CONTENT_TYPE", "")
    return Request(
        method=environ["REQUEST_METHOD"],
        path=environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", ""),
        query=environ.get("QUERY_STRING", ""),
        headers=headers,
        body=body,
        tls=environ.get("wsgi.url_scheme") == "https",
        source=environ.get("REMOTE_ADDR", ""),
    )


def _too_large() -> Response:
    return Response(status=TooLarge.status, body=TooLarge.sentence.encode())
