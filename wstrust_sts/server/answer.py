"""A `Response` as bytes of HTTP/1.1."""

import re
import time
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus

from wstrust_sts.bindings.http import BODILESS, Response

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+").fullmatch
_VALUE = re.compile(r"[\t\x20-\x7e]*").fullmatch
_DEFAULTS = (("X-Content-Type-Options", "nosniff"), ("Cache-Control", "no-store"))


def write_answer(response: Response, *, body: bool, keep_alive: bool) -> bytes:
    """The whole message; without `body` (HEAD) only its head. Raises ValueError: a header that cannot be sent."""
    bodiless = response.status in BODILESS
    return b"".join(
        (
            _head(response.status, response.content_type, response.headers),
            _date(int(time.time())),
            b"" if keep_alive else b"Connection: close\r\n",
            b"\r\n" if bodiless else b"Content-Length: %d\r\n\r\n" % len(response.body),
            response.body if body and not bodiless else b"",
        )
    )


def _head(status: int, content_type: str, headers: tuple[tuple[str, str], ...]) -> bytes:
    return _first_lines(status, content_type) + b"".join(_line(name, value) for name, value in _complete(headers))


@lru_cache(maxsize=64)
def _first_lines(status: int, content_type: str) -> bytes:
    line = f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n".encode("ascii")
    return line if status in BODILESS else line + _line("Content-Type", content_type)


def _complete(headers: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    given = {name.lower() for name, _ in headers}
    return (*headers, *(default for default in _DEFAULTS if default[0].lower() not in given))


def _line(name: str, value: str) -> bytes:
    if not _NAME(name) or not _VALUE(value):
        raise ValueError("a header name or value that would break the answer's head")
    return f"{name}: {value}\r\n".encode("ascii")


@lru_cache(maxsize=2)
def _date(second: int) -> bytes:
    return b"Date: %b\r\n" % formatdate(second, usegmt=True).encode("ascii")
