"""Requests that are signed, most of them hidden, too. A signed message counts once: each is new, written before."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from benchmarks.conversation import CONVERSING, establish
from benchmarks.conversation import write as write_in_context
from tests import endorsed, messages
from tests.contexts import Context
from tests.interop.identity import Identity, make_identity, message_certificate
from tests.protected import GOOD, Draft, Form, Party, draft, protect
from tests.running import Prepared
from wstrust_sts import ns

POLICIES = ("username", "certificate", "certificatemixed", *CONVERSING)


def path_of(policy: str) -> str:
    return f"/trust/13/{policy}"


@dataclass(frozen=True, slots=True)
class Requestor:
    """Who asks: a key and its certificate; and for whom the messages are encrypted."""

    own: Party
    recipient: Party
    context: Context  # of the STS's

    def write(self, policy: str, count: int, *, now: datetime) -> Sequence[bytes]:
        """So many requests for a SAML 2.0 bearer token, as stock clients write them: `certificate` with RSA-SHA1."""
        if policy == "certificatemixed":
            own = endorsed.Party(self.own.key, self.own.der)
            return [endorsed.request(own, now=now).encode() for _ in range(count)]
        if policy in CONVERSING:
            return [write_in_context(policy, self.context, now=now) for _ in range(count)]
        form = Form(method=ns.RSA_SHA1) if policy == "certificate" else GOOD

        def sign(request: Draft) -> object:
            return request.sign(form=form)

        parties = {"signer": self.own, "recipient": self.recipient}
        return [protect(draft(policy, messages.issue(), now=now, **parties), sign=sign) for _ in range(count)]


def known_requestor(prepared: Prepared, directory: Path) -> Requestor:
    """Enables the endpoints of a prepared STS; the requestor's certificate, `directory`/own.pem, is alice's there."""
    rows = [("/trust/13/usernamemixed", "1.3", "usernamemixed"), ("/trust/2005/usernamemixed", "2005", "usernamemixed")]
    rows += [(path_of(policy), "1.3", policy) for policy in POLICIES]
    with prepared.config.open("a") as config:
        for path, trust, policy in rows:
            config.write(f'\n[[endpoint]]\npath = "{path}"\ntrust = "{trust}"\npolicy = "{policy}"\n')
            config.write('algorithms = "basic256sha256"\n')
    directory.mkdir()
    identity = make_identity("alice", directory)
    identity.map_to("alice", prepared)
    certificate = message_certificate(prepared, directory / "sts.pem").read_bytes()
    recipient = recipient_of(x509.load_pem_x509_certificate(certificate))
    return Requestor(_party(identity), recipient, establish(prepared))


def _party(identity: Identity) -> Party:
    key = load_pem_private_key(identity.key.read_bytes(), None)
    return Party(key, x509.load_pem_x509_certificate(identity.certificate.read_bytes()))


def recipient_of(certificate: x509.Certificate) -> Party:
    """Somebody whose private key is not at hand."""
    return Party(None, certificate)
