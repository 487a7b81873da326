#!/usr/bin/env python3
"""Makes a development PKI: a CA certificate, and a TLS server certificate with its key. Never for production."""

import argparse
import sys
from datetime import UTC, datetime
from pathlib import Path

from wstrust_sts.devpki import LOOPBACK, make_development_pki

WARNING = """\
!! FOR DEVELOPMENT ONLY. The key is not encrypted; do not use these files on a server that others rely on,
!! and never commit them. In production, use certificates of an authority that your clients already trust.
"""


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("directory", type=Path, help="where ca.pem, server.pem and server.key are written")
    parser.add_argument(
        "--name",
        action="append",
        default=[],
        metavar="HOST",
        help=f"a further DNS name or IP address of the server, beside {', '.join(LOOPBACK)}; may be repeated",
    )
    parser.add_argument("--force", action="store_true", help="replace files that exist")
    options = parser.parse_args(arguments)
    try:
        pki = make_development_pki(
            options.directory, hostnames=options.name, now=datetime.now(UTC), force=options.force
        )
    except (ValueError, OSError) as refusal:
        sys.stderr.write(f"make_pki: {refusal}\n")
        return 1
    sys.stderr.write(WARNING)
    for path in pki.files:
        sys.stdout.write(f"{path}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
