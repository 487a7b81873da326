"""A stand-in for the cloud that a federated domain belongs to: it knows its users by ImmutableID, and trusts one STS.

It speaks what MSAL asks for: discovery, the realm of a user, and tokens for SAML assertions (RFC 7522 and its sibling
for SAML 1.1). Assertions are verified by signxml, with the certificates of the STS's federation metadata.
"""

import base64
import binascii
import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests
from lxml import etree
from requests.adapters import HTTPAdapter
from signxml import InvalidInput, InvalidSignature, XMLVerifier

from wstrust_sts import ns
from wstrust_sts.wire.times import read_time

HOST = "cloud.example.test"
TENANT = f"https://{HOST}/organizations"
SAML11_GRANT = "urn:ietf:params:oauth:grant-type:saml1_1-bearer"
SAML20_GRANT = "urn:ietf:params:oauth:grant-type:saml2-bearer"
IMMUTABLE_ID = "http://schemas.microsoft.com/LiveID/Federation/2008/05/ImmutableID"
_ASSERTIONS = {SAML11_GRANT: (ns.SAML11, "AssertionID"), SAML20_GRANT: (ns.SAML20, "ID")}


class Refused(Exception):
    """The assertion is not good; the text is for whoever runs the tests."""


@dataclass
class Cloud:
    """`users` by ImmutableID; `audience` is what the cloud calls itself. `seen` are the users it gave tokens to."""

    mex_url: str
    issuer: str
    certificates: list[str]
    users: dict[str, str]
    audience: str = "urn:federation:MicrosoftOnline"
    port: int = 0
    seen: list[dict[str, Any]] = field(default_factory=list)

    def discover(self) -> dict[str, Any]:
        return {
            "issuer": f"{TENANT}/v2.0",
            "authorization_endpoint": f"{TENANT}/oauth2/v2.0/authorize",
            "token_endpoint": f"{TENANT}/oauth2/v2.0/token",
        }

    def realm_of(self, user: str) -> dict[str, Any]:
        return {
            "ver": "1.0",
            "account_type": "Federated",
            "domain_name": user.partition("@")[2],
            "federation_protocol": "WSTrust",
            "federation_metadata_url": self.mex_url,
            "federation_active_auth_url": f"{self.mex_url.removesuffix('/mex')}/2005/usernamemixed",
            "cloud_instance_name": HOST,
            "cloud_audience_urn": self.audience,
        }

    def redeem(self, form: dict[str, str]) -> dict[str, Any]:
        """An access token for an assertion. Raises Refused."""
        if form.get("grant_type") not in _ASSERTIONS:
            raise Refused(f"grant type {form.get('grant_type')}")
        namespace, identifier = _ASSERTIONS[form["grant_type"]]
        try:
            octets = base64.urlsafe_b64decode(form["assertion"] + "==")
        except (KeyError, binascii.Error):
            raise Refused("no assertion") from None
        assertion = self.verify(octets, identifier)
        if assertion.tag != f"{{{namespace}}}Assertion":
            raise Refused("not an assertion")
        told = attributes_of(assertion)
        user = self.users.get(told.get(IMMUTABLE_ID, [""])[0])
        if user is None or told.get("http://schemas.xmlsoap.org/claims/UPN") != [user]:
            raise Refused("nobody here")
        self.seen.append({"user": user, "grant": form["grant_type"], "told": told})
        return {
            "token_type": "Bearer",
            "access_token": f"for {user}",
            "expires_in": 3600,
            "scope": "user.read",
            "client_info": _encode({"uid": user, "utid": "organizations"}),  # MSAL for .NET keeps tokens by it
        }

    def verify(self, octets: bytes, identifier: str) -> Any:
        """The assertion that the STS signed, for this cloud and now. Raises Refused."""
        for certificate in self.certificates:
            try:
                verified = XMLVerifier().verify(octets, x509_cert=certificate, id_attribute=identifier).signed_xml
            except (InvalidSignature, InvalidInput, etree.XMLSyntaxError):
                continue
            self._check(verified)
            return verified
        raise Refused("no signature by a key of the STS")

    def _check(self, assertion: Any) -> None:
        issuer = assertion.get("Issuer") or assertion.findtext("{*}Issuer")
        audiences = [element.text for element in assertion.iter("{*}Audience")]
        (conditions,) = assertion.iter("{*}Conditions")
        begins, ends = (read_time(conditions.get(name)) for name in ("NotBefore", "NotOnOrAfter"))
        if issuer != self.issuer or audiences != [self.audience] or not begins <= datetime.now(UTC) < ends:
            raise Refused(f"issuer {issuer}, audiences {audiences}, {begins} to {ends}")


def _encode(document: dict[str, str]) -> str:
    return base64.urlsafe_b64encode(json.dumps(document).encode()).decode().rstrip("=")


def attributes_of(assertion: Any) -> dict[str, list[str]]:
    found = {}
    for attribute in assertion.iter("{*}Attribute"):
        namespace, name = attribute.get("AttributeNamespace"), attribute.get("AttributeName")
        found[attribute.get("Name") or f"{namespace}/{name}"] = [value.text for value in attribute]
    return found


@contextmanager
def serving(cloud: Cloud, *, certificate: Path, key: Path) -> Iterator[Cloud]:
    """The cloud on a free port of loopback, by TLS."""

    class Handler(Answering):
        def do_GET(self) -> None:
            path = urlsplit(self.path).path
            if path.endswith("/.well-known/openid-configuration"):
                self._answer(200, cloud.discover())
            elif path.lower().startswith("/common/userrealm/"):
                self._answer(200, cloud.realm_of(path.rsplit("/", 1)[1]))
            else:
                self._answer(404, {})

        def do_POST(self) -> None:
            form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
            try:
                self._answer(200, cloud.redeem({name: values[0] for name, values in form.items()}))
            except Refused as refusal:
                self._answer(400, {"error": "invalid_grant", "error_description": str(refusal)})

        def _answer(self, status: int, document: dict[str, Any]) -> None:
            self.answer(status, json.dumps(document).encode(), ("Content-Type", "application/json"))

    with listening(Handler, certificate=certificate, key=key) as port:
        cloud.port = port
        yield cloud


class Answering(BaseHTTPRequestHandler):
    """Answers whole, and logs nothing."""

    def answer(self, status: int, body: bytes = b"", *headers: tuple[str, str]) -> None:
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        pass


@contextmanager
def listening(handler: type[BaseHTTPRequestHandler], *, certificate: Path, key: Path) -> Iterator[int]:
    """A server on a free port of loopback, by TLS; the port."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, key)
    server.socket = tls.wrap_socket(server.socket, server_side=True)
    running = threading.Thread(target=server.serve_forever)
    running.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        running.join()


class _ToTheStandIn(HTTPAdapter):
    """Requests for the cloud's name go to loopback."""

    def __init__(self, port: int) -> None:
        super().__init__()
        self._port = port

    def send(self, request: Any, **how: Any) -> Any:
        request.url = request.url.replace(f"https://{HOST}/", f"https://localhost:{self._port}/", 1)
        return super().send(request, **how)


def client_of(cloud: Cloud, *, ca: Path) -> requests.Session:
    """An HTTP client that finds the cloud by its name, and trusts `ca` alone."""
    session = requests.Session()
    session.verify = str(ca)
    session.trust_env = False
    session.mount(f"https://{HOST}/", _ToTheStandIn(cloud.port))
    return session
