"""The log: what a line holds, what cannot forge one, and what never gets into it."""

import json
import logging
import os
import re
import shlex
import threading
import time
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wstrust_sts import log

MARK = "s3cr3t-document"
PIPE_ATOMIC = 4096
NAMED = ("wstrust_sts", *log._SILENCED)


class Lines:
    """The reading end of a log."""

    def __init__(self) -> None:
        self._reader, self.descriptor = os.pipe()

    def read(self) -> list[str]:
        os.set_blocking(self._reader, False)
        octets = b""
        try:
            while chunk := os.read(self._reader, 65536):
                octets += chunk
        except BlockingIOError:
            pass
        assert not octets or octets.endswith(b"\n")
        return octets.decode("ascii").splitlines()

    def close(self) -> None:
        os.close(self._reader)
        os.close(self.descriptor)


@pytest.fixture
def lines() -> Iterator[Lines]:
    """A pipe to log to; what `configure` changes is put back."""
    opened, root, earlier = Lines(), logging.getLogger(), log._log
    handlers, level = list(root.handlers), root.level
    kept = {name: (logging.getLogger(name).level, logging.getLogger(name).propagate) for name in NAMED}
    yield opened
    log._log = earlier
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, (named_level, propagates) in kept.items():
        logging.getLogger(name).setLevel(named_level)
        logging.getLogger(name).propagate = propagates
    opened.close()


def record_operation(**changes: str) -> None:
    values: dict[str, str] = {
        "correlation_id": "c0ffee",
        "operation": "Issue",
        "outcome": "issued",
        "endpoint": "/trust/13/usernamemixed",
        "requestor": "alice",
        "relying_party": "payroll",
        "source": "192.0.2.7",
        "detail": "",
    }
    log.operation(duration_ms=12.34, **(values | changes))


def test_an_operation_is_one_line_of_text(lines):
    log.configure(descriptor=lines.descriptor)
    record_operation()
    (line,) = lines.read()
    assert re.fullmatch(
        r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z info operation=Issue outcome=issued correlation_id=c0ffee "
        r"endpoint=/trust/13/usernamemixed requestor=alice relying_party=payroll source=192\.0\.2\.7 ms=12\.3",
        line,
    )


def test_an_operation_is_one_line_of_json(lines):
    log.configure(format="json", descriptor=lines.descriptor)
    record_operation(requestor="Zoë \N{GRINNING FACE}")
    (line,) = lines.read()
    told = json.loads(line)
    assert told.pop("time").endswith("Z")
    assert told == {
        "level": "info",
        "operation": "Issue",
        "outcome": "issued",
        "correlation_id": "c0ffee",
        "endpoint": "/trust/13/usernamemixed",
        "requestor": "Zoë \N{GRINNING FACE}",
        "relying_party": "payroll",
        "source": "192.0.2.7",
        "ms": 12.3,
    }


def test_a_refusal_is_a_warning_with_its_reason(lines):
    log.configure(format="json", level="warning", descriptor=lines.descriptor)
    record_operation()
    record_operation(outcome="FailedAuthentication", detail="wrong password")
    (line,) = lines.read()
    assert json.loads(line)["level"] == "warning"
    assert json.loads(line)["detail"] == "wrong password"


def test_nothing_is_written_before_the_log_is_configured(lines):
    log._log = None
    record_operation()
    log.failure("nobody listens")
    assert lines.read() == []


@pytest.mark.parametrize("format", ["text", "json"])
@given(value=st.text(st.characters(codec=None), max_size=40))
def test_no_value_forges_or_splits_a_line(format, value):
    line = log._LINES[format]("info", [("requestor", value), ("source", "192.0.2.7")])
    assert line.endswith("\n")
    assert line.count("\n") == 1
    assert all(" " <= character <= "~" for character in line[:-1])
    if format == "json":
        assert json.loads(line).get("requestor", "") == value
    else:
        fields = [token for token in shlex.split(line) if token.startswith(("requestor=", "source="))]
        assert len(fields) == (2 if value else 1)
        assert fields[-1] == "source=192.0.2.7"


