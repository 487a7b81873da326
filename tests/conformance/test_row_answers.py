"""Rows 17 to 20, 22 and 25 of the wire contract: how answers are written, and what the assertions in them say."""

import re
from base64 import b64decode
from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography import x509
from lxml import etree
from signxml import XMLVerifier
from signxml.verifier import SignatureConfiguration

from tests import messages
from tests.conformance.client import MESSAGE_ID, assert_sound, names
from tests.fakes import NOON
from tests.harness import RELYING_PARTY, Sts, account
from tests.messages import NAMES, instant
from wstrust_sts import ns
from wstrust_sts.model import Claim
from wstrust_sts.relying_parties import AppliesToRule, NameIdentifierRule

UPN, EMAIL = ns.CLAIM_UPN, ns.CLAIM_EMAIL
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
EACH_TYPE = pytest.mark.parametrize("token_type", [ns.SAML11, ns.SAML20], ids=["SAML 1.1", "SAML 2.0"])


def assertion_of(answer):
    return etree.fromstring(answer.assertion)


def verify(octets: bytes) -> None:
    """By another implementation, with the certificate in it: trust is not the question here."""
    root = etree.fromstring(octets)
    certificate = x509.load_der_x509_certificate(b64decode(root.findtext(f".//{{{ns.DS}}}X509Certificate")))
    XMLVerifier().verify(
        root,
        x509_cert=certificate,
        id_attribute="ID" if root.get("ID") else "AssertionID",
        expect_config=SignatureConfiguration(require_x509=True, location="./"),
    )


class TestRow17:
    @pytest.mark.parametrize("operation", ["Issue", "Validate", "Cancel"])
    def test_row_17_each_answer_has_the_action_and_the_form_of_its_version(self, client, operation):
        body = {
            "Issue": messages.issue(trust=client.trust),
            "Validate": messages.validate(client.token(), trust=client.trust),
            "Cancel": messages.cancel(client.token(), trust=client.trust),
        }[operation]
        answer = client.ask(body, operation=operation)
        payload = etree.QName(client.find(answer, "s:Body")[0])
        if client.trust == ns.WST13:
            collection = operation == "Issue"
            action = f"{ns.WST13}/{'RSTRC' if collection else 'RSTR'}/{operation}Final"
        else:
            collection, action = False, f"{ns.WST05}/RSTR/{operation}"
        assert client.text(answer, "s:Header/a:Action") == action
        assert payload.namespace == client.trust
        assert payload.localname == "RequestSecurityTokenResponse" + ("Collection" if collection else "")
        if collection:
            assert names(client.find(answer, "s:Body")[0]) == ["RequestSecurityTokenResponse"]

    def test_row_17_the_tolerance_bare_rstr_leaves_out_the_collection_and_keeps_the_action(self, sts):
        action = messages.addressing(f"{ns.WST13}/RST/Issue")
        answer = sts.issue(path="/gsoap", headers=(action,))
        assert names(answer.find("s12:Body")) == ["RequestSecurityTokenResponse"]
        assert answer.text("s12:Header/a:Action") == f"{ns.WST13}/RSTRC/IssueFinal"


class TestRow18:
    def test_row_18_the_response_holds_these_elements_in_this_order(self, client):
        assert names(client.rstr(client.issue())) == [
            "TokenType",
            "RequestedSecurityToken",
            "RequestedAttachedReference",
            "RequestedUnattachedReference",
            "AppliesTo",
            "Lifetime",
            "RequestType",
            "KeyType",
        ]

    def test_row_18_the_request_type_is_repeated(self, client):
        answer = client.issue()
        assert client.rstr(answer).findtext(f"{{{client.trust}}}RequestType") == f"{client.trust}/Issue"

    @EACH_TYPE
    def test_row_18_times_are_utc_with_three_fraction_digits(self, client, token_type):
        answer = client.issue(token_type=token_type)
        times = [element.text for element in answer.root.iter(f"{{{ns.WSU}}}Created", f"{{{ns.WSU}}}Expires")]
        times += [
            value
            for element in assertion_of(answer).iter(etree.Element)
            for name, value in element.items()
            if name in ("IssueInstant", "NotBefore", "NotOnOrAfter", "AuthnInstant", "AuthenticationInstant")
        ]
        assert len(times) >= 8
        assert all(TIME.fullmatch(time) for time in times)

    def test_row_18_fractions_finer_than_milliseconds_are_cut(self):
        sts = Sts()
        sts.clock.now = NOON.replace(microsecond=999_999)
        assert sts.issue().find(".//t:Lifetime/u:Created").text == "2026-11-23T12:00:00.999Z"


