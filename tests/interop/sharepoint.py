"""A stand-in for SharePoint: at an organisation of its own, and in the cloud of a federated domain.

It speaks what its clients ask for: the sign-in of WS-Federation at `/_trust/`, and in the cloud the realm of a user, a
ticket for the STS's assertion (`extSTS.srf`), and the cookies that a ticket gets.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit
from xml.sax.saxutils import escape

from lxml import etree

from tests.interop.cloud import Answering, Cloud, Refused, attributes_of, listening
from wstrust_sts import ns

TICKET = "t=a ticket&p="
_SOAP12 = (
    f'<S:Envelope xmlns:S="{ns.SOAP12}" xmlns:wsu="{ns.WSU}" xmlns:wst="{ns.WST05}"><S:Body>%s</S:Body></S:Envelope>'
)
_TICKET = (
    "<wst:RequestSecurityTokenResponse><wst:TokenType>urn:passport:compact</wst:TokenType><wst:Lifetime>"
    "<wsu:Created>2026-01-01T00:00:00Z</wsu:Created><wsu:Expires>2126-01-01T00:00:00Z</wsu:Expires></wst:Lifetime>"
    f'<wst:RequestedSecurityToken><wsse:BinarySecurityToken xmlns:wsse="{ns.WSSE}" Id="Compact0">{escape(TICKET)}'
    "</wsse:BinarySecurityToken></wst:RequestedSecurityToken></wst:RequestSecurityTokenResponse>"
)
_REALM = "<RealmInfo><NameSpaceType>Federated</NameSpaceType><STSAuthURL>%s</STSAuthURL></RealmInfo>"


class SharePoint:
    """`cloud` says which STS it trusts and what it calls itself, and `seen` are the claims of those who signed in."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self.seen: list[dict[str, list[str]]] = []
        self.port = 0

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}"

    def realm(self, form: dict[str, str]) -> bytes:
        address = self._cloud.realm_of(form["login"])["federation_active_auth_url"]
        return (_REALM % escape(address)).encode()

    def sign_in(self, form: dict[str, str]) -> None:
        """WS-Federation's wsignin1.0. Raises Refused."""
        self._admit(etree.fromstring(form["wresult"].encode()))

    def ticket(self, request: bytes) -> bytes:
        """For the assertion in a Security header. Raises Refused."""
        self._admit(etree.fromstring(request))
        return (_SOAP12 % _TICKET).encode()

    def _admit(self, document: etree._Element) -> None:
        (assertion,) = document.iter(f"{{{ns.SAML11}}}Assertion")
        self.seen.append(attributes_of(self._cloud.verify(etree.tostring(assertion), "AssertionID")))


@contextmanager
def serving(sharepoint: SharePoint, *, certificate: Path, key: Path) -> Iterator[SharePoint]:
    """On a free port of loopback, by TLS."""

    class Handler(Answering):
        def do_GET(self) -> None:
            if self.headers["Authorization"] == f"BPOSIDCRL {TICKET}":
                self.answer(200, b"", ("Set-Cookie", "SPOIDCRL=a cookie"))
            else:
                self.answer(401)

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            form = {name: values[0] for name, values in parse_qs(body.decode()).items()}
            try:
                match urlsplit(self.path).path:
                    case "/GetUserRealm.srf":
                        self.answer(200, sharepoint.realm(form))
                    case "/extSTS.srf":
                        self.answer(200, sharepoint.ticket(body))
                    case "/_trust/":
                        sharepoint.sign_in(form)
                        self.answer(302, b"", ("Set-Cookie", "FedAuth=a-cookie; path=/; secure; HttpOnly"))
                    case _:
                        self.answer(404)
            except Refused as refusal:
                self.answer(403, str(refusal).encode())

    with listening(Handler, certificate=certificate, key=key) as port:
        sharepoint.port = port
        yield sharepoint
