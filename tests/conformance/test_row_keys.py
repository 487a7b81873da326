"""Rows 11, 12, 20 and 21 of the wire contract: keys that tokens are bound to, as asked for and as answered."""

import base64
import hashlib
from dataclasses import replace

import pytest
from lxml import etree

from tests import messages
from tests.conformance.client import Client, names
from tests.fakes import NOON
from tests.harness import ENDPOINTS, PASSWORDS, Sts
from tests.holders import (
    HOLDERS,
    KEYED_PARTY,
    RECIPIENT,
    binary_security_token,
    by_thumbprint,
    key_info,
    key_info_of,
    key_value,
    token_reference,
    unwrap,
    x509_data,
)
from tests.messages import Answer
from tests.protected import p_sha1
from tests.sealed import SealedSts
from tests.sealed_keys import OAEP
from wstrust_sts import ns
from wstrust_sts.bindings.http import Request
from wstrust_sts.model import KeyType
from wstrust_sts.relying_parties import RelyingParty

CLIENT_ENTROPY = bytes(range(32))
SAML = {ns.TP11_SAML20: ns.SAML20, ns.TP11_SAML11: ns.SAML11}
each_type = pytest.mark.parametrize("token_type", SAML, ids=["saml20", "saml11"])
each_holder = pytest.mark.parametrize("kind", HOLDERS)


def entropy(octets: bytes, *, kind: str = "") -> str:
    return f"<t:Entropy><t:BinarySecret{kind}>{base64.b64encode(octets).decode()}</t:BinarySecret></t:Entropy>"


def at(client: Client, party: RelyingParty = KEYED_PARTY) -> Client:
    """The client at an STS whose relying party takes tokens with keys."""
    return replace(client, sts=Sts(relying_parties=(party,)))


def symmetric(client: Client, *more: str, size: int | None = 256, **how) -> Answer:
    key_size = "" if size is None else f"<t:KeySize>{size}</t:KeySize>"
    return client.issue(f"<t:KeyType>{client.trust}/SymmetricKey</t:KeyType>{key_size}", *more, **how)


def public(client: Client, *more: str, peer: bytes | None = None, token_type: str = ns.TP11_SAML20) -> Answer:
    """Asked for over TLS in which the requestor showed the certificate `peer`."""
    asked = messages.issue(
        f"<t:KeyType>{client.trust}/PublicKey</t:KeyType>", *more, trust=client.trust, token_type=token_type
    )
    protection = messages.security(messages.timestamp(NOON), messages.username_token("alice", PASSWORDS["alice"]))
    return client.sts.request(
        Request(
            method="POST",
            path=client.how["path"],
            headers={"content-type": messages.content_type(client.soap)},
            body=messages.envelope(asked, protection, soap=client.soap).encode(),
            peer_certificate=peer,
        )
    )


def use_key(inside: str, attributes: str = "") -> str:
    return f"<t:UseKey{attributes}>{inside}</t:UseKey>"


def confirmation(answer: Answer):
    """The one KeyInfo of the token, and its confirmation methods."""
    assertion = etree.fromstring(answer.assertion)
    saml = etree.QName(assertion).namespace
    if saml == ns.SAML20:
        (data,) = assertion.iter(f"{{{saml}}}SubjectConfirmationData")
        assert data.get(f"{{{ns.XSI}}}type") == "saml2:KeyInfoConfirmationDataType"
        methods = {item.get("Method") for item in assertion.iter(f"{{{saml}}}SubjectConfirmation")}
        infos = data.findall(f"{{{ns.DS}}}KeyInfo")
    else:
        confirmations = list(assertion.iter(f"{{{saml}}}SubjectConfirmation"))
        methods = {item.findtext(f"{{{saml}}}ConfirmationMethod") for item in confirmations}
        infos = [item.find(f"{{{ns.DS}}}KeyInfo") for item in confirmations]
    assert methods == {ns.SAML20_HOLDER_OF_KEY if saml == ns.SAML20 else ns.SAML11_HOLDER_OF_KEY}
    assert len({etree.tostring(info, method="c14n", exclusive=True) for info in infos}) == 1
    return infos[0]