class TestRow19:
    @EACH_TYPE
    def test_row_19_both_references_name_the_token_by_its_id(self, client, token_type):
        answer = client.issue(token_type=token_type)
        token = assertion_of(answer)
        identifier, kind, value_type = (
            (token.get("ID"), ns.TP11_SAML20, ns.SAML20_KEY_IDENTIFIER)
            if token_type == ns.SAML20
            else (token.get("AssertionID"), ns.TP11_SAML11, ns.SAML11_KEY_IDENTIFIER)
        )
        for name in ("RequestedAttachedReference", "RequestedUnattachedReference"):
            (reference,) = client.rstr(answer).find(f"{{{client.trust}}}{name}")
            assert reference.tag == f"{{{ns.WSSE}}}SecurityTokenReference"
            assert dict(reference.attrib) == {f"{{{ns.WSSE11}}}TokenType": kind}
            (key_identifier,) = reference
            assert key_identifier.tag == f"{{{ns.WSSE}}}KeyIdentifier"
            assert dict(key_identifier.attrib) == {"ValueType": value_type}
            assert key_identifier.text == identifier

    def test_row_19_the_uris_are_the_token_profiles_own(self):
        profile = "http://docs.oasis-open.org/wss/oasis-wss-saml-token-profile-1."
        assert profile + "1#SAMLV2.0" == ns.TP11_SAML20
        assert profile + "1#SAMLID" == ns.SAML20_KEY_IDENTIFIER
        assert profile + "1#SAMLV1.1" == ns.TP11_SAML11
        assert profile + "0#SAMLAssertionID" == ns.SAML11_KEY_IDENTIFIER


class TestRow20:
    def test_row_20_a_bearer_answer_has_neither_proof_token_nor_entropy_nor_key_size(self, client):
        entropy = "<t:Entropy><t:BinarySecret>TCXuKKD6bzPFFkRr38romvFen2eptJp6HGo8KjiYW9Y=</t:BinarySecret></t:Entropy>"
        answer = client.issue(entropy, f"<t:KeyType>{client.trust}/Bearer</t:KeyType>")
        assert answer.status == 200
        for name in ("RequestedProofToken", "Entropy", "KeySize", "BinarySecret", "ComputedKey"):
            assert not list(answer.root.iter(f"{{{client.trust}}}{name}"))


