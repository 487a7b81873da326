"""Row 23 of the wire contract: tokens that only their relying party can read."""

from dataclasses import replace

from lxml import etree

from tests import messages
from tests.cases import each_token_type
from tests.conformance.client import Client, by_reference, names
from tests.harness import STRICT_PARTY, Sts
from tests.holders import RECIPIENT_KEY, keyed
from tests.verifiers import xmlsec_decrypt
from wstrust_sts import ns


def at(client: Client, **encryption) -> Client:
    """The client at an STS whose relying party wants its tokens encrypted."""
    party = keyed(tokens=True, **encryption)
    return replace(client, sts=Sts(relying_parties=(party, STRICT_PARTY)))


def requested(client: Client, answer):
    assert answer.status == 200, answer.body
    (token,) = client.rstr(answer).find(f"{{{client.trust}}}RequestedSecurityToken")
    return token


def decrypted(client: Client, answer) -> str:
    """The token as its relying party reads it."""
    return xmlsec_decrypt(etree.tostring(requested(client, answer)), RECIPIENT_KEY).decode()


class TestRow23:
    @each_token_type
    def test_row_23_the_token_goes_out_encrypted_in_the_form_of_its_version(self, client, token_type):
        client = at(client)
        token = requested(client, client.issue(token_type=token_type))
        whole = f"{{{ns.SAML20}}}EncryptedAssertion"
        assert token.tag == (whole if token_type == ns.TP11_SAML20 else f"{{{ns.XENC}}}EncryptedData")

    def test_row_23_for_relying_parties_of_the_other_kind_it_is_bare(self, client):
        client = at(client, bare=True, algorithm=ns.AES256_CBC)
        token = requested(client, client.issue())
        assert token.tag == f"{{{ns.XENC}}}EncryptedData"
        assert token[0].get("Algorithm") == ns.AES256_CBC

    @each_token_type
    def test_row_19_it_is_referred_to_by_the_id_of_what_was_encrypted(self, client, token_type):
        client = at(client)
        answer = client.issue(token_type=token_type)
        assertion = etree.fromstring(decrypted(client, answer))
        identifier = assertion.get("ID") or assertion.get("AssertionID")
        for name in ("RequestedAttachedReference", "RequestedUnattachedReference"):
            reference = client.find(answer, f".//t:{name}/o:SecurityTokenReference/o:KeyIdentifier")
            assert reference.text == identifier
        assert ("default", identifier) in client.sts.stores.issued_tokens.rows

    @each_token_type
    def test_row_23_who_can_read_it_validates_and_cancels_it_as_any_other(self, client, token_type):
        client = at(client)
        token = decrypted(client, client.issue(token_type=token_type))
        assert client.validate(token).status_code == "valid"
        assert client.validate(by_reference(token)).status_code == "valid"
        assert client.cancel(by_reference(token)).status == 200
        assert client.validate(token).status_code == "invalid"

    @each_token_type
    def test_row_23_what_nobody_here_can_read_is_an_invalid_token_and_is_not_cancelled(self, client, token_type):
        client = at(client)
        token = etree.tostring(requested(client, client.issue(token_type=token_type))).decode()
        assert client.validate(token).status_code == "invalid"
        assert client.cancel(token).fault == (client.trust, "InvalidSecurityToken")

    def test_row_27_what_is_made_from_an_encrypted_token_is_encrypted(self, client):
        client = at(client)
        token = decrypted(client, client.issue())
        made = client.transform(token, token_type=ns.TP11_SAML11)
        assert client.validate(decrypted(client, made)).status_code == "valid"

    def test_row_23_a_relying_party_without_certificate_gets_no_token(self, client):
        answer = at(client, certificate=None).issue()
        assert answer.fault == (client.trust, "RequestFailed")
        assert "SAML" not in answer.body.decode()

    def test_row_23_a_certificate_that_cannot_be_used_any_more_stops_the_token(self, client):
        answer = at(client, certificate=b"not a certificate").issue()
        assert answer.fault == (client.trust, "RequestFailed")

    def test_row_13_another_encryption_algorithm_is_refused_never_replaced(self, client):
        client = at(client)
        for algorithm, status in ((ns.AES256_GCM, 200), (ns.AES256_CBC, 500), (ns.AES128_GCM, 500)):
            assert client.issue(f"<t:EncryptionAlgorithm>{algorithm}</t:EncryptionAlgorithm>").status == status
        clear = replace(client, sts=Sts())
        assert clear.issue(f"<t:EncryptionAlgorithm>{ns.AES256_CBC}</t:EncryptionAlgorithm>").status == 200

    def test_row_23_participants_who_could_not_read_it_are_refused(self, client):
        reference = messages.applies_to("https://strict.example.test/svc").partition(">")[2].rpartition("<")[0]
        participants = f"<t:Participants><t:Participant>{reference}</t:Participant></t:Participants>"
        assert at(client).issue(participants).fault == (client.trust, "BadRequest")

    def test_row_23_a_symmetric_key_comes_with_it(self, client):
        client = at(client)
        answer = client.issue(f"<t:KeyType>{client.trust}/SymmetricKey</t:KeyType>")
        assert "RequestedProofToken" in names(client.rstr(answer))
        assert f"{{{ns.XENC}}}EncryptedKey" in [item.tag for item in etree.fromstring(decrypted(client, answer)).iter()]