def secret_in(answer: Answer) -> bytes:
    """The key as the relying party finds it."""
    (encrypted_key,) = confirmation(answer)
    return unwrap(encrypted_key)


def proof(client: Client, answer: Answer, name: str):
    return client.rstr(answer).find(f"{{{client.trust}}}RequestedProofToken/{{{client.trust}}}{name}")


class TestRow12:
    @each_type
    @pytest.mark.parametrize("size", [128, 192, 256, 384, 512, None])
    def test_row_12_both_sides_entropy_makes_the_key_that_the_relying_party_gets(self, client, token_type, size):
        client = at(client)
        answer = symmetric(client, entropy(CLIENT_ENTROPY), size=size, token_type=token_type)
        assert answer.status == 200, answer.body
        octets = (size or 256) // 8
        server = client.text(answer, ".//t:RequestSecurityTokenResponse/t:Entropy/t:BinarySecret")
        assert secret_in(answer) == p_sha1(CLIENT_ENTROPY, base64.b64decode(server), octets)
        assert proof(client, answer, "ComputedKey").text == f"{client.trust}/CK/PSHA1"
        assert client.text(answer, ".//t:KeySize") == str(8 * octets)
        assert client.text(answer, ".//t:KeyType") == f"{client.trust}/SymmetricKey"

    def test_row_12_entropy_of_the_type_nonce_and_its_algorithm_by_name_are_the_same(self, client):
        client = at(client)
        algorithm = f"<t:ComputedKeyAlgorithm>{client.trust}/CK/PSHA1</t:ComputedKeyAlgorithm>"
        answer = symmetric(client, entropy(CLIENT_ENTROPY, kind=f' Type="{client.trust}/Nonce"'), algorithm)
        server = client.text(answer, ".//t:RequestSecurityTokenResponse/t:Entropy/t:BinarySecret")
        assert secret_in(answer) == p_sha1(CLIENT_ENTROPY, base64.b64decode(server), 32)

    @pytest.mark.parametrize("octets", [16, 1024])
    def test_row_12_entropy_of_128_bits_to_1_kilobyte_is_taken(self, client, octets):
        client = at(client)
        answer = symmetric(client, entropy(b"e" * octets))
        server = client.text(answer, ".//t:RequestSecurityTokenResponse/t:Entropy/t:BinarySecret")
        assert secret_in(answer) == p_sha1(b"e" * octets, base64.b64decode(server), 32)

    def test_row_12_the_clients_own_key_is_for_relying_parties_that_take_it(self, client):
        own = entropy(CLIENT_ENTROPY, kind=f' Type="{client.trust}/SymmetricKey"')
        assert symmetric(at(client), own).fault == (client.trust, "BadRequest")
        willing = at(client, replace(KEYED_PARTY, accepts_client_keys=True))
        answer = symmetric(willing, own, size=None)
        assert secret_in(answer) == CLIENT_ENTROPY
        assert {"RequestedProofToken", "Entropy"}.isdisjoint(names(client.rstr(answer)))
        assert client.text(answer, ".//t:KeySize") == "256"
        assert symmetric(willing, own, size=128).fault == (client.trust, "InvalidRequest")

    @pytest.mark.parametrize("octets", [16, 32, 64])
    @pytest.mark.parametrize("write", OAEP)
    def test_row_12_so_is_one_that_is_encrypted_for_the_sts(self, client, write, octets):
        secret = bytes(range(octets))
        sealed = f"<t:Entropy>{OAEP[write](secret)}</t:Entropy>"
        unwilling = replace(client, sts=SealedSts(relying_parties=(KEYED_PARTY,)))
        assert symmetric(unwilling, sealed, size=None).fault == (client.trust, "BadRequest")
        willing = replace(client, sts=SealedSts(relying_parties=(replace(KEYED_PARTY, accepts_client_keys=True),)))
        for size in (None, 8 * octets):
            answer = symmetric(willing, sealed, size=size)
            assert answer.status == 200, answer.body
            assert secret_in(answer) == secret
            assert {"RequestedProofToken", "Entropy"}.isdisjoint(names(client.rstr(answer)))
            assert client.text(answer, ".//t:KeySize") == str(8 * octets)

    @pytest.mark.parametrize("size", ["-256", "0", "8", "127", "130", "255", "520", "99999999", "256.0", "", "0x100"])
    def test_row_12_a_key_size_that_is_not_128_to_512_in_whole_octets_is_refused(self, client, size):
        assert symmetric(at(client), entropy(CLIENT_ENTROPY), size=size).fault == (client.trust, "InvalidRequest")

    @pytest.mark.parametrize(
        "bad",
        [
            "<t:Entropy/>",
            entropy(b""),
            entropy(b"s" * 15),
            entropy(b"l" * 1025),
            entropy(b"l" * 60_000),
            "<t:Entropy><t:BinarySecret>!</t:BinarySecret></t:Entropy>",
            "<t:Entropy><t:BinarySecret><t:BinarySecret/></t:BinarySecret></t:Entropy>",
            "<t:Entropy><x:BinarySecret xmlns:x='urn:x'>AAAA</x:BinarySecret></t:Entropy>",
            entropy(CLIENT_ENTROPY) * 2,
            entropy(CLIENT_ENTROPY, kind=' Type="urn:x"'),
        ],
    )
    def test_row_12_entropy_that_is_none_is_refused(self, client, bad):
        assert symmetric(at(client), bad).fault == (client.trust, "InvalidRequest")

    @pytest.mark.parametrize("algorithm", ["{t}/CK/HASH", "urn:x", ns.HMAC_SHA1])
    def test_row_12_another_way_to_compute_a_key_is_refused_never_replaced(self, client, algorithm):
        wish = f"<t:ComputedKeyAlgorithm>{algorithm.replace('{t}', client.trust)}</t:ComputedKeyAlgorithm>"
        assert symmetric(at(client), entropy(CLIENT_ENTROPY), wish).fault == (client.trust, "BadRequest")

    def test_row_12_a_relying_party_without_certificate_gets_no_symmetric_token(self, client):
        poor = replace(KEYED_PARTY, encryption=replace(KEYED_PARTY.encryption, certificate=None))
        assert symmetric(at(client, poor)).fault == (client.trust, "BadRequest")


