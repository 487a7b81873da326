"""Open files: a connection is one of them, and the system allows a process so many."""

import logging
import resource
from dataclasses import replace

from wstrust_sts.server.settings import CannotStart, ServerSettings

_log = logging.getLogger(__name__)


def needed_descriptors(settings: ServerSettings) -> int:
    """How many files a worker may have open at once."""
    return settings.max_connections + settings.other_descriptors


def allowed_descriptors() -> int:
    """How many this process may allow itself."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    return 2**31 if hard == resource.RLIM_INFINITY else hard


def allow_descriptors(settings: ServerSettings) -> ServerSettings:
    """Raises this process's limit as far as it must and may; the settings, with fewer connections where it may not.

    Fewer connections, because a worker without a descriptor left could not even open its database. Raises CannotStart.
    """
    needed, allowed = needed_descriptors(settings), allowed_descriptors()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < min(needed, allowed):
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(needed, allowed), hard))
    if needed <= allowed:
        return settings
    fitting = allowed - settings.other_descriptors
    if fitting < 1:
        raise CannotStart(f"a process may open {allowed} files here, and this one needs {needed}: raise the limit")
    _log.warning(
        "a process may open %d files here: %d connections for each, not the %d of maximum_connections; raise the limit "
        "to %d (systemd: LimitNOFILE)",
        allowed,
        fitting,
        settings.max_connections,
        needed,
    )
    return replace(settings, max_connections=fitting)
