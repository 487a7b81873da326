"""Sections 8 and 9 of the wire contract: what real clients and servers taught, as far as passwords, bearer tokens,
Issue, Validate and Cancel are concerned. One test for each lesson; the lesson is its name."""

import base64
from dataclasses import replace
from datetime import timedelta

import pytest
from lxml import etree

from tests import messages
from tests.conformance.client import PATHS, assert_sound, by_reference, names
from tests.fakes import NOON
from tests.harness import ENDPOINTS, PUBLIC_URL, Sts
from tests.messages import NAMES, SOAP, instant
from wstrust_sts import ns
from wstrust_sts.bindings.http import Request

WSDL_NAMES = {"wsdl": ns.WSDL, "sp11": ns.SP11}


def wsdl(sts, path: str) -> bytes:
    return sts.request(Request(method="GET", path=path, query="wsdl")).body


class TestMetroAndRampart:
    def test_a_fault_has_its_security_header_or_they_hide_its_text(self, client):
        """Metro says "Invalid Security Header" and Rampart "SOAP header missing" instead."""
        for answer in (
            client.issue(password="wrong"),
            client.issue(address="urn:x"),
            client.sts.post("<", **client.how),
        ):
            assert answer.status == 500
            assert_sound(answer, soap=client.soap)

    @pytest.mark.parametrize("path", PATHS.values())
    def test_nested_policies_of_the_wsdl_are_in_the_one_namespace_that_rampart_reads(self, sts, path):
        policies = [
            element
            for element in etree.fromstring(wsdl(sts, path)).iter(etree.Element)
            if etree.QName(element).localname in ("Policy", "PolicyReference", "ExactlyOne", "All")
        ]
        assert len(policies) > 10
        assert {etree.QName(element).namespace for element in policies} <= {ns.WSP04, ns.WST13, ns.XS}

    def test_rampart_writes_applies_to_with_addressing_of_2004(self, client):
        answer = client.ask(client.rst("Issue", messages.applies_to(wsa=ns.WSA04)))
        assert answer.status == 200

    def test_policy_driven_metro_puts_all_into_secondary_parameters(self, client):
        """Algorithms of the policy among it, and on top only what the client itself adds."""
        secondary = (
            f"<t:TokenType>{ns.TP11_SAML20}</t:TokenType><t:KeyType>{client.trust}/Bearer</t:KeyType>"
            f"<t:CanonicalizationAlgorithm>{ns.EXC_C14N}</t:CanonicalizationAlgorithm>"
            f"<t:EncryptionAlgorithm>{ns.XENC}aes256-cbc</t:EncryptionAlgorithm>"
            f"<t:EncryptWith>{ns.XENC}aes256-cbc</t:EncryptWith><t:SignWith>{ns.DS}hmac-sha1</t:SignWith>"
        )
        body = client.rst(
            "Issue",
            messages.applies_to(),
            f"<t:SecondaryParameters>{secondary}</t:SecondaryParameters>",
            "<t:Entropy/>",
        )
        answer = client.ask(body)
        assert answer.status == 200
        assert client.rstr(answer).findtext(f"{{{client.trust}}}TokenType") == ns.TP11_SAML20


class TestCxf:
    def test_the_2005_wsdl_answers_issue_with_a_bare_response_and_names_trust10_of_2005(self, sts):
        document = etree.fromstring(wsdl(sts, PATHS[ns.WST05]))
        output = document.find("wsdl:portType/wsdl:operation[@name='Issue']/wsdl:output", WSDL_NAMES).get("message")
        part = document.find(f"wsdl:message[@name='{output.partition(':')[2]}']/wsdl:part", WSDL_NAMES)
        prefix, _, name = part.get("element").partition(":")
        assert (part.nsmap[prefix], name) == (ns.WST05, "RequestSecurityTokenResponse")
        assert document.find(".//sp11:Trust10", WSDL_NAMES) is not None

    @pytest.mark.parametrize("soap", ["1.1", "1.2"])
    def test_its_soapaction_for_a_security_context_is_understood_though_no_wsdl_names_it(self, sts, soap):
        body = messages.envelope(
            messages.issue(token_type=ns.SCT13_TOKEN_TYPE, address=PUBLIC_URL),
            messages.security(messages.timestamp(NOON), messages.username_token()),
            soap=soap,
        )
        answer = sts.post(body, soap=soap, soapaction=f'"{ns.WST13}/RST/SCT"')
        assert answer.find(".//{*}SecurityContextToken") is not None

    def test_its_empty_renewing_asks_for_nothing(self, client):
        assert client.issue("<t:Renewing/>").status == 200

    def test_its_entropy_beside_a_bearer_key_type_is_no_key(self, client):
        entropy = (
            f'<t:Entropy><t:BinarySecret Type="{client.trust}/Nonce">V/oOB0xidOWJ+wxeufEti7KC0pRZ4kZ/XOSPkVmPSGk='
            "</t:BinarySecret></t:Entropy>"
        )
        answer = client.issue(entropy, f"<t:KeyType>{client.trust}/Bearer</t:KeyType>")
        assert answer.status == 200
        assert not list(answer.root.iter(f"{{{client.trust}}}RequestedProofToken"))