class TestRow20:
    @each_type
    def test_row_20_without_client_entropy_the_whole_key_is_told(self, client, token_type):
        client = at(client)
        answer = symmetric(client, token_type=token_type)
        secret = proof(client, answer, "BinarySecret")
        assert secret.get("Type") == f"{client.trust}/SymmetricKey"
        assert base64.b64decode(secret.text) == secret_in(answer)
        assert "Entropy" not in names(client.rstr(answer))
        assert client.text(answer, ".//t:KeySize") == "256"

    def test_row_20_the_parts_stand_in_the_order_of_row_18(self, client):
        client = at(client)
        assert names(client.rstr(symmetric(client, entropy(CLIENT_ENTROPY)))) == [
            "TokenType",
            "RequestedSecurityToken",
            "RequestedAttachedReference",
            "RequestedUnattachedReference",
            "AppliesTo",
            "RequestedProofToken",
            "Entropy",
            "Lifetime",
            "KeySize",
            "RequestType",
            "KeyType",
        ]

    def test_row_20_two_tokens_never_have_the_same_key(self, client):
        client = at(client)
        answers = [
            symmetric(client, *more) for more in ((), (), (entropy(CLIENT_ENTROPY),), (entropy(CLIENT_ENTROPY),))
        ]
        assert len({secret_in(answer) for answer in answers}) == 4

    def test_row_20_the_secret_is_in_no_row_in_the_clear(self, client):
        client = at(client)
        answer = symmetric(client, entropy(CLIENT_ENTROPY))
        (record,) = client.sts.stores.issued_tokens.rows.values()
        assert record.key_type == "SymmetricKey"
        assert record.wrapped_proof_key is not None
        assert secret_in(answer) not in record.wrapped_proof_key
        written = repr(client.sts.stores.journal.entries)
        for secret in (secret_in(answer), CLIENT_ENTROPY):
            assert repr(secret)[2:-1] not in written
            assert secret.hex() not in written


