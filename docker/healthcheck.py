"""Whether the server in this container answers: exit status 0 or 1. Asks /healthz on the port of sts.toml."""

import ssl
import sys
import tomllib
import urllib.request
from pathlib import Path

CONFIG = Path("/var/lib/wstrust-sts/sts.toml")


def main() -> int:
    server = tomllib.loads(CONFIG.read_text())["server"]
    scheme = "http" if server.get("plain_http") else "https"
    port = server.get("listen", "127.0.0.1:8443").rpartition(":")[2]
    # The certificate is made for the name that clients use, and this asks a process in the same container.
    tls = ssl.create_default_context()
    tls.check_hostname = False
    tls.verify_mode = ssl.CERT_NONE
    try:
        with urllib.request.urlopen(f"{scheme}://127.0.0.1:{port}/healthz", timeout=2, context=tls) as answer:  # noqa: S310
            return 0 if answer.status == 200 else 1
    except OSError as failure:
        sys.stderr.write(f"{failure}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main())