class TestRow22:
    def test_row_22_saml_20_has_its_signature_second_after_issuer(self, client):
        assert names(assertion_of(client.issue(token_type=ns.SAML20))) == [
            "Issuer",
            "Signature",
            "Subject",
            "Conditions",
            "AuthnStatement",
            "AttributeStatement",
        ]

    def test_row_22_saml_11_begins_with_conditions_and_ends_with_its_signature(self, client):
        assert names(assertion_of(client.issue(token_type=ns.SAML11))) == [
            "Conditions",
            "AuthenticationStatement",
            "AttributeStatement",
            "Signature",
        ]

    @EACH_TYPE
    @pytest.mark.parametrize("algorithm", ["rsa-2048", "ec-p256"])
    def test_row_22_the_signature_has_one_reference_and_exactly_two_transforms(self, client, token_type, algorithm):
        answer = replace(client, sts=Sts(algorithm=algorithm)).issue(token_type=token_type)
        token = assertion_of(answer)
        (reference,) = token.iter(f"{{{ns.DS}}}Reference")
        assert reference.get("URI") == "#" + (token.get("ID") or token.get("AssertionID"))
        assert [transform.get("Algorithm") for transform in reference.iter(f"{{{ns.DS}}}Transform")] == [
            ns.ENVELOPED,
            ns.EXC_C14N,
        ]
        assert token.find("ds:Signature/ds:SignedInfo/ds:CanonicalizationMethod", NAMES).get("Algorithm") == ns.EXC_C14N
        assert len(list(token.iter(f"{{{ns.DS}}}X509Certificate"))) == 1

    @EACH_TYPE
    def test_row_22_the_signature_survives_what_clients_do_to_the_token(self, client, token_type):
        answer = client.issue(token_type=token_type)
        verify(answer.assertion)
        (requested,) = answer.root.iter(f"{{{client.trust}}}RequestedSecurityToken")
        verify(etree.tostring(requested[0]))  # every namespace in scope hoisted onto the assertion
        wrapper = etree.Element("{urn:x}Wrapper", nsmap={"wsse": ns.WSSE, "saml": "urn:other", None: "urn:default"})
        wrapper.append(etree.fromstring(answer.assertion))
        verify(etree.tostring(etree.fromstring(etree.tostring(wrapper))[0], with_tail=False))

    @EACH_TYPE
    def test_row_22_there_is_no_white_space_between_elements(self, client, token_type):
        answer = client.issue(token_type=token_type)
        assert re.search(rb">\s+<", answer.body) is None

    @EACH_TYPE
    def test_row_22_all_audiences_stand_in_one_restriction(self, client, token_type):
        parties = (replace(RELYING_PARTY, audiences=("urn:one", "https://rp.example.test/two")),)
        token = assertion_of(replace(client, sts=Sts(relying_parties=parties)).issue(token_type=token_type))
        space = ns.SAML20 if token_type == ns.SAML20 else ns.SAML11
        name = "AudienceRestriction" if token_type == ns.SAML20 else "AudienceRestrictionCondition"
        (restriction,) = token.iter(f"{{{space}}}{name}")
        assert [audience.text for audience in restriction] == ["urn:one", "https://rp.example.test/two"]

    def test_row_22_an_authentication_statement_tells_the_method(self, client):
        token = assertion_of(client.issue(token_type=ns.SAML20))
        assert token.find("saml2:AuthnStatement", NAMES).get("AuthnInstant") == instant(NOON)
        assert token.findtext(".//saml2:AuthnContextClassRef", None, NAMES) == ns.SAML20_AC_PASSWORD_PROTECTED
        statement = assertion_of(client.issue(token_type=ns.SAML11)).find("saml1:AuthenticationStatement", NAMES)
        assert statement.get("AuthenticationMethod") == ns.SAML11_AM_PASSWORD
        assert statement.get("AuthenticationInstant") == instant(NOON)

    def test_row_22_a_claim_of_saml_11_is_split_at_its_last_slash(self, client):
        token = assertion_of(client.issue(token_type=ns.SAML11))
        split = [(a.get("AttributeNamespace"), a.get("AttributeName")) for a in token.iter(f"{{{ns.SAML11}}}Attribute")]
        assert split == [
            ("http://schemas.xmlsoap.org/ws/2005/05/identity/claims", "emailaddress"),
            ("http://claims.example.test", "department"),
            ("http://claims.example.test", "orchestra"),
            ("http://schemas.microsoft.com/ws/2008/06/identity/claims", "role"),
        ]

    def test_row_22_a_bearer_confirmation_ends_and_names_a_recipient_only_where_asked(self, client):
        data = assertion_of(client.issue()).find(".//saml2:SubjectConfirmationData", NAMES)
        assert dict(data.attrib) == {"NotOnOrAfter": instant(NOON, timedelta(hours=1))}
        sts = Sts(relying_parties=(replace(RELYING_PARTY, recipient="https://rp.example.test/acs"),))
        data = assertion_of(replace(client, sts=sts).issue()).find(".//saml2:SubjectConfirmationData", NAMES)
        assert data.get("Recipient") == "https://rp.example.test/acs"

    @EACH_TYPE
    def test_row_22_without_anything_to_state_there_is_no_attribute_statement(self, client, token_type):
        sts = Sts(relying_parties=(replace(RELYING_PARTY, claim_rules=()),))
        token = assertion_of(replace(client, sts=sts).issue(token_type=token_type))
        assert "AttributeStatement" not in names(token)
        assert {"AuthnStatement", "AuthenticationStatement"} & set(names(token))


