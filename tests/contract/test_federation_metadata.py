"""The metadata over every database: what an answer costs there, and how soon other nodes follow."""

import threading

import pytest
from sqlalchemy import event

from tests.fakes import NOON
from tests.verifiers import xmlsec_verify
from wstrust_sts.bindings.federation_metadata import FederationMetadata
from wstrust_sts.bindings.http import Request
from wstrust_sts.keyring import StoredKeyring
from wstrust_sts.keys import make_signing_key
from wstrust_sts.model import Endpoint, TokenType, TrustVersion
from wstrust_sts.records import KeyState

GET = Request(method="GET", path="/")


def face(node) -> FederationMetadata:
    return FederationMetadata(
        [Endpoint(path="/trust", version=TrustVersion.V13)],
        public_url="https://sts.example.test",
        token_types=[TokenType.SAML20],
        realms=node.stores.realms,
        keyring=StoredKeyring(node.stores.signing_keys, node.box),
        clock=lambda: NOON,
    )


def add_key(node, state: KeyState):
    key = make_signing_key("default", algorithm="ec-p256", name="sts", now=NOON, box=node.box, state=state)
    node.stores.administration.add_signing_key(key)
    return key


@pytest.fixture
def statements(node) -> list[str]:
    """What is asked of the database by those who read, and by those who write."""
    asked: list[str] = []
    for engine in {node.database.readers, node.database.writers}:
        event.listen(engine, "before_cursor_execute", lambda *call: asked.append(call[2]))
    return asked


def test_an_answer_costs_no_statement_but_that_for_the_generation(node, statements) -> None:
    add_key(node, KeyState.ACTIVE)
    served = face(node)
    first = served.handle(GET)
    statements.clear()
    for _ in range(50):
        assert served.handle(GET).body == first.body
    asked = len(statements)
    threading.Event().wait(0.06)
    statements.clear()
    assert served.handle(GET).body == first.body
    assert len(statements) == 1
    assert "generation" in statements[0]
    assert asked <= 1 + 50 // 10, "the number is kept for a moment"


def test_another_node_publishes_the_next_key_and_signs_with_it_within_a_moment(node, second_node) -> None:
    first = add_key(node, KeyState.ACTIVE)
    served = face(second_node)
    xmlsec_verify(served.handle(GET).body, first.certificate)
    following = add_key(node, KeyState.NEXT)
    threading.Event().wait(0.06)
    told = served.handle(GET)
    assert told.body.count(b"<KeyDescriptor") == 2
    xmlsec_verify(told.body, first.certificate)
    node.stores.administration.promote_key("default", following.id)
    threading.Event().wait(0.06)
    xmlsec_verify(served.handle(GET).body, following.certificate)
