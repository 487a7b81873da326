"""Services on Apache CXF that want tokens of the STS: the documents that say so, and how a test talks to them."""

from dataclasses import dataclass
from pathlib import Path

from tests.interop.jvm import JAVA, TRUSTS, Probe, words
from tests.running import Prepared


@dataclass(frozen=True)
class Wanted:
    """What a service wants, in the words of WS-SecurityPolicy; java/cxf/policies.

    `endpoint` is where its client is to get the token; `supporting` counts where the token is no more than that.
    """

    endpoint: str
    token_type: str
    version: str = "13"
    key_type: str = "Bearer"
    policy: str = "transport"
    supporting: str = "SignedSupportingTokens"
    derived: bool = False
    suite: str = "Basic256Sha256"

    @property
    def trust(self) -> str:
        return TRUSTS[self.version].namespace

    def write(self, file: Path, *, sts: Prepared, service: str) -> str:
        """The WSDL of the service at an address, into a file: its URL."""
        policy = _document(f"policies/{self.policy}.xml").replace(
            "ISSUED_TOKEN", _document("policies/issued-token.xml")
        )
        text = _document("greeting.wsdl").replace("POLICY", policy)
        values = {
            "SERVICE": service,
            "ISSUER": f"{sts.url}/trust/{self.version}/{self.endpoint}",
            "TRUST": self.trust,
            "TOKEN_TYPE": self.token_type,
            "KEY_TYPE": f"{self.trust}/{self.key_type}",
            "KEYS": "<sp:RequireDerivedKeys/>" if self.derived else "",
            "SUPPORTING": f"sp:{self.supporting}",
            "SUITE": self.suite,
        }
        for name, value in values.items():
            text = text.replace(name, value)
        file.write_text(text)
        return file.as_uri()


def _document(name: str) -> str:
    """Without the XML declaration and the comment about it."""
    _, _, text = (JAVA / "cxf" / name).read_text().partition("-->\n")
    return text


def publish(cxf: Probe, address: str, **options: str) -> None:
    """Serves `wsdl` at the address."""
    cxf.ask("publish", address, *words(options))


def greet(cxf: Probe, requestor: str, service: str, **options: str) -> str:
    """The answer of the service to a client of the STS, with the `token` of that name or one that it gets by itself."""
    options = {"wsdl": f"{service}?wsdl"} | options
    (greeting,) = cxf.ask("greet", requestor, *words(options))
    return greeting