class TestRow22NameIdentifier:
    """The subject's name for each relying party, in both versions of SAML."""

    SUBJECT_DN = "CN=Alice,O=Orchestra"
    SECOND = "https://second.example.test/svc"

    def sts(self, rule: NameIdentifierRule, **more) -> Sts:
        party = replace(RELYING_PARTY, name_identifier=rule)
        second = replace(party, id="second", name="second", applies_to=(AppliesToRule(address=self.SECOND),))
        sts = Sts(relying_parties=(party, second))
        claims = (
            Claim(EMAIL, ("alice@example.test", "second@example.test")),
            Claim(UPN, ("alice@ad.example.test",)),
            Claim(ns.CLAIM_X500, (self.SUBJECT_DN,)),
        )
        sts.stores.accounts.put(account("alice", claims=claims))
        return sts

    @staticmethod
    def names(answer) -> list[tuple[str, str]]:
        """(format, value), once for each statement that has a subject."""
        token = assertion_of(answer)
        found = token.iter(f"{{{ns.SAML20}}}NameID", f"{{{ns.SAML11}}}NameIdentifier")
        return [(name.get("Format"), name.text) for name in found]

    @EACH_TYPE
    @pytest.mark.parametrize(
        ("rule", "value"),
        [
            (NameIdentifierRule(), "alice"),
            (NameIdentifierRule(format=ns.NAMEID_EMAIL, claim=EMAIL), "alice@example.test"),
            (NameIdentifierRule(format=ns.NAMEID_X509_SUBJECT, claim=ns.CLAIM_X500), SUBJECT_DN),
            (NameIdentifierRule(format=ns.NAMEID_UPN, claim=UPN), "alice@ad.example.test"),
            (NameIdentifierRule(format=ns.NAMEID_KERBEROS), "alice"),
        ],
        ids=["unspecified", "emailAddress", "X509SubjectName", "UPN", "Kerberos"],
    )
    def test_row_22_the_name_has_the_format_and_value_of_the_relying_partys_rule(self, client, token_type, rule, value):
        answer = replace(client, sts=self.sts(rule)).issue(token_type=token_type)
        assert set(self.names(answer)) == {(rule.format, value)}

    @EACH_TYPE
    def test_row_22_a_persistent_name_is_stable_and_different_for_each_relying_party_and_account(
        self, client, token_type
    ):
        here = replace(client, sts=self.sts(NameIdentifierRule(format=ns.NAMEID_PERSISTENT)))
        name = {
            key: self.names(here.issue(token_type=token_type, **how))[0]
            for key, how in {
                "first": {},
                "again": {},
                "second": {"address": self.SECOND},
                "bob": {"user": "bob"},
            }.items()
        }
        assert {format_ for format_, _ in name.values()} == {ns.NAMEID_PERSISTENT}
        assert name["first"] == name["again"]
        assert len({name["first"], name["second"], name["bob"]}) == 3
        assert not any("alice" in value for _, value in name.values())

    def test_row_22_a_persistent_name_is_the_same_in_both_versions_of_saml_and_after_a_restart(self, client):
        rule = NameIdentifierRule(format=ns.NAMEID_PERSISTENT)
        values = {
            self.names(replace(client, sts=self.sts(rule)).issue(token_type=token_type))[0][1]
            for token_type in (ns.SAML11, ns.SAML20)
        }
        assert len(values) == 1

    def test_row_22_a_persistent_name_says_whose_it_is(self, client):
        answer = replace(client, sts=self.sts(NameIdentifierRule(format=ns.NAMEID_PERSISTENT))).issue()
        name = assertion_of(answer).find(".//saml2:NameID", NAMES)
        assert name.get("NameQualifier") == "https://sts.example.test/trust"
        assert name.get("SPNameQualifier") == "rp"

    @EACH_TYPE
    def test_row_22_a_transient_name_is_new_each_time(self, client, token_type):
        here = replace(client, sts=self.sts(NameIdentifierRule(format=ns.NAMEID_TRANSIENT)))
        issued = [self.names(here.issue(token_type=token_type))[0] for _ in range(2)]
        assert issued[0] != issued[1]

    def test_row_22_without_the_claim_that_names_the_subject_there_is_no_token(self, client):
        sts = self.sts(NameIdentifierRule(format=ns.NAMEID_UPN, claim=UPN))
        answer = replace(client, sts=sts).issue(user="bob")
        assert answer.fault == (client.trust, "RequestFailed")
        assert sts.stores.issued_tokens.rows == {}


