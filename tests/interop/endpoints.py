"""The endpoints that the client suites talk to, beside what an STS has without being told."""

from dataclasses import replace

from tests.running import Prepared

VERSIONS = {"13": "1.3", "2005": "2005"}
# The path's end, the policy, and what the operator sets for it.
PROTECTED = (
    ("username", "username", ""),
    ("username-confirmed", "username", "signature_confirmation = true"),
    ("certificate", "certificate", ""),
    ("certificate-sha1", "certificate", 'algorithms = "basic256sha256"'),
    ("certificate-confirmed", "certificate", 'algorithms = "basic256sha256"\nsignature_confirmation = true'),
    ("certificatesigned", "certificatesigned", ""),
)


def enable(prepared: Prepared) -> None:
    """Every endpoint in both versions."""
    tables = [
        f'[[endpoint]]\npath = "/trust/{path}/{name}"\ntrust = "{trust}"\npolicy = "{policy}"\n{settings}\n'
        for path, trust in VERSIONS.items()
        for name, policy, settings in (("usernamemixed", "usernamemixed", ""), *PROTECTED)
    ]
    with prepared.config.open("a") as config:
        config.write("\n" + "\n".join(tables))


def without_tls(prepared: Prepared) -> Prepared:
    """The same STS, configured to serve nothing but messages that protect themselves, over plain HTTP."""
    lines = prepared.config.read_text().replace("https://", "http://").splitlines()
    kept = [line for line in lines if not line.startswith(("certificate = ", "private_key = "))]
    kept.insert(kept.index("[server]") + 1, "plain_http = true")
    tables = [
        f'[[endpoint]]\npath = "/trust/13/{name}"\ntrust = "1.3"\npolicy = "{name}"\nwithout_tls = true\n'
        for name in ("username", "certificate")
    ]
    prepared.config.write_text("\n".join([*kept, "", *tables]))
    return replace(prepared, scheme="http")