class TestRow21:
    def test_row_21_the_encrypted_key_names_the_certificate_by_issuer_and_serial(self, client):
        (encrypted_key,) = confirmation(symmetric(at(client)))
        path = "ds:KeyInfo/o:SecurityTokenReference/ds:X509Data/ds:X509IssuerSerial"
        pair = encrypted_key.find(path, messages.NAMES)
        assert [part.text for part in pair] == ["CN=Example CA,O=Example,C=DE", "7"]

    @each_type
    @each_holder
    def test_row_21_a_key_by_certificate_comes_back_as_that_certificate(self, client, token_type, kind):
        client, holder = at(client), HOLDERS[kind]
        answer = public(client, use_key(key_info(x509_data(holder))), peer=holder, token_type=token_type)
        assert answer.status == 200, answer.body
        (data,) = confirmation(answer)
        assert names(data) == ["X509Certificate"]
        assert base64.b64decode(data[0].text) == holder
        (record,) = client.sts.stores.issued_tokens.rows.values()
        assert (record.key_type, len(record.key_thumbprint), record.wrapped_proof_key) == ("PublicKey", 64, None)
        assert {"RequestedProofToken", "Entropy", "KeySize"}.isdisjoint(names(client.rstr(answer)))
        assert client.text(answer, ".//t:KeyType") == f"{client.trust}/PublicKey"

    @each_type
    @each_holder
    def test_row_21_a_key_by_value_comes_back_as_that_value(self, client, token_type, kind):
        holder = HOLDERS[kind]
        answer = public(at(client), use_key(key_info(key_value(holder))), peer=holder, token_type=token_type)
        assert answer.status == 200, answer.body
        (value,) = confirmation(answer)
        expected = etree.fromstring(key_value(holder))
        assert [text.strip() for text in value.itertext()] == list(expected.itertext())
        assert [item.tag for item in value.iter()] == [item.tag for item in expected.iter()]
        assert [dict(item.attrib) for item in value.iter()] == [dict(item.attrib) for item in expected.iter()]