class TestRow25:
    @pytest.mark.parametrize("operation", ["Issue", "Validate", "Cancel", "fault", "header fault"])
    def test_row_25_every_answer_has_one_timestamp_and_relates_to_its_request(self, client, operation):
        answer = {
            "Issue": lambda: client.ask(messages.issue(trust=client.trust), operation="Issue"),
            "Validate": lambda: client.validate(client.token(), operation="Validate"),
            "Cancel": lambda: client.cancel(client.token(), operation="Cancel"),
            "fault": lambda: client.ask(messages.issue(trust=client.trust, address="urn:nobody"), operation="Issue"),
            "header fault": lambda: client.ask(messages.issue(trust=client.trust), operation="Issue", password="no"),
        }[operation]()
        assert_sound(answer, soap=client.soap)
        assert client.text(answer, "s:Header/a:RelatesTo") == MESSAGE_ID
        assert client.text(answer, "s:Header/a:Action") is not None
        timestamp = client.find(answer, "s:Header/o:Security/u:Timestamp")
        assert names(timestamp) == ["Created", "Expires"]
        assert [element.text for element in timestamp] == [instant(NOON), instant(NOON, timedelta(minutes=5))]

    def test_row_25_the_security_of_an_answer_is_mandatory_and_that_of_a_fault_is_not(self, client):
        """Rampart does not read that of a fault whose code is of WS-Security."""
        must_understand = f"{{{messages.SOAP[client.soap]}}}mustUnderstand"
        answers = (client.issue(), client.issue(password="wrong"), client.issue(address="urn:nobody"))
        written = [client.find(answer, "s:Header/o:Security").get(must_understand) for answer in answers]
        assert written == ["1", None, None]

    def test_row_25_without_addressing_in_the_request_there_is_none_in_the_answer(self, client):
        for answer in (client.issue(), client.issue(password="wrong")):
            assert names(client.find(answer, "s:Header")) == ["Security"]

    @pytest.mark.parametrize("password", ["clarinet", "wrong"])
    @pytest.mark.parametrize(("namespace", "destination"), [(ns.WSA, None), (ns.WSA04, ns.WSA04_ANONYMOUS)])
    def test_row_25_the_answer_has_the_destination_that_addressing_of_2004_requires(
        self, client, namespace, destination, password
    ):
        action = f'<a:Action xmlns:a="{namespace}">{client.trust}/RST/Issue</a:Action>'
        header = client.find(client.issue(headers=(action,), password=password), "s:Header")
        assert header.find(f"{{{namespace}}}Action") is not None
        assert header.findtext(f"{{{namespace}}}To") == destination

    def test_row_25_a_fault_has_the_fault_action(self, client):
        answer = client.ask(messages.issue(trust=client.trust, address="urn:nobody"), operation="Issue")
        assert client.text(answer, "s:Header/a:Action") == ns.WSA_SOAP_FAULT
