"""Rows 11 and 12 of the wire contract where messages protect themselves: what their signatures prove."""

import base64
from dataclasses import replace

import pytest
from lxml import etree

from tests import messages
from tests.fakes import NOON
from tests.holders import (
    KEYED_PARTY,
    by_thumbprint,
    key_info,
    key_value,
    token_reference,
    unwrap,
    x509_data,
)
from tests.messages import Answer
from tests.protected import Draft, draft, p_sha1, party, protect
from tests.sealed import SealedSts, in_clear
from wstrust_sts import ns
from wstrust_sts.bindings.http import Request

ALICE, BOB = party("alice"), party("bob")
BST_NAMED = token_reference(f'<o:Reference URI="#X509" ValueType="{ns.X509V3}"/>')
each_signed = pytest.mark.parametrize("policy", ["certificate", "certificatesigned"])


def ask(policy: str, *parts: str, tls: bool = True, trust: str = ns.WST13, **changes) -> tuple[Answer, Draft]:
    sts = SealedSts(relying_parties=(replace(KEYED_PARTY, **changes),))
    version = "13" if trust == ns.WST13 else "2005"
    request = draft(policy, messages.issue(*parts, trust=trust), action=f"{trust}/RST/Issue")
    answer = sts.request(
        Request(
            method="POST",
            path=f"/sealed/{version}/{policy}",
            headers={"content-type": messages.content_type()},
            body=protect(request),
            tls=tls,
        )
    )
    return in_clear(answer, request, now=NOON), request


def public(policy: str, inside: str | None, attributes: str = "", **changes) -> Answer:
    use_key = "" if inside is None else f"<t:UseKey{attributes}>{inside}</t:UseKey>"
    return ask(policy, f"<t:KeyType>{ns.WST13}/PublicKey</t:KeyType>", use_key, **changes)[0]


def holder_in(answer: Answer) -> list[str]:
    assert answer.status == 200, answer.body
    (data,) = answer.root.iter(f"{{{ns.SAML20}}}SubjectConfirmationData")
    return ["".join(text.split()) for text in data.itertext()]


def texts(markup: str) -> list[str]:
    return list(etree.fromstring(markup).itertext())


class TestRow11:
    @each_signed
    @pytest.mark.parametrize(
        ("inside", "attributes"),
        [
            (None, ""),
            ("", ' Sig="#SIG"'),
            ("", ' Sig="SIG"'),
            (key_info(x509_data(ALICE.der)), ""),
            (key_info(x509_data(ALICE.der)), ' Sig="#SIG"'),
            (BST_NAMED, ""),
            (BST_NAMED, ' Sig="#SIG"'),
            (by_thumbprint(ALICE.der), ""),
        ],
    )
    def test_row_11_the_key_of_the_messages_signature_is_proved_however_it_is_named(self, policy, inside, attributes):
        assert holder_in(public(policy, inside, attributes)) == texts(x509_data(ALICE.der))

    @each_signed
    def test_row_11_named_by_its_value_it_is_written_by_its_value(self, policy):
        named = key_value(ALICE.der)
        assert holder_in(public(policy, key_info(named), ' Sig="#SIG"')) == texts(named)

    @each_signed
    @pytest.mark.parametrize(
        ("inside", "attributes"),
        [
            (key_info(x509_data(BOB.der)), ""),
            (key_info(x509_data(BOB.der)), ' Sig="#SIG"'),
            (key_info(key_value(BOB.der)), ' Sig="#SIG"'),
            (by_thumbprint(BOB.der), ""),
            ("", ' Sig="#X509"'),
            ("", ' Sig="#Body"'),
            ("", ' Sig=""'),
            (token_reference('<o:Reference URI="#Body"/>'), ""),
        ],
    )
    def test_row_11_somebody_elses_key_is_refused(self, policy, inside, attributes):
        assert public(policy, inside, attributes).fault == (ns.WST13, "InvalidRequest")

    def test_row_11_a_shared_secret_proves_no_public_key(self):
        assert public("username", "", ' Sig="#SIG"').fault == (ns.WST13, "InvalidRequest")
        assert public("username", None).fault == (ns.WST13, "InvalidRequest")


class TestRow12:
    @pytest.mark.parametrize("trust", [ns.WST13, ns.WST05])
    @pytest.mark.parametrize("policy", ["username", "certificate"])
    def test_row_12_without_tls_the_secret_goes_inside_of_what_the_message_hides(self, policy, trust):
        entropy = "<t:Entropy><t:BinarySecret>" + "ZW50cm9weSBvZiB0aGUgY2xpZW50Li4u" + "</t:BinarySecret></t:Entropy>"
        answer, _ = ask(policy, f"<t:KeyType>{trust}/SymmetricKey</t:KeyType>", entropy, trust=trust)
        (encrypted_key,) = answer.root.iter(f"{{{ns.XENC}}}EncryptedKey")
        (response,) = answer.root.iter(f"{{{trust}}}RequestSecurityTokenResponse")
        server = response.findtext(f"{{{trust}}}Entropy/{{{trust}}}BinarySecret")

        assert unwrap(encrypted_key) == p_sha1(b"entropy of the client...", base64.b64decode(server), 32)

    def test_row_12_where_messages_are_only_signed_it_needs_tls(self):
        answer, _ = ask("certificatesigned", f"<t:KeyType>{ns.WST13}/SymmetricKey</t:KeyType>")
        assert answer.status == 200
        refused, _ = ask("certificatesigned", f"<t:KeyType>{ns.WST13}/SymmetricKey</t:KeyType>", tls=False)
        assert refused.status == 500


class TestRow28:
    """Renew of a token bound to a public key, by a requestor who has two certificates."""

    def ask(self, sts: SealedSts, policy: str, body: str, operation: str, *, signer: str = "alice") -> Answer:
        request = draft(policy, body, action=f"{ns.WST13}/RST/{operation}", signer=party(signer))
        path, content_type = f"/sealed/13/{policy}", messages.content_type()
        headers = {"content-type": content_type}
        answer = sts.request(Request(method="POST", path=path, headers=headers, body=protect(request)))
        return in_clear(answer, request, now=NOON)

    @pytest.fixture
    def sts(self) -> SealedSts:
        return SealedSts(relying_parties=(KEYED_PARTY,), pinned={ALICE.der: "alice", BOB.der: "alice"})

    @pytest.fixture
    def token(self, sts) -> str:
        issue = messages.issue(f"<t:KeyType>{ns.WST13}/PublicKey</t:KeyType>")
        return self.ask(sts, "certificate", issue, "Issue").assertion.decode()

    @each_signed
    def test_row_28_whoever_proves_the_key_gets_a_token_bound_to_the_same(self, sts, token, policy):
        answer = self.ask(sts, policy, messages.renew(token), "Renew")
        assert holder_in(answer) == texts(x509_data(ALICE.der))

    @each_signed
    def test_row_28_another_key_of_the_same_account_proves_nothing(self, sts, token, policy):
        answer = self.ask(sts, policy, messages.renew(token), "Renew", signer="bob")
        assert answer.fault == (ns.WST13, "UnableToRenew")