class TestRow11:
    HOLDER, OTHER = HOLDERS["rsa-2048"], HOLDERS["ec"]

    @pytest.mark.parametrize(
        "named",
        [
            key_info(x509_data(HOLDER)),
            x509_data(HOLDER),
            key_info(key_value(HOLDER)),
            binary_security_token(HOLDER),
            by_thumbprint(HOLDER),
            key_info(by_thumbprint(HOLDER)),
            token_reference(x509_data(HOLDER)),
        ],
        ids=["X509Data", "bare X509Data", "KeyValue", "BinarySecurityToken", "by thumbprint", "by KeyInfo", "embedded"],
    )
    def test_row_11_every_way_to_name_a_key_binds_the_token_to_it(self, client, named):
        client = at(client)
        assert public(client, use_key(named), peer=self.HOLDER).status == 200
        (record,) = client.sts.stores.issued_tokens.rows.values()
        assert record.key_thumbprint == thumbprint(self.HOLDER)

    def test_row_11_without_use_key_it_is_the_certificate_that_the_requestor_showed(self, client):
        client = at(client)
        (data,) = confirmation(public(client, peer=self.HOLDER))
        assert base64.b64decode(data[0].text) == self.HOLDER
        assert public(client).fault == (client.trust, "InvalidRequest")

    @pytest.mark.parametrize("peer", [None, OTHER])
    @pytest.mark.parametrize("write", [x509_data, key_value])
    def test_row_11_a_key_that_was_not_proved_is_refused_unless_the_relying_party_takes_it(self, client, peer, write):
        named = use_key(key_info(write(self.HOLDER)))
        assert public(at(client), named, peer=peer).fault == (client.trust, "InvalidRequest")
        careless = at(client, replace(KEYED_PARTY, accepts_unproved_keys=True))
        assert public(careless, named, peer=peer).status == 200

    @pytest.mark.parametrize(
        "bad",
        [
            "",
            key_info(""),
            key_info("<d:KeyName>rp</d:KeyName>"),
            key_info(x509_data(HOLDER) + key_value(HOLDER)),
            x509_data(HOLDER) * 2,
            x509_data(b"no certificate"),
            x509_data(HOLDER).replace("MII", "AAA", 1),
            by_thumbprint(RECIPIENT),
            token_reference('<o:Reference URI="#user"/>'),
            token_reference('<o:Reference URI="#nothing"/>'),
            messages.username_token(),
        ],
    )
    def test_row_11_a_use_key_that_names_no_key_is_refused_whoever_asks(self, client, bad):
        for party in (KEYED_PARTY, replace(KEYED_PARTY, accepts_unproved_keys=True)):
            answer = public(at(client, party), use_key(bad), peer=self.HOLDER)
            assert answer.fault == (client.trust, "InvalidRequest")

    def test_row_11_a_signature_that_the_message_does_not_have_proves_nothing(self, client):
        careless = at(client, replace(KEYED_PARTY, accepts_unproved_keys=True))
        for inside in ("", key_info(x509_data(self.HOLDER))):
            answer = public(careless, use_key(inside, ' Sig="#sig"'), peer=self.HOLDER)
            assert answer.fault == (client.trust, "InvalidRequest")

    @pytest.mark.parametrize("key_type", ["", "Bearer", "SymmetricKey"])
    def test_row_11_a_use_key_is_for_public_keys_only(self, client, key_type):
        asked = f"<t:KeyType>{client.trust}/{key_type}</t:KeyType>" if key_type else ""
        answer = at(client).issue(asked, use_key(key_info(x509_data(self.HOLDER))))
        assert answer.fault == (client.trust, "BadRequest")


class TestRow6:
    @pytest.mark.parametrize(("kind", "expected"), [("SymmetricKey", 200), ("PublicKey", 500)])
    def test_row_6_a_relying_party_of_one_key_type_gets_that_without_asking(self, client, kind, expected):
        (only,) = (each for each in KEYED_PARTY.key_types if each.value == kind)
        client = at(client, replace(KEYED_PARTY, key_types=(only,)))
        answer = client.issue()
        assert answer.status == expected
        if expected == 200:
            assert client.text(answer, ".//t:KeyType") == f"{client.trust}/{kind}"
        assert client.issue(f"<t:KeyType>{client.trust}/Bearer</t:KeyType>").fault == (client.trust, "BadRequest")

    def test_row_6_without_a_key_type_the_relying_partys_default_comes_first_then_the_endpoints(self, client):
        kinds = {"symmetric": KeyType.SYMMETRIC, "bearer": KeyType.BEARER}
        for of_endpoint in kinds.values():
            sections = tuple(replace(section, default_key_type=of_endpoint) for section in ENDPOINTS[:2])
            for of_party in (None, *kinds.values()):
                party = replace(KEYED_PARTY, default_key_type=of_party)
                asking = replace(client, sts=Sts(endpoints=sections, relying_parties=(party,)))
                answer = asking.issue()
                assert answer.status == 200, answer.body
                bearer = ns.NO_PROOF_KEY if client.trust == ns.WST05 else f"{client.trust}/Bearer"
                expected = {KeyType.BEARER: bearer, KeyType.SYMMETRIC: f"{client.trust}/SymmetricKey"}
                assert client.text(answer, ".//t:KeyType") == expected[of_party or of_endpoint]

    def test_row_6_a_default_holds_for_entropy_too(self, client):
        client = at(client, replace(KEYED_PARTY, default_key_type=KeyType.SYMMETRIC))
        answer = client.issue(entropy(CLIENT_ENTROPY))
        server = client.text(answer, ".//t:RequestSecurityTokenResponse/t:Entropy/t:BinarySecret")
        assert secret_in(answer) == p_sha1(CLIENT_ENTROPY, base64.b64decode(server), 32)


