"""Rows 13 and 21 of the wire contract where the actor proves a key, and binds the token about its subject to it."""

import pytest
from lxml import etree

from tests import messages
from tests.cases import dashed
from tests.delegated import KEYED, PARTIES, delegates_of, rule, subject_of
from tests.harness import ISSUED_TOKEN_ENDPOINTS
from tests.issued import ASYMMETRIC, TokenSts, holder_for, request
from wstrust_sts import ns


@pytest.fixture
def sts() -> TokenSts:
    return TokenSts(relying_parties=PARTIES, delegation_rules=(rule(relying_parties=frozenset({"back", "keyed"})),))


@pytest.mark.parametrize("row", ISSUED_TOKEN_ENDPOINTS, ids=dashed)
def test_row_13_an_actor_that_proves_itself_by_a_token_gets_one_about_its_subject(sts, row):
    trust = row.trust.namespace
    shown = sts.issue().assertion.decode()
    asked = messages.issue(messages.act_as(shown), address="https://back.example.test/svc", trust=trust)
    holder = holder_for(sts, row.policy, user="bob")
    answer = sts.post(request(holder, trust=trust, now=sts.clock.now, body=asked), path=row.path)
    assert answer.status == 200, answer.body
    token = answer.assertion.decode()
    assert (subject_of(token), delegates_of(token)) == ("alice", ["bob"])


def test_row_21_the_token_is_bound_to_the_actors_key_and_not_to_the_subjects(sts):
    (row,) = [row for row in ISSUED_TOKEN_ENDPOINTS if row.policy == ASYMMETRIC and row.trust.namespace == ns.WST13]
    kind = f"<t:KeyType>{ns.WST13}/SymmetricKey</t:KeyType>"
    shown = sts.issue(kind, address=KEYED)
    public = kind.replace("SymmetricKey", "PublicKey")
    asked = messages.issue(messages.act_as(shown.assertion.decode()), public, address=KEYED)
    holder = holder_for(sts, ASYMMETRIC, user="bob")
    answer = sts.post(request(holder, now=sts.clock.now, body=asked), path=row.path)
    assert answer.status == 200, answer.body
    token = answer.assertion
    assert subject_of(token) == "alice"
    (data,) = etree.fromstring(token).iter(f"{{{ns.SAML20}}}SubjectConfirmationData")
    (certificate,) = data.iter(f"{{{ns.DS}}}X509Certificate")
    assert certificate.text in holder.token
