"""Tokens for consumers: of a running STS, and of its code, keys and database at another time."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from html import unescape

from tests.interop.identity import Identity
from tests.messages import addressing, content_type, envelope, issue, security, timestamp, username_token
from tests.running import Prepared, call_token
from wstrust_sts import ns
from wstrust_sts.app import open_application
from wstrust_sts.bindings.http import Request
from wstrust_sts.config import load_config

TYPES = {"saml20": ns.TP11_SAML20, "saml11": ns.TP11_SAML11}
LAYOUTS = {"default": "/trust/13/usernamemixed", "adfs": "/trust/13/usernamemixed-adfs"}
ACTION = f"{ns.WST13}/RST/Issue"


@dataclass(frozen=True)
class Tokens:
    """Alice's tokens for relying parties at `urn:consumer:NAME`, as markup."""

    sts: Prepared
    alice: Identity

    def get(self, name: str = "service", kind: str = "saml20", *, layout: str = "default") -> str:
        body = _request(name, kind, datetime.now(UTC))
        return _token_of(self.sts.ask("POST", LAYOUTS[layout], body, content_type=content_type()).body)

    def get_old(self, kind: str, *, age: timedelta) -> str:
        then = datetime.now(UTC) - age
        with open_application(load_config(self.sts.config), clock=lambda: then) as application:
            headers = {"content-type": content_type()}
            body = _request("service", kind, then)
            asked = Request(method="POST", path=LAYOUTS["default"], headers=headers, body=body)
            return _token_of(application.handle(asked).body)

    def get_by_two_methods(self, kind: str) -> str:
        """For her password, with her certificate beside it."""
        password = self.alice.key.parent / "password"
        password.write_text("clarinet\n")
        proof = ("--user", "alice", "--password-file", password, "--certificate", self.alice.certificate)
        wish = ("--applies-to", "urn:consumer:service", "--token-type", TYPES[kind], "--out", "-")
        binding = ("--binding", "usernamecertificatemixed", "--key", self.alice.key)
        done = call_token(self.sts, "request", *binding, *proof, *wish, path="/trust/13/usernamecertificatemixed")
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()


def _request(name: str, kind: str, now: datetime) -> bytes:
    header = (addressing(ACTION), security(timestamp(now), username_token()))
    return envelope(issue(address=f"urn:consumer:{name}", token_type=TYPES[kind]), *header).encode()


def _token_of(answer: bytes) -> str:
    """As it was written: to parse it and write it again would be what many clients do, but not all."""
    text = answer.decode()
    found = re.search(r"<(\w+:RequestedSecurityToken)(?: [^>]*)?>(.*)</\1>", text)
    assert found, unescape(text)
    return found[2]
