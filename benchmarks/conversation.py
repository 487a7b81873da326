"""Requests under a security context, which is established once, before anything is measured."""

import base64
from datetime import UTC, datetime

from lxml import etree

from benchmarks.requests import PATH, envelope, quieten_log, request
from tests import messages
from tests.contexts import Context
from tests.endorsed import request_in_context
from tests.protected import draft, protect
from tests.running import Prepared
from wstrust_sts import ns
from wstrust_sts.app import open_application
from wstrust_sts.bindings.http import settled
from wstrust_sts.config import load_config

CONVERSING = ("secureconversationmixed", "secureconversation")  # policies


def establish(prepared: Prepared) -> Context:
    """A context of alice's with the STS itself, good at every endpoint."""
    asked = messages.rst("Issue", f"<t:TokenType>{ns.SCT13_TOKEN_TYPE}</t:TokenType>")
    quieten_log()
    with open_application(load_config(prepared.config)) as application:
        answer = settled(application.handle(request(envelope(asked, now=datetime.now(UTC)), PATH)))
    root = etree.fromstring(answer.body)
    (identifier,) = root.iter(f"{{{ns.WSC13}}}Identifier")
    (secret,) = root.iter(f"{{{ns.WST13}}}BinarySecret")
    return Context(identifier=identifier.text, secret=base64.b64decode(secret.text))


def write(policy: str, context: Context, *, now: datetime) -> bytes:
    """A request for a SAML 2.0 bearer token, protected as stock clients do it: by derived keys where it is hidden."""
    if policy == "secureconversationmixed":
        return request_in_context(context, derives=None, now=now).encode()
    return protect(draft(policy, messages.issue(), now=now, context=context))
