"""Clients that establish security contexts with an STS, and then prove that they have their keys."""

import base64
from dataclasses import dataclass, replace

from lxml import etree

from tests import messages
from tests.conformance.client import PATHS, Client
from tests.contexts import Context
from tests.endorsed import request_in_context
from tests.harness import CERTIFICATE_ENDPOINTS, CONVERSING_ENDPOINTS, ENDPOINTS, PUBLIC_URL, SEALED_ENDPOINTS
from tests.holders import KEYED_PARTY
from tests.messages import Answer
from tests.protected import p_sha1
from tests.sealed import SealedSts
from wstrust_sts import ns
from wstrust_sts.model import TokenType

CONTEXT_PARTY = replace(KEYED_PARTY, token_types=tuple(TokenType))
SHARED_PARTY = replace(CONTEXT_PARTY, validators=frozenset({"bob"}))  # bob learns the keys
WSC = {ns.WST13: ns.WSC13, ns.WST05: ns.WSC05}
OWN = f"{PUBLIC_URL}/trust/13/usernamemixed"


def conversing_sts(*parties, **how) -> SealedSts:
    endpoints = (*ENDPOINTS, *CONVERSING_ENDPOINTS, *CERTIFICATE_ENDPOINTS, *SEALED_ENDPOINTS)
    return SealedSts(endpoints=endpoints, relying_parties=parties or (CONTEXT_PARTY,), **how)


def entropy(octets: bytes) -> str:
    return f"<t:Entropy><t:BinarySecret>{base64.b64encode(octets).decode()}</t:BinarySecret></t:Entropy>"


@dataclass(frozen=True)
class Talker:
    """A client of one pair of versions, which asks with alice's password or with a context's key."""

    client: Client

    @property
    def trust(self) -> str:
        return self.client.trust

    @property
    def sts(self) -> SealedSts:
        return self.client.sts

    @property
    def type(self) -> str:
        return f"{WSC[self.trust]}/sct"

    def ask_for_context(self, *more: str, address: str = messages.RP, token_type: str | None = None, **how) -> Answer:
        return self.client.issue(*more, address=address, token_type=token_type or self.type, **how)

    def establish(self, *more: str, **how) -> Context:
        answer = self.ask_for_context(*more, **how)
        assert answer.status == 200, answer.body
        return self.context_in(answer)

    def context_in(self, answer: Answer, own: bytes = b"") -> Context:
        """What the client knows after an answer; `own` is the entropy that it sent."""
        (token,) = answer.root.iter("{*}SecurityContextToken")
        namespace = etree.QName(token).namespace
        (secret,) = answer.root.iter(f"{{{self.trust}}}BinarySecret")
        octets = base64.b64decode(secret.text)
        return Context(
            identifier=token.findtext(f"{{{namespace}}}Identifier"),
            instance=token.findtext(f"{{{namespace}}}Instance"),
            secret=p_sha1(own, octets, 32) if own else octets,
            namespace=namespace,
        )

    def prove(self, context: Context, body: str, *, action: str | None = None, **how) -> Answer:
        """Sends `body` over TLS, endorsed with the context's key."""
        path = PATHS[self.trust].replace("usernamemixed", "secureconversationmixed")
        if action is not None:
            how["action"] = f"{self.trust}/RST/{action}"
        else:
            how["address"] = None
        message = request_in_context(
            context, trust=self.trust, soap=self.client.soap, body=body, now=self.sts.clock.now, **how
        )
        return self.sts.post(message, path=path, soap=self.client.soap)

    def renew(self, context: Context, *more: str, target: str | None = None, **how) -> Answer:
        body = messages.renew(target or context.token(identifier="named"), *more, trust=self.trust)
        return self.prove(context, body, action="SCT/Renew", **how)

    def cancel(self, context: Context, *, target: str | None = None, **how) -> Answer:
        return self.prove(
            context, messages.cancel(target or context.token(identifier="named"), trust=self.trust), **how
        )

    def status(self, context: Context, *, target: str | None = None, **how) -> str | None:
        """The status of a context as alice, or whoever else asks, learns it with a password."""
        return self.client.validate(target or context.token(identifier="named"), **how).status_code

    def works(self, context: Context) -> bool:
        """Whether a message that the context protects is read: its own status may be for others to ask."""
        body = messages.validate(context.token(identifier="named"), trust=self.trust)
        return self.prove(context, body, action="Validate").code in (None, "RequestFailed")
