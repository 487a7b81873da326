"""Files: who may read and change them, and whether there is room."""

import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

from wstrust_sts.cli.checks.findings import Finding, fault, warning
from wstrust_sts.config import Config

_ROOM = 256 * 1024 * 1024  # octets; below that a busy register fills a disk within a day
_OTHERS_MAY_ANYTHING = 0o077


def check_files(config: Config, database: Path | None) -> Iterator[Finding]:
    """`database` is the file of a SQLite database. What does not exist is told where it is read."""
    section = config.server
    yield from unchangeable(config.file)
    if section.certificate is not None:
        yield from unchangeable(section.certificate)
    if section.private_key is not None:
        yield from private(section.private_key)
    if config.secrets.key_encryption_key_file is not None:
        yield from private(config.secrets.key_encryption_key_file)
    if database is not None:
        yield from _sqlite(database)


def private(path: Path) -> Iterator[Finding]:
    """A file that nobody but its owner should read."""
    mode = _mode(path)
    if mode is None:
        return
    if mode & _OTHERS_MAY_ANYTHING:
        yield fault(path, f"can be read by others (mode {mode & 0o777:04o})", f"chmod 600 {path}")
    yield from _replaceable(path)


def unchangeable(path: Path) -> Iterator[Finding]:
    """A file that everybody may read, and nobody but its owner change."""
    yield from _writable(path, path, "changed")
    yield from _replaceable(path)


def _replaceable(path: Path) -> Iterator[Finding]:
    """Who may write to a folder may put another file in this one's place."""
    mode = _mode(path.parent)
    if mode is not None and not mode & stat.S_ISVTX:
        yield from _writable(path, path.parent, "replaced")


def _writable(path: Path, place: Path, done: str) -> Iterator[Finding]:
    """A group may be its one member's own, as is common on Linux: a warning."""
    mode = _mode(place)
    if mode is None:
        return
    what = f"mode {mode & 0o777:04o} of {place}"
    if mode & stat.S_IWOTH:
        yield fault(path, f"can be {done} by everybody ({what})", f"chmod go-w {place}")
    elif mode & stat.S_IWGRP:
        yield warning(path, f"can be {done} by a group ({what})", f"chmod g-w {place}, if others are in that group")


def _sqlite(path: Path) -> Iterator[Finding]:
    """The database holds password hashes and personal data; its journal files are as secret as it is."""
    for file in (path, *(path.with_name(path.name + suffix) for suffix in ("-wal", "-shm"))):
        yield from private(file)
        if file.exists() and not os.access(file, os.R_OK | os.W_OK):
            yield fault(file, "cannot be read and written by this user", "run as the server's user, or chown it")
    if not path.exists():
        return
    if not os.access(path.parent, os.W_OK):
        yield fault(path.parent, "cannot be written by this user, and SQLite keeps its journal there", "chown it")
    free = shutil.disk_usage(path.parent).free
    if free < _ROOM:
        yield warning(path.parent, f"has {free // 2**20} MiB left", "make room: without it nothing is issued")


def _mode(path: Path) -> int | None:
    try:
        return path.stat().st_mode
    except OSError:
        return None
