"""What the system allows a process, held against what the server needs."""

from collections.abc import Iterator

from wstrust_sts.cli.checks.findings import Finding, warning
from wstrust_sts.config import Config


def check_limits(config: Config, *, allowed: int, needed: int) -> Iterator[Finding]:
    """`allowed` files may be open at once in a process of this user, and a worker has up to `needed`."""
    if needed > allowed:
        yield warning(
            f"{config.file}: server.maximum_connections",
            f"a process may open {allowed} files here, and each of the server's needs {needed}: it will take fewer "
            "connections",
            f"raise the limit to {needed} (systemd: LimitNOFILE; else ulimit -Hn), or lower maximum_connections",
        )