class TestMsalForJava:
    """Its template: lower-case wsa:messageID, Password without Type, times without fractions, no TokenType."""

    def envelope(self, trust: str, *, password: str = "clarinet") -> str:
        key_type = f"{trust}/Bearer" if trust == ns.WST13 else ns.NO_PROOF_KEY
        return (
            f"<s:Envelope xmlns:s='{ns.SOAP12}' xmlns:wsa='{ns.WSA}' xmlns:wsu='{ns.WSU}'><s:Header>"
            f"<wsa:Action s:mustUnderstand='1'>{trust}/RST/Issue</wsa:Action>"
            "<wsa:messageID>urn:uuid:b6f4ba40-0d1e-4c1a-a0a6-8d0a4b0f9f53</wsa:messageID><wsa:ReplyTo>"
            f"<wsa:Address>{ns.WSA_ANONYMOUS}</wsa:Address></wsa:ReplyTo>"
            "<wsa:To s:mustUnderstand='1'>https://adfs.example.test/adfs/services/trust/13/usernamemixed</wsa:To>"
            f"<wsse:Security s:mustUnderstand='1' xmlns:wsse='{ns.WSSE}'><wsu:Timestamp wsu:Id='MSATimeStamp'>"
            "<wsu:Created>2026-11-23T12:00:00Z</wsu:Created><wsu:Expires>2026-11-23T12:10:00Z</wsu:Expires>"
            "</wsu:Timestamp><wsse:UsernameToken wsu:Id='ADALUsernameToken'><wsse:Username>alice</wsse:Username>"
            f"<wsse:Password>{password}</wsse:Password></wsse:UsernameToken></wsse:Security></s:Header><s:Body>"
            f"<wst:RequestSecurityToken xmlns:wst='{trust}'><wsp:AppliesTo xmlns:wsp='{ns.WSP04}'>"
            f"<wsa:EndpointReference><wsa:Address>{messages.RP}</wsa:Address></wsa:EndpointReference></wsp:AppliesTo>"
            f"<wst:KeyType>{key_type}</wst:KeyType><wst:RequestType>{trust}/Issue</wst:RequestType>"
            "</wst:RequestSecurityToken></s:Body></s:Envelope>"
        )

    @pytest.mark.parametrize("trust", PATHS)
    def test_its_request_is_served_and_not_related_to(self, sts, trust):
        answer = sts.post(self.envelope(trust), path=PATHS[trust], soapaction=f"{trust}/RST/Issue")
        assert answer.status == 200
        assert answer.find("s12:Header/a:Action") is not None
        assert answer.find("s12:Header/a:RelatesTo") is None
        assert b"Assertion" in answer.body

    @pytest.mark.parametrize("trust", PATHS)
    def test_it_repeats_a_request_that_got_http_500_and_gets_the_same_again(self, sts, trust):
        envelope = self.envelope(trust, password="wrong")
        faults = {sts.post(envelope, path=PATHS[trust]).fault for _ in range(3)}
        assert faults == {(ns.WSSE, "FailedAuthentication")}
        assert sts.post(self.envelope(trust), path=PATHS[trust]).status == 200


class TestConsumers:
    def test_go_consumers_want_the_end_in_the_confirmation_of_a_bearer_token(self, client):
        data = etree.fromstring(client.issue().assertion).find(".//saml2:SubjectConfirmationData", NAMES)
        assert data.get("NotOnOrAfter") == instant(NOON, timedelta(hours=1))

    def test_lasso_and_python3_saml_want_the_signature_second(self, client):
        assert names(etree.fromstring(client.issue().assertion))[:2] == ["Issuer", "Signature"]

    @pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda endpoint: endpoint.path)
    def test_wcf_stops_reading_a_wsdl_at_64_kib(self, sts, endpoint):
        document = wsdl(sts, endpoint.path)
        assert len(document) < 64 * 1024
        assert b"schemaLocation" not in document

    def test_wcf_throws_on_a_proof_token_beside_bearer(self, client):
        answer = client.issue(f"<t:KeySize>0</t:KeySize><t:KeyType>{client.trust}/Bearer</t:KeyType>")
        assert {"RequestedProofToken", "Entropy", "KeySize"}.isdisjoint(names(client.rstr(answer)))


