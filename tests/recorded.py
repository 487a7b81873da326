"""The messages that real clients sent (tests/vectors/recorded), as requests that can be sent again."""

from dataclasses import dataclass
from dataclasses import replace as changed
from pathlib import Path

from lxml import etree

from tests.conformance.client import Client, Versions
from tests.fakes import FakeClock
from tests.harness import ENDPOINTS, RELYING_PARTY, Sts, account, allowing_digests, hashed
from tests.messages import Answer
from wstrust_sts import ns
from wstrust_sts.bindings.http import Request
from wstrust_sts.config import EndpointSection
from wstrust_sts.relying_parties import AppliesToRule, RelyingParty
from wstrust_sts.wire.times import read_time

RECORDED = Path(__file__).parent / "vectors" / "recorded"
CXF_PARTY = "https://localhost:18443/doubleit/services/harness"
WHEN_GSOAP_SENT = "2026-11-23T06:24:14Z"  # for its message without the Timestamp

WCF13 = "wcf-ws2007http-username-bearer-saml2.http"
WCF13_SOAP11 = "wcf-basichttp-soap11-username.http"
WCF05 = "wcf-wshttp-2005-username-noproofkey-saml11.http"
JAXWS = "jaxws-ri-wss4j-username.http"
GSOAP = "gsoap-username.http"
CXF11, CXF12 = "cxf/ut-soap11-bearer.request.xml", "cxf/ut-soap12-bearer.request.xml"
BEARER = (WCF13, WCF13_SOAP11, WCF05, JAXWS, GSOAP, CXF11, CXF12)
SYMMETRIC = ("wcf-symmetric-key-entropy.http", "cxf/ut-soap12-symmetric.request.xml")
PUBLIC = "cxf/ut-soap12-public.request.xml"
KEYS = (*SYMMETRIC, PUBLIC)
ADAL = ("adfs/adal-node.http", "adfs/adal-python.http", "adfs/adal4j.http")
NODE_SP_AUTH, WSTRUST_CLIENT = "adfs/node-sp-auth.http", "adfs/wstrust-client.http"
OFFICE365 = "adfs/office365.http"
ADFS = (*ADAL, NODE_SP_AUTH, WSTRUST_CLIENT, OFFICE365, "adfs/keystoneauth1.http")


@dataclass(frozen=True)
class Message:
    """One recorded request: the HTTP header fields it came with, and the octets of its body."""

    headers: dict[str, str]
    body: bytes

    @classmethod
    def read(cls, name: str) -> "Message":
        recorded = (RECORDED / name).read_bytes()
        if name.endswith(".xml"):
            soap11 = ns.SOAP11.encode() in recorded
            media_type = "text/xml; charset=UTF-8" if soap11 else "application/soap+xml; charset=UTF-8"
            return cls({"content-type": media_type}, recorded)
        head, _, body = recorded.partition(b"\n\n")
        fields = (line.split(":", 1) for line in head.decode().splitlines()[1:])
        headers = {name.lower(): value.strip() for name, value in fields}
        return cls(headers, body[: int(headers["content-length"])])

    @property
    def versions(self) -> Versions:
        return Versions(
            trust=ns.WST05 if f'"{ns.WST05}"'.encode() in self.body else ns.WST13,
            soap="1.1" if f'"{ns.SOAP11}"'.encode() in self.body else "1.2",
        )

    @property
    def path(self) -> str:
        return "/trust/2005/usernamemixed" if self.versions.trust == ns.WST05 else "/trust/13/usernamemixed"

    def replay(
        self,
        *,
        path: str | None = None,
        digests: bool = False,
        party: RelyingParty = RELYING_PARTY,
        endpoints: tuple[EndpointSection, ...] = ENDPOINTS,
    ) -> tuple[Client, Answer]:
        """At an STS that knows the recordings' account and relying party, and whose clock shows their time.

        With `digests`, the account allows PasswordDigest. `party` gets the address of CXF's recordings, too.
        """
        created = read_time(etree.fromstring(self.body).findtext(f".//{{{ns.WSU}}}Created") or WHEN_GSOAP_SENT)
        sts = Sts(
            endpoints=endpoints,
            clock=FakeClock(created),
            relying_parties=(changed(party, applies_to=(*party.applies_to, AppliesToRule(address=CXF_PARTY))),),
        )
        password = "s3cret" if b"s3cret" in self.body else "clarinet"
        if digests:
            password = "s3cret"
        alice = changed(account("alice"), password_hash=hashed(password), version=2)
        sts.stores.accounts.put(allowing_digests(alice, password) if digests else alice)
        request = Request(method="POST", path=path or self.path, headers=self.headers, body=self.body)
        return Client(sts, self.versions), sts.request(request)
