"""Which lines of the package ran: what tells an input that is worth keeping from one that is like all others."""

import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import CodeType, FrameType
from typing import TypeVar

import wstrust_sts

_T = TypeVar("_T")
_PACKAGE = str(Path(wstrust_sts.__file__).parent)
_STALE = 256  # calls of a function without a new line, after which only each 16th is looked at


class Coverage:
    """Lines seen since this was made. One thread."""

    def __init__(self) -> None:
        self._lines: set[tuple[CodeType, int]] = set()
        self._ours: dict[CodeType, bool] = {}
        self._stale: Counter[CodeType] = Counter()

    @property
    def lines(self) -> frozenset[tuple[CodeType, int]]:
        return frozenset(self._lines)

    def __len__(self) -> int:
        return len(self._lines)

    def watch(self, run: Callable[[], _T]) -> _T:
        """What `run` returns or raises; afterwards the lines that it touched are counted."""
        earlier = sys.gettrace()
        sys.settrace(self._on_call)
        try:
            return run()
        finally:
            sys.settrace(earlier)

    def _on_call(self, frame: FrameType, event: str, argument: object) -> object:
        code = frame.f_code
        ours = self._ours.get(code)
        if ours is None:
            ours = self._ours[code] = code.co_filename.startswith(_PACKAGE)
        if not ours:
            return None
        self._stale[code] = calls = self._stale[code] + 1
        return None if calls > _STALE and calls % 16 else self._on_line

    def _on_line(self, frame: FrameType, event: str, argument: object) -> object:
        if event == "line":
            line = frame.f_code, frame.f_lineno
            if line not in self._lines:
                self._lines.add(line)
                self._stale[frame.f_code] = 0
        return self._on_line