class TestText:
    """A name or value is one text node: what some readers would skip or cut is refused, not joined and not cut."""

    @pytest.mark.parametrize("between", ["<!-- -->", "<?php x?>", "<![CDATA[]]>", "<x xmlns=''/>"])
    @pytest.mark.parametrize("name", ["alice", "clarinet", messages.RP, ns.TP11_SAML20, f"{ns.WST13}/Issue"])
    def test_nothing_hides_inside_a_text(self, sts, name, between):
        half = len(name) // 2
        broken = name[:half] + between + name[half:]
        text = messages.envelope(
            messages.issue(), messages.security(messages.timestamp(NOON), messages.username_token())
        ).replace(f">{name}<", f">{broken}<")
        assert broken in text
        assert sts.post(text).code in ("InvalidRequest", "InvalidSecurity")

    @pytest.mark.parametrize("between", ["<!-- -->", "<x xmlns=''/>"])
    @pytest.mark.parametrize("value", ["alice", "alice@example.test", messages.RP, "https://sts.example.test/trust"])
    def test_nothing_hides_inside_a_text_of_a_target(self, client, value, between):
        token = client.token()
        half = len(value) // 2
        broken = token.replace(f">{value}<", f">{value[:half]}{between}{value[half:]}<", 1)
        assert broken != token
        assert client.validate(broken).status_code == "invalid"


class TestServers:
    def test_a_verdict_belongs_to_the_whole_token_and_not_to_its_signature_or_id(self, client):
        """Asked before and after, the good token stays good and its bad copy bad."""
        token = client.token()
        copy = token.replace("philharmonic", "ensemble")
        verdicts = [client.validate(target).status_code for target in (token, copy, token, copy)]
        assert verdicts == ["valid", "invalid"] * 2

    def test_a_cancelled_token_is_not_remembered_as_valid(self, client):
        token = client.token()
        assert client.validate(token).status_code == "valid"
        client.cancel(token)
        assert client.validate(token).status_code == "invalid"

    def test_a_nonce_in_another_spelling_is_the_same_nonce(self):
        sts = Sts()
        octets = b"\x00\xff a nonce that is spelled differently"
        plain = base64.b64encode(octets).decode()
        spellings = [plain, f"\n{plain[:8]} {plain[8:]}\t"]
        statuses = [sts.issue(more=f"<o:Nonce>{spelling}</o:Nonce>").status for spelling in (*spellings, *spellings)]
        assert statuses == [200, 500, 500, 500]

    def test_an_unregistered_participant_is_refused(self, client):
        reference = f'<a:EndpointReference xmlns:a="{ns.WSA}"><a:Address>urn:nobody</a:Address></a:EndpointReference>'
        body = f"<t:Participants><t:Participant>{reference}</t:Participant></t:Participants>"
        assert client.issue(body).fault == (client.trust, "InvalidScope")

    @pytest.mark.parametrize("behind", ["<s:Body/>", "<x/>", "text", "<!-- --><x/>"])
    def test_nothing_behind_the_body_is_ignored(self, client, behind):
        text = messages.envelope(
            messages.issue(trust=client.trust),
            messages.security(messages.timestamp(NOON), messages.username_token()),
            soap=client.soap,
        )
        answer = client.sts.post(text.replace("</s:Body>", f"</s:Body>{behind}"), **client.how)
        assert answer.fault == (client.trust, "InvalidRequest")
        answer = client.sts.post(text + behind.replace("s:", "").replace("<!-- -->", ""), **client.how)
        assert answer.code in ("Client", "Sender")

    def test_a_document_that_is_not_the_media_type_it_says_is_refused(self, sts):
        text = messages.envelope(
            messages.issue(), messages.security(messages.timestamp(NOON), messages.username_token())
        )
        assert sts.post(text, soap="1.1").fault == (SOAP["1.1"], "VersionMismatch")
        assert sts.post(text.encode("utf-16"), content_type="application/soap+xml; charset=utf-16le").status == 200
        assert sts.post(text, content_type="application/soap+xml; charset=utf-16").code == "Sender"

    @pytest.mark.parametrize("spoilt", ["", " ", "_", "%", "_" + "0" * 32, "' OR 1=1 --", "x" * 1000])
    def test_an_issued_token_is_known_by_no_other_id(self, client, spoilt):
        token = client.token()
        reference = by_reference(token).replace(etree.fromstring(token).get("ID"), spoilt)
        assert client.validate(reference).status_code == "invalid"

    def test_only_the_realms_own_issuer_name_is_believed(self, client):
        """The same key under another name issues nothing that we honour."""
        sts = Sts()
        realm = sts.stores.realms.rows["default"]
        sts.stores.realms.rows["default"] = replace(realm, issuer="https://other.example.test/")
        elsewhere = replace(client, sts=sts)
        token = elsewhere.token()
        sts.stores.realms.rows["default"] = realm
        assert elsewhere.validate(token).status_code == "invalid"
