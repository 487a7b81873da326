"""Apache CXF's STSClient as the tests use it: how it knows the STS, and what it is told to do."""

from dataclasses import dataclass, replace
from pathlib import Path

from tests.interop.identity import PASSWORD, Identity
from tests.interop.jvm import TRUSTS, Probe, Trust, words
from tests.messages import RP
from wstrust_sts import ns

POLICIES = Path(__file__).parents[2] / "policies"
RSA_SHA256 = {"ws-security.asymmetric.signature.algorithm": ns.RSA_SHA256}


@dataclass(frozen=True)
class Way:
    """How a client knows an endpoint: from the WSDL, or from a location and a policy alone."""

    trust: Trust
    soap: str
    by_wsdl: bool

    def options(self, sts) -> dict[str, str]:
        location = sts.url + self.trust.path
        if not self.by_wsdl:
            return {"location": location, "policy": str(POLICIES / self.trust.policy), "soap": self.soap}
        port = f"STS_Soap{self.soap.replace('.', '')}_Port"
        return {"wsdl": f"{location}?wsdl", "targetNamespace": self.trust.target_namespace, "port": port}


def to_endpoint(way: Way, endpoint: str) -> Way:
    """`way`, to another endpoint of the same version."""
    version = way.trust.path.split("/")[2]
    suffix = "" if version == "13" else f"-{version}"
    policy = f"{endpoint.partition('-')[0]}{suffix}.xml"
    return replace(way, trust=replace(way.trust, path=f"/trust/{version}/{endpoint}", policy=policy))


class Client:
    """One STSClient, with the tokens it got."""

    def __init__(self, probe: Probe, sts, way: Way, *, name: str, password: str = "clarinet", **more: str):
        self.probe = probe
        self.name = name
        options = way.options(sts) | {"trust": way.trust.namespace, "user": "alice", "password": password} | more
        probe.client(name, options)

    def tell(self, **options: str) -> None:
        """What it asks for from now on: tokenType, keyType, keySize, requiresEntropy, useCertificate (in UseKey)."""
        self.probe.ask("tell", self.name, *words(options))

    def issue(self, address: str = RP) -> list[str]:
        """[ID, token type, seconds left, markup]"""
        return self.probe.ask("issue", self.name, "token", address)

    def act_as(self, token: str) -> None:
        """From now on; a token by its name, or markup."""
        self.probe.ask("actAs", self.name, token)

    def on_behalf_of(self, token: str) -> None:
        self.probe.ask("onBehalfOf", self.name, token)

    def validate(self, token: str = "token") -> list[str]:
        return self.probe.ask("validate", self.name, token)

    def transform(self) -> list[str]:
        """Validate by a client that has a token type of its own: [how many tokens, ID, markup]"""
        return self.probe.ask("transform", self.name, "token", "made")

    def renew(self, token: str = "token") -> list[str]:
        """[ID, markup]"""
        return self.probe.ask("renew", self.name, token, "renewed")

    def cancel(self, token: str = "token") -> str:
        (cancelled,) = self.probe.ask("cancel", self.name, token)
        return cancelled


def secrets_of(identity: Identity, store: Path) -> dict[str, str]:
    """Options: a store to sign with and to encrypt with. What is received is decrypted with the same key."""
    return {"keys": str(store), "keysPassword": PASSWORD, "encryptFor": "sts", "signAs": "own"}


WAYS = {
    f"{version}-soap{soap}-{'wsdl' if by_wsdl else 'policy'}": Way(trust, soap, by_wsdl)
    for version, trust in TRUSTS.items()
    for soap in ("1.1", "1.2")
    for by_wsdl in (True, False)
}
