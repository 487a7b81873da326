"""The log: lines on standard error, text (`key=value`) or JSON, one for each operation.

Nothing that a client sent can forge or split a line: every value is one token of printable ASCII, quoted as in
JSON and cut at a length. A line is one write, so that threads and processes do not mix theirs. Exceptions are
logged as types and places, never by their text, which may quote a message. Callers keep secrets out of what
they pass; the third-party loggers that write whole messages are silenced here.

Silent until `configure` is called.
"""

import logging
import os
import re
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from json.encoder import encode_basestring_ascii as _quote_any
from pathlib import Path
from traceback import walk_tb
from types import TracebackType
from typing import Literal

Format = Literal["text", "json"]
Level = Literal["debug", "info", "warning", "error"]
Fields = Sequence[tuple[str, str]]

_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
_MUTE = logging.CRITICAL + 1
# Spyne logs whole documents as errors, zeep as debugging; uvicorn and asyncio tell of every broken connection.
_SILENCED = ("spyne", "zeep", "uvicorn", "asyncio")

_FIELD_LENGTH = 384  # characters of a quoted value; all fields at their bounds still fit one atomic pipe write
_LONG_LENGTH = 1024  # of these:
_LONG = frozenset({"detail", "message", "exception"})
_ESCAPE_LENGTH = 12  # the longest escape: a surrogate pair
_CUT = "..."
_BARE = re.compile(r"[A-Za-z0-9_.:/@+#~-]+").fullmatch
_FRAMES = 8


def configure(*, format: Format = "text", level: Level = "info", descriptor: int = 2) -> None:
    """Starts the log, or changes it. `descriptor` is the file it is written to (default: standard error).

    This software's own records are written from `level` on, those of others from warnings on.
    """
    global _log
    _log = _Log(write=_LINES[format], threshold=_LEVELS[level], descriptor=descriptor)
    handler = _Handler(_log)
    root = logging.getLogger()
    for earlier in [installed for installed in root.handlers if isinstance(installed, _Handler)]:
        root.removeHandler(earlier)
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    logging.getLogger("wstrust_sts").setLevel(_log.threshold)
    for name in _SILENCED:
        silenced = logging.getLogger(name)
        silenced.setLevel(_MUTE)
        silenced.propagate = False


def operation(
    *,
    correlation_id: str,
    operation: str,
    outcome: str,
    endpoint: str,
    duration_ms: float,
    requestor: str = "",
    relying_party: str = "",
    source: str = "",
    detail: str = "",
) -> None:
    """The line of one operation. `detail` says why it was refused, and makes the line a warning."""
    log = _log
    if log is None:
        return
    level = logging.WARNING if detail else logging.INFO
    if level < log.threshold:
        return
    fields = [
        ("operation", operation),
        ("outcome", outcome),
        ("correlation_id", correlation_id),
        ("endpoint", endpoint),
        ("requestor", requestor),
        ("relying_party", relying_party),
        ("source", source),
        ("ms", f"{duration_ms:.1f}"),
    ]
    if detail:
        fields.append(("detail", detail))
    log.emit("warning" if detail else "info", fields)


def failure(message: str, *, correlation_id: str = "", exception: BaseException | None = None) -> None:
    """An unexpected exception (default: the one being handled) under a constant `message`."""
    log = _log
    if log is None:
        return
    fields = [("message", message), ("exception", describe(exception or sys.exception()))]
    if correlation_id:
        fields.insert(1, ("correlation_id", correlation_id))
    log.emit("error", fields)


def describe(exception: BaseException | None) -> str:
    """An exception by its types and places, innermost frame first, without any text of its own."""
    told: list[str] = []
    seen: set[int] = set()
    while exception is not None and id(exception) not in seen and len(told) < _FRAMES:
        seen.add(id(exception))
        told.append(f"{type(exception).__name__} {_places(exception.__traceback__)}".rstrip())
        exception = exception.__cause__ or (None if exception.__suppress_context__ else exception.__context__)
    return "; from ".join(told)


def _places(trace: TracebackType | None) -> str:
    frames = [f"{Path(frame.f_code.co_filename).name}:{line} {frame.f_code.co_name}" for frame, line in walk_tb(trace)]
    return "at " + " < ".join(reversed(frames[-_FRAMES:])) if frames else ""


# -- lines -------------------------------------------------------------------------------------------------------


def _quote(value: str, limit: int) -> str:
    """A JSON string of printable ASCII, at most `limit` characters long without its quotes."""
    if len(value) > limit:
        value = value[: limit - len(_CUT)] + _CUT
    quoted: str = _quote_any(value)
    if len(quoted) > limit + 2:
        quoted = _quote_any(value[: (limit - len(_CUT)) // _ESCAPE_LENGTH] + _CUT)
    return quoted


def _text(level: str, fields: Fields) -> str:
    told = [f"{_instant()} {level}"]
    for name, value in fields:
        if value:
            limit = _LONG_LENGTH if name in _LONG else _FIELD_LENGTH
            told.append(f"{name}={value if len(value) <= limit and _BARE(value) else _quote(value, limit)}")
    return " ".join(told) + "\n"


def _json(level: str, fields: Fields) -> str:
    told = [f'{{"time":"{_instant()}","level":"{level}"']
    for name, value in fields:
        if name == "ms":
            told.append(f'"ms":{value}')
        elif value:
            told.append(f'"{name}":{_quote(value, _LONG_LENGTH if name in _LONG else _FIELD_LENGTH)}')
    return ",".join(told) + "}\n"


_LINES: dict[str, Callable[[str, Fields], str]] = {"text": _text, "json": _json}


@lru_cache(maxsize=2)
def _second(second: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))


def _instant() -> str:
    now = time.time()
    return f"{_second(int(now))}.{int(now % 1 * 1000):03d}Z"


@dataclass(frozen=True, slots=True)
class _Log:
    write: Callable[[str, Fields], str]
    threshold: int
    descriptor: int

    def emit(self, level: str, fields: Fields) -> None:
        """One line, in one system call. A log that cannot be written fails no request."""
        with suppress(OSError):
            os.write(self.descriptor, self.write(level, fields).encode("ascii"))


_log: _Log | None = None


class _Handler(logging.Handler):
    """Records of the standard library's logging, written as the other lines are."""

    def __init__(self, log: _Log) -> None:
        super().__init__()
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        try:
            message = record.getMessage()
        except (TypeError, ValueError, LookupError):  # a wrong format string fails no request
            message = "a record that cannot be formatted"
        fields = [("logger", record.name), ("message", message)]
        if record.exc_info and record.exc_info[1] is not None:
            fields.append(("exception", describe(record.exc_info[1])))
        self._log.emit(record.levelname.lower(), fields)
