"""Rows 8, 9, 11, 21 and 28 of the wire contract where a token of this STS is the credential, and the AD FS endpoints
of section 4 that take it.
"""

from dataclasses import replace
from datetime import timedelta

import pytest
from lxml import etree

from tests import messages
from tests.assertions import BOX
from tests.attack import assert_token_of_alice
from tests.cases import dashed, each_of, each_token_type
from tests.fakes import NOON
from tests.harness import ISSUED_TOKEN_ENDPOINTS, PROVING_ENDPOINTS
from tests.issued import (
    ASYMMETRIC,
    KEYED,
    OWN,
    SYMMETRIC,
    Holder,
    TokenSts,
    by_reference,
    embedded,
    holder_for,
    request,
    until,
    with_public_key,
    with_secret,
)
from tests.messages import Answer
from wstrust_sts import ns
from wstrust_sts.config import EndpointSection

HOUR = timedelta(hours=1)


@pytest.fixture
def sts() -> TokenSts:
    return TokenSts()


row = each_of(ISSUED_TOKEN_ENDPOINTS, ids=dashed)


def at(policy: str, version: str = "13") -> EndpointSection:
    return next(row for row in ISSUED_TOKEN_ENDPOINTS if row.policy == policy and version in row.path)


def send(sts: TokenSts, row: EndpointSection, message: str, *, soap: str = "1.2") -> Answer:
    return sts.post(message, path=row.path, soap=soap)


def ask(sts: TokenSts, row: EndpointSection, holder: Holder, *, soap: str = "1.2", **how) -> Answer:
    """Without WS-Addressing where it is no Issue."""
    how |= {"address": None} if "RequestType" in how.get("body", "") and "/Issue<" not in how["body"] else {}
    message = request(holder, trust=row.trust.namespace, soap=soap, now=sts.clock.now, **how)
    return send(sts, row, message, soap=soap)


def issued(answer: Answer) -> etree._Element:
    assert answer.status == 200, answer.body
    return etree.fromstring(answer.assertion)


def times(token: etree._Element) -> tuple[str, str]:
    """When its subject proved itself, and when it ends."""
    (statement,) = token.iter("{*}AuthnStatement", "{*}AuthenticationStatement")
    (conditions,) = token.iter("{*}Conditions")
    instant = statement.get("AuthnInstant") or statement.get("AuthenticationInstant")
    return instant, conditions.get("NotOnOrAfter")


@each_token_type
def test_row_9_a_token_whose_key_signed_the_timestamp_gets_another_token(sts, row, soap, token_type):
    answer = ask(sts, row, holder_for(sts, row.policy, token_type=token_type), soap=soap)
    assert answer.status == 200, answer.body
    assert_token_of_alice(answer)


@each_token_type
@pytest.mark.parametrize("kind", ["rsa-2048", "ec"])
@pytest.mark.parametrize("certified", [True, False], ids=["X509Data", "KeyValue"])
def test_row_21_the_public_key_is_an_rsa_or_elliptic_one_named_by_its_certificate_or_its_value(
    sts, token_type, kind, certified
):
    holder = with_public_key(sts, kind=kind, certified=certified, token_type=token_type)
    assert_token_of_alice(ask(sts, at(ASYMMETRIC), holder))


@each_token_type
def test_row_8_the_signature_names_the_token_by_its_id_by_a_reference_or_holds_it(sts, row, token_type):
    holder = holder_for(sts, row.policy, token_type=token_type)
    assert_token_of_alice(ask(sts, row, holder))
    assert_token_of_alice(ask(sts, row, holder, name=by_reference(holder.id)))
    assert_token_of_alice(ask(sts, row, holder, name=embedded(holder.token), more=()))


@each_token_type
@pytest.mark.parametrize("namespace", [ns.WSC13, ns.WSC05])
def test_row_9_the_key_may_be_derived_from_the_secret(sts, token_type, namespace):
    holder = with_secret(sts, token_type=token_type)
    explicit = holder.derived(namespace=namespace)
    more, name = (holder.token, explicit.markup), by_reference("DK", value_type=f"{namespace}/dk")
    assert_token_of_alice(ask(sts, at(SYMMETRIC), holder, key=explicit.key, more=more, name=name))
    implied = holder.implied(namespace=namespace)
    assert_token_of_alice(ask(sts, at(SYMMETRIC), holder, key=implied.key, name=implied.markup))


@pytest.mark.parametrize("method", [ns.HMAC_SHA1, ns.HMAC_SHA256])
def test_row_9_a_secret_signs_with_hmac_sha1_and_hmac_sha256(sts, method):
    holder = with_secret(sts)
    assert_token_of_alice(ask(sts, at(SYMMETRIC), holder, method=method))


def test_a_token_shown_is_no_new_authentication_and_nothing_got_by_it_lives_longer(sts, row):
    holder = holder_for(sts, row.policy)
    before = times(etree.fromstring(holder.token))
    sts.clock.advance(HOUR / 2)
    answer = ask(sts, row, holder)
    evidence = sts.stores.journal.events[-1].detail["evidence"]
    assert evidence == ["password-over-tls", f"by the token {holder.id}"]
    assert times(issued(answer)) == before
    assert issued(answer).findtext(f".//{{{ns.SAML20}}}AuthnContextClassRef") == ns.SAML20_AC_PASSWORD_PROTECTED
    body = messages.issue(until(NOON + 5 * HOUR), trust=row.trust.namespace)
    assert times(issued(ask(sts, row, holder, body=body))) == before


