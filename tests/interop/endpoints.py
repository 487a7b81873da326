"""The endpoints that the client suites talk to, beside what an STS has without being told."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from tests.running import Prepared

VERSIONS = {"13": "1.3", "2005": "2005"}
# The path's end, the policy, and what the operator sets for it.
PROTECTED = (
    ("usernamemixed-adfs", "usernamemixed", 'layout = "adfs"'),
    ("username", "username", ""),
    ("username-confirmed", "username", "signature_confirmation = true"),
    ("username-basic256", "username", 'algorithms = "basic256-sha1"'),
    ("certificate", "certificate", ""),
    ("certificate-sha1", "certificate", 'algorithms = "basic256sha256"'),
    ("certificate-basic256", "certificate", 'algorithms = "basic256-sha1"'),
    ("certificate-confirmed", "certificate", 'algorithms = "basic256sha256"\nsignature_confirmation = true'),
    ("certificatesigned", "certificatesigned", ""),
    ("certificatesigned-zeep", "certificatesigned", 'tolerances = ["unsigned-addressing"]'),
    ("certificatemixed", "certificatemixed", ""),
    ("certificatemixed-sha1", "certificatemixed", 'algorithms = "basic256sha256"'),
    ("certificatetransport", "certificatetransport", ""),
    ("usernamecertificatemixed", "usernamecertificatemixed", ""),
    ("issuedtokenmixedsymmetricbasic256", "issuedtokenmixedsymmetricbasic256", ""),
    ("issuedtokenmixedasymmetricbasic256", "issuedtokenmixedasymmetricbasic256", ""),
    ("usernameissuedtokenmixed", "usernameissuedtokenmixed", ""),
    ("secureconversationmixed", "secureconversationmixed", ""),
    ("secureconversation", "secureconversation", ""),
    ("secureconversation-sha1", "secureconversation", 'algorithms = "basic256sha256"'),
)


def enable(prepared: Prepared, *, client_certificates: Iterable[Path]) -> None:
    """Every endpoint in both versions, and TLS for clients with one of these certificates (PEM), or with none."""
    authorities = prepared.directory / "client-authorities.pem"
    authorities.write_bytes(b"".join(file.read_bytes() for file in client_certificates))
    text = prepared.config.read_text()
    prepared.config.write_text(text.replace("[server]\n", f'[server]\nclient_authorities = "{authorities.name}"\n', 1))
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