class TestRow27:
    @pytest.mark.parametrize(("first", "second"), [(ns.TP11_SAML20, ns.TP11_SAML11), (ns.TP11_SAML11, ns.TP11_SAML20)])
    @pytest.mark.parametrize("write", [x509_data, key_value])
    def test_row_27_what_is_made_from_a_token_with_a_public_key_is_bound_to_that_key(
        self, client, first, second, write
    ):
        client, holder = at(client), HOLDERS["rsa-2048"]
        token = public(client, use_key(key_info(write(holder))), peer=holder, token_type=first)
        made = client.transform(token.assertion.decode(), token_type=second)
        assert made.status == 200, made.body
        assert [item.text for item in confirmation(made).iter()] == [item.text for item in confirmation(token).iter()]
        assert client.text(made, ".//t:KeyType") == f"{client.trust}/PublicKey"
        bearer = f"<t:KeyType>{client.trust}/Bearer</t:KeyType>"
        refused = client.transform(token.assertion.decode(), bearer, token_type=second)
        assert refused.fault == (client.trust, "BadRequest")

    @pytest.mark.parametrize(("first", "second"), [(ns.TP11_SAML20, ns.TP11_SAML11), (ns.TP11_SAML11, ns.TP11_SAML20)])
    def test_row_27_what_is_made_from_a_token_with_a_secret_has_that_secret_and_does_not_tell_it(
        self, client, first, second
    ):
        client = at(client)
        token = symmetric(client, entropy(CLIENT_ENTROPY), token_type=first)
        made = client.transform(token.assertion.decode(), token_type=second)
        assert secret_in(made) == secret_in(token)
        assert {"RequestedProofToken", "Entropy"}.isdisjoint(names(client.rstr(made)))
        assert client.text(made, ".//t:KeySize") == "256"

    def test_row_27_a_wish_for_another_key_than_that_of_the_original_is_refused(self, client):
        """Who sends entropy and gets no proof token takes its entropy for the key."""
        client, holder = at(client), HOLDERS["rsa-2048"]
        secret = symmetric(client).assertion.decode()
        for wish in (entropy(CLIENT_ENTROPY), "<t:KeySize>128</t:KeySize>"):
            assert client.transform(secret, wish, token_type=ns.TP11_SAML11).fault == (client.trust, "BadRequest")
        bound = public(client, use_key(key_info(key_value(holder))), peer=holder).assertion.decode()
        other = use_key(key_info(key_value(HOLDERS["ec"])))
        assert client.transform(bound, other, token_type=ns.TP11_SAML11).fault == (client.trust, "InvalidRequest")

    def test_row_27_tokens_with_keys_are_validated_and_cancelled_as_others(self, client):
        client = at(client)
        token = symmetric(client).assertion.decode()
        assert client.validate(token).status_code == "valid"
        assert client.cancel(token).status == 200
        assert client.validate(token).status_code == "invalid"


def thumbprint(certificate: bytes) -> str:
    return hashlib.sha256(key_info_of(certificate)).hexdigest()