@pytest.mark.parametrize("format", ["text", "json"])
@pytest.mark.parametrize("filler", ["a", "\n", "é", "\N{GRINNING FACE}", '"', "\\", "\ud800"])
def test_a_line_with_every_value_too_long_still_fits_one_atomic_write(lines, format, filler):
    log.configure(format=format, descriptor=lines.descriptor)
    long = filler * 100_000
    record_operation(
        correlation_id=long,
        operation=long,
        outcome=long,
        endpoint=long,
        requestor=long,
        relying_party=long,
        source=long,
        detail=long,
    )
    (line,) = lines.read()
    assert len(line) < PIPE_ATOMIC
    if format == "json":
        assert json.loads(line)["requestor"].endswith("...")


def test_an_exception_is_told_by_type_and_place_and_never_by_its_text(lines):
    log.configure(descriptor=lines.descriptor)
    try:
        try:
            raise ValueError(MARK)
        except ValueError as cause:
            raise RuntimeError(MARK) from cause
    except RuntimeError:
        log.failure("unexpected failure", correlation_id="c0ffee")
        logging.getLogger("wstrust_sts.part").exception("in request %s", "c0ffee")
    written = lines.read()
    assert len(written) == 2
    for line in written:
        assert MARK not in line
        assert "RuntimeError at test_log.py" in line
        assert "from ValueError at test_log.py" in line
        assert "c0ffee" in line


def test_a_circle_of_causes_ends(lines):
    first, second = ValueError("a"), ValueError("b")
    first.__cause__, second.__cause__ = second, first
    assert log.describe(first) == "ValueError; from ValueError"


@pytest.mark.parametrize(
    "name", ["spyne", "spyne.protocol.soap.soap11", "spyne.application.server", "zeep.transports", "uvicorn.error"]
)
def test_libraries_that_log_messages_are_silent_at_every_level(lines, capfd, name):
    log.configure(level="debug", descriptor=lines.descriptor)
    for level in (logging.DEBUG, logging.ERROR, logging.CRITICAL):
        logging.getLogger(name).log(level, MARK)
    assert lines.read() == []
    assert MARK not in "".join(capfd.readouterr())


def test_records_of_other_libraries_are_written_from_warnings_on(lines):
    log.configure(level="debug", descriptor=lines.descriptor)
    logging.getLogger("somebody.else").info("chatter")
    logging.getLogger("somebody.else").warning("first\nsecond")
    (line,) = lines.read()
    assert 'logger=somebody.else message="first\\nsecond"' in line


def test_our_own_records_follow_the_level(lines):
    log.configure(level="debug", descriptor=lines.descriptor)
    logging.getLogger("wstrust_sts.part").debug("kept")
    log.configure(level="error", descriptor=lines.descriptor)
    logging.getLogger("wstrust_sts.part").warning("dropped")
    record_operation(detail="dropped")
    assert [line.rsplit(" ", 1)[1] for line in lines.read()] == ["message=kept"]


def test_configuring_twice_writes_each_record_once(lines):
    log.configure(descriptor=lines.descriptor)
    log.configure(descriptor=lines.descriptor)
    logging.getLogger("wstrust_sts.part").warning("once")
    assert len(lines.read()) == 1


def test_a_wrong_format_string_fails_nobody(lines):
    log.configure(descriptor=lines.descriptor)
    (handler,) = [handler for handler in logging.getLogger().handlers if isinstance(handler, log._Handler)]
    handler.handle(logging.LogRecord("part", logging.WARNING, __file__, 1, "%d", ("not a number",), None))
    (line,) = lines.read()
    assert "a record that cannot be formatted" in line


def test_a_log_that_cannot_be_written_fails_nobody(lines):
    reader, writer = os.pipe()
    os.close(reader)
    log.configure(descriptor=writer)
    record_operation()
    os.close(writer)
    record_operation()


def test_lines_of_many_threads_do_not_mix(lines):
    log.configure(format="json", descriptor=lines.descriptor)
    threads = [
        threading.Thread(target=lambda: [record_operation(requestor="x" * 300) for _ in range(12)]) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    told = lines.read()
    assert len(told) == 96
    assert all(json.loads(line)["requestor"] == "x" * 300 for line in told)


def test_a_line_costs_less_than_twenty_microseconds(lines):
    descriptor = os.open(os.devnull, os.O_WRONLY)
    log.configure(format="json", descriptor=descriptor)
    try:
        best = min(_cost() for _ in range(5))
    finally:
        os.close(descriptor)
    assert best < 20e-6


def _cost() -> float:
    started = time.thread_time()
    for _ in range(1000):
        record_operation()
    return (time.thread_time() - started) / 1000