def test_a_token_for_the_sts_may_be_got_by_one_and_is_as_old(sts):
    first = with_secret(sts)
    sts.clock.advance(HOUR / 2)
    kind = f"<t:KeyType>{ns.WST13}/SymmetricKey</t:KeyType>"
    second = ask(sts, at(SYMMETRIC), first, body=messages.issue(kind, address=OWN))
    assert times(issued(second)) == times(etree.fromstring(first.token))


@pytest.mark.parametrize("named", ["", "Sig", "KeyValue"])
def test_row_11_a_token_may_be_bound_to_the_key_that_its_credential_proves(sts, named):
    holder = with_public_key(sts, certified=named != "KeyValue")
    (info,) = etree.fromstring(holder.token).iter(f"{{{ns.SAML20}}}SubjectConfirmationData")
    use = {
        "": "",
        "Sig": '<t:UseKey Sig="#SIG"/>',
        "KeyValue": f"<t:UseKey>{etree.tostring(info[0], encoding='unicode')}</t:UseKey>",
    }[named]
    body = messages.issue(f"<t:KeyType>{ns.WST13}/PublicKey</t:KeyType>", use, address=KEYED)
    message = request(holder, body=body)
    if named == "Sig":
        before, behind = message.rsplit("<ds:Signature ", 1)
        message = f'{before}<ds:Signature Id="SIG" {behind}'
    made = issued(send(sts, at(ASYMMETRIC), message))
    (data,) = made.iter(f"{{{ns.SAML20}}}SubjectConfirmationData")
    assert etree.tostring(data[0], method="c14n", exclusive=True) == etree.tostring(
        info[0], method="c14n", exclusive=True
    )


@each_token_type
@pytest.mark.parametrize("named", [True, False], ids=["by its id", "itself"])
def test_row_28_a_token_that_is_the_credential_is_renewed_with_its_key(sts, row, token_type, named):
    holder = holder_for(sts, row.policy, token_type=token_type)
    sts.clock.advance(HOUR / 2)
    body = messages.renew(holder.by_id if named else holder.token, trust=row.trust.namespace)
    renewed = Holder(ask(sts, row, holder, body=body).assertion.decode(), holder.key)
    instant, end = times(etree.fromstring(renewed.token))
    assert (instant, end) == (messages.instant(NOON), messages.instant(NOON, 1.5 * HOUR))
    assert_token_of_alice(ask(sts, row, renewed))
    sts.clock.advance(HOUR)
    assert ask(sts, row, renewed).code == "InvalidSecurityToken"


def test_row_28_its_own_credential_is_not_renewed_for_longer_than_its_relying_party_allows_at_once(sts, row):
    holder = holder_for(sts, row.policy)
    for _ in range(8):
        sts.clock.advance(59 * HOUR / 60)
        body = messages.renew(holder.by_id, trust=row.trust.namespace)
        holder = Holder(ask(sts, row, holder, body=body).assertion.decode(), holder.key)
    assert times(etree.fromstring(holder.token)) == (messages.instant(NOON), messages.instant(NOON, 8 * HOUR))
    body = messages.renew(holder.by_id, trust=row.trust.namespace)
    assert times(issued(ask(sts, row, holder, body=body)))[1] == messages.instant(NOON, 8 * HOUR)


def test_row_28_a_token_that_is_the_credential_cancels_itself(sts, row):
    holder = holder_for(sts, row.policy)
    answer = ask(sts, row, holder, body=messages.cancel(holder.by_id, trust=row.trust.namespace))
    assert answer.status == 200, answer.body
    assert ask(sts, row, holder).code == "InvalidSecurityToken"


@each_token_type
@pytest.mark.parametrize("proving", PROVING_ENDPOINTS, ids=["13", "2005"])
@pytest.mark.parametrize("shown", [False, True], ids=["named", "shown"])
@pytest.mark.parametrize("derived", [False, True], ids=["the secret", "derived"])
def test_row_28_a_token_for_any_relying_party_is_renewed_for_its_subject_who_proves_its_secret(
    sts, token_type, proving, derived, shown
):
    holder = with_secret(sts, address=KEYED, token_type=token_type)
    sts.clock.advance(HOUR / 2)
    body = messages.renew(holder.token, trust=proving.trust.namespace)
    way = holder.derived() if derived else None
    how = {} if way is None else {"key": way.key, "name": by_reference("DK")}
    more = (messages.username_token(), *((holder.token,) if shown else ()), *(() if way is None else (way.markup,)))
    answer = ask(sts, proving, holder, body=body, more=more, **how)
    assert times(issued(answer)) == (messages.instant(NOON), messages.instant(NOON, 1.5 * HOUR))
    rows = [row for row in sts.stores.issued_tokens.rows.values() if row.wrapped_proof_key is not None]
    secrets = [BOX.open(row.wrapped_proof_key, purpose=row.proof_key_purpose) for row in rows]
    assert secrets == [holder.key.octets] * 2


def test_row_27_a_holder_validates_tokens(sts, row):
    holder, other = holder_for(sts, row.policy), sts.issue().assertion.decode()
    answer = ask(sts, row, holder, body=messages.validate(other, trust=row.trust.namespace))
    assert answer.status_code == "valid"
    sts.stores.accounts.put(replace(sts.stores.accounts.find("default", "alice"), enabled=False))
    assert ask(sts, row, holder).code == "InvalidSecurityToken"
