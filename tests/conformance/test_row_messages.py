"""Rows 1 to 4 of the wire contract: which messages are read, and what they are taken for."""

from xml.sax.saxutils import escape

import pytest
from lxml import etree

from tests import messages
from tests.conformance.client import MESSAGE_ID, assert_sound
from tests.harness import PUBLIC_URL, Sts
from tests.messages import MEDIA_TYPE, SOAP
from wstrust_sts import ns

ISSUE13 = f"{ns.WST13}/RST/Issue"


def signed_in(sts, body: str, *headers: str, soap: str = "1.2") -> str:
    """An envelope with a good Security header."""
    protection = messages.security(messages.timestamp(sts.clock.now), messages.username_token())
    return messages.envelope(body, *headers, protection, soap=soap)


def issue_request(sts, *, soap: str = "1.2", headers: tuple[str, ...] = ()) -> str:
    return signed_in(sts, messages.issue(), *headers, soap=soap)


def addressed(*headers: str, action: str = ISSUE13, namespace: str = ns.WSA) -> str:
    return (
        f'<a:Action xmlns:a="{namespace}" s:mustUnderstand="1">{action}</a:Action>'
        f'<a:MessageID xmlns:a="{namespace}">{MESSAGE_ID}</a:MessageID>{"".join(headers)}'
    )


def reply_address(name: str, address: str, namespace: str = ns.WSA) -> str:
    return f'<a:{name} xmlns:a="{namespace}"><a:Address>{address}</a:Address></a:{name}>'


class TestRow1:
    def test_row_1_both_soap_versions_are_served_at_every_endpoint(self, client):
        answer = client.issue()
        assert answer.status == 200
        assert_sound(answer, soap=client.soap)

    @pytest.mark.parametrize("written", [f'"{ISSUE13}"', ISSUE13, f' "{ISSUE13}" ', '""', ""])
    @pytest.mark.parametrize("soap", ["1.1", "1.2"])
    def test_row_1_soapaction_may_be_quoted_unquoted_or_empty_beside_either_version(self, sts, soap, written):
        assert sts.post(issue_request(sts, soap=soap), soap=soap, soapaction=written).status == 200

    def test_row_1_the_action_parameter_of_soap_12_may_be_there_or_not(self, sts):
        for content_type in (
            messages.content_type("1.2", action=ISSUE13),
            f"application/soap+xml;action={ISSUE13};charset=UTF-8",
            'application/soap+xml; charset="utf-8"; action=""',
            "application/soap+xml",
            "Application/SOAP+XML; Charset=Utf-8",
        ):
            assert sts.post(issue_request(sts), content_type=content_type).status == 200, content_type

    @pytest.mark.parametrize(
        ("before", "charset", "encode"),
        [
            ("", "utf-8", lambda text: b"\xef\xbb\xbf" + text.encode()),
            ('<?xml version="1.0" encoding="utf-8"?>', "utf-8", str.encode),
            ("<?xml version='1.0' encoding='UTF-8' standalone='yes'?>\r\n", "utf-8", str.encode),
            (" \r\n\t", "utf-8", str.encode),
            ('\r\n<?xml version="1.0"?>\n', "utf-8", str.encode),
            ('<?xml version="1.0" encoding="utf-8"?>', "utf-8", lambda text: b"\xef\xbb\xbf" + text.encode()),
            ("", "utf-16", lambda text: text.encode("utf-16")),
            ('<?xml version="1.0" encoding="utf-16"?>', "utf-16", lambda text: text.encode("utf-16")),
            ("\ufeff", "utf-16be", lambda text: text.encode("utf-16-be")),
            ("", "UTF-16LE", lambda text: text.encode("utf-16-le")),
            ("", "us-ascii", str.encode),
        ],
        ids=[
            "byte-order mark",
            "declaration",
            "declaration in single quotes, line end",
            "leading white space",
            "white space before the declaration",
            "byte-order mark and declaration",
            "UTF-16",
            "UTF-16 with declaration",
            "UTF-16BE with byte-order mark",
            "UTF-16LE without byte-order mark",
            "US-ASCII",
        ],
    )
    @pytest.mark.parametrize("soap", ["1.1", "1.2"])
    def test_row_1_a_message_may_begin_and_be_encoded_as_real_ones_are(self, sts, soap, before, charset, encode):
        octets = encode(before + issue_request(sts, soap=soap))
        answer = sts.post(octets, soap=soap, content_type=f"{MEDIA_TYPE[soap]}; charset={charset}")
        assert answer.status == 200
        assert answer.content_type == messages.content_type(soap)

    def test_row_1_utf_16_without_a_charset_is_known_by_its_byte_order_mark(self, sts):
        octets = issue_request(sts, soap="1.1").encode("utf-16")
        assert sts.post(octets, soap="1.1", content_type="text/xml").status == 200

    def test_row_1_what_is_read_is_the_same_in_every_encoding(self):
        sts = Sts()
        context = "Grüße Ωmega 漢字"
        body = messages.issue(attributes=f' Context="{context}"')
        for encoding, charset in (("utf-8", "utf-8"), ("utf-16", "utf-16")):
            answer = sts.post(
                signed_in(sts, body).encode(encoding), content_type=f"application/soap+xml;charset={charset}"
            )
            assert answer.find(".//t:RequestSecurityTokenResponse").get("Context") == context

    @pytest.mark.parametrize("soap", ["1.1", "1.2"])
    @pytest.mark.parametrize(
        "namespace", ["http://www.w3.org/2001/12/soap-envelope", "http://schemas.xmlsoap.org/soap/envelope", "urn:x"]
    )
    def test_row_1_another_envelope_namespace_is_a_version_mismatch(self, sts, soap, namespace):
        answer = sts.post(issue_request(sts, soap=soap).replace(SOAP[soap], namespace), soap=soap)
        assert (answer.status, answer.fault) == (500, (SOAP[soap], "VersionMismatch"))
        assert_sound(answer, soap=soap)

    def test_row_1_an_envelope_of_the_other_version_than_its_media_type_is_a_version_mismatch(self, sts):
        for named, written in (("1.1", "1.2"), ("1.2", "1.1")):
            answer = sts.post(issue_request(sts, soap=written), soap=named)
            assert answer.fault == (SOAP[named], "VersionMismatch")

    def test_row_1_a_soap_12_version_mismatch_names_the_versions_that_are_read(self, sts):
        answer = sts.post(issue_request(sts, soap="1.1"), soap="1.2")
        supported = answer.root.findall(f".//{{{ns.SOAP12}}}Upgrade/{{{ns.SOAP12}}}SupportedEnvelope")
        read = []
        for envelope in supported:
            prefix, _, name = envelope.get("qname").partition(":")
            read.append((envelope.nsmap[prefix], name))
        assert sorted(read) == sorted([(ns.SOAP11, "Envelope"), (ns.SOAP12, "Envelope")])

    @pytest.mark.parametrize(
        "content_type",
        [
            'multipart/related; type="application/xop+xml"; boundary=b; start-info="application/soap+xml"',
            "multipart/form-data; boundary=b",
            "application/xop+xml; type=text/xml",
        ],
    )
    def test_row_1_multipart_is_refused(self, sts, content_type):
        body = f"--b\r\nContent-Type: application/soap+xml\r\n\r\n{issue_request(sts)}\r\n--b--\r\n"
        answer = sts.post(body, content_type=content_type)
        assert answer.status == 415
        assert b"Envelope" not in answer.body


class TestRow2:
    @pytest.mark.parametrize("operation", ["Issue", "Validate", "Cancel"])
    def test_row_2_the_action_alone_names_the_operation(self, client, operation):
        """No RequestType: the target tells whether the right operation ran."""
        target = f"<t:{operation}Target>{client.token()}</t:{operation}Target>" if operation != "Issue" else ""
        body = (
            f'<t:RequestSecurityToken xmlns:t="{client.trust}">{messages.applies_to()}{target}</t:RequestSecurityToken>'
        )
        answer = client.ask(body, operation=operation)
        assert answer.status == 200
        expected = {"Issue": "RequestedSecurityToken", "Validate": "Status", "Cancel": "RequestedTokenCancelled"}
        assert client.find(answer, f".//t:{expected[operation]}") is not None

    def test_row_2_soapaction_or_the_action_parameter_names_the_operation_where_there_is_no_addressing(self, sts):
        body = messages.issue().replace(f"<t:RequestType>{ns.WST13}/Issue</t:RequestType>", "")
        request = signed_in(sts, body)
        assert sts.post(request).code == "InvalidRequest"
        assert sts.post(request, soapaction=f'"{ISSUE13}"').status == 200
        assert sts.post(request, content_type=messages.content_type(action=ISSUE13)).status == 200

    def test_row_2_request_type_alone_names_the_operation(self, client):
        assert client.issue().status == 200

    def test_row_2_white_space_around_the_action_is_trimmed(self, sts):
        assert sts.issue(headers=(addressed(action=f"\r\n  {ISSUE13}\t"),)).status == 200

    @pytest.mark.parametrize("soap", ["1.1", "1.2"])
    def test_row_2_actions_that_disagree_are_an_invalid_request(self, sts, soap):
        other = f"{ns.WST13}/RST/Cancel"
        with_action = issue_request(sts, soap=soap, headers=(addressed(),))
        assert sts.post(with_action, soap=soap, soapaction=f'"{other}"').code == "InvalidRequest"
        by_parameter = f'{MEDIA_TYPE[soap]}; action="{other}"'
        assert sts.post(with_action, soap=soap, content_type=by_parameter).code == "InvalidRequest"
        assert (
            sts.post(issue_request(sts, soap=soap), soap=soap, content_type=by_parameter, soapaction=ISSUE13).code
            == "InvalidRequest"
        )

    def test_row_2_an_action_and_a_request_type_that_disagree_are_an_invalid_request(self, client):
        answer = client.ask(messages.issue(trust=client.trust), operation="Cancel")
        assert answer.fault == (client.trust, "InvalidRequest")

    @pytest.mark.parametrize("identifier", ["2c8e0b3e-7a5f-4d53-8b0d-0d4fd1a1c0de", "uuid:1-2-3", "urn:x?a=1&b=<2>"])
    def test_row_2_a_message_id_of_any_form_is_related_to(self, sts, identifier):
        answer = sts.issue(headers=(messages.addressing(ISSUE13, message_id=escape(identifier)),))
        assert answer.text("s12:Header/a:RelatesTo") == identifier

    def test_row_2_without_a_message_id_there_is_no_relates_to(self, sts):
        for name in ("", f'<a:messageID xmlns:a="{ns.WSA}">urn:uuid:1</a:messageID>'):
            action = f'<a:Action xmlns:a="{ns.WSA}" s:mustUnderstand="1">{ISSUE13}</a:Action>'
            answer = sts.issue(headers=(action, name))
            assert answer.status == 200
            assert answer.text("s12:Header/a:Action") == f"{ns.WST13}/RSTRC/IssueFinal"
            assert answer.find("s12:Header/a:RelatesTo") is None

    def test_row_2_an_unknown_header_that_is_not_mandatory_is_ignored(self, client):
        unknown = '<x:Routing xmlns:x="urn:x"><x:via>anywhere</x:via></x:Routing>'
        explicit = '<x:Other xmlns:x="urn:x" s:mustUnderstand="0"/>'
        assert client.issue(headers=(unknown, explicit)).status == 200

    def test_row_2_a_mandatory_header_that_is_not_understood_is_refused(self, client):
        answer = client.issue(
            headers=(
                messages.addressing(f"{client.trust}/RST/Issue", message_id=MESSAGE_ID),
                '<x:Routing xmlns:x="urn:x" s:mustUnderstand="1"/>',
            )
        )
        assert (answer.status, answer.fault) == (500, (SOAP[client.soap], "MustUnderstand"))
        assert client.text(answer, "s:Header/a:RelatesTo") == MESSAGE_ID
        assert_sound(answer, soap=client.soap)
        not_understood = client.find(answer, "s:Header/s:NotUnderstood")
        if client.soap == "1.1":
            assert not_understood is None
        else:
            prefix, _, name = not_understood.get("qname").partition(":")
            assert (not_understood.nsmap[prefix], name) == ("urn:x", "Routing")

    def test_row_2_a_mandatory_header_for_another_role_is_not_ours_to_understand(self, sts):
        for soap, role in (("1.1", "actor"), ("1.2", "role")):
            block = f'<x:Routing xmlns:x="urn:x" s:mustUnderstand="1" s:{role}="urn:some:router"/>'
            assert sts.issue(headers=(block,), soap=soap).status == 200
            everyone = ns.SOAP11_NEXT if soap == "1.1" else ns.SOAP12_NEXT
            block = f'<x:Routing xmlns:x="urn:x" s:mustUnderstand="1" s:{role}="{everyone}"/>'
            assert sts.issue(headers=(block,), soap=soap).code == "MustUnderstand"

    @pytest.mark.parametrize(
        ("namespace", "anonymous"), [(ns.WSA, ns.WSA_ANONYMOUS), (ns.WSA04, ns.WSA04_ANONYMOUS)], ids=["2005", "2004"]
    )
    @pytest.mark.parametrize("name", ["ReplyTo", "FaultTo"])
    def test_row_2_replies_go_back_on_the_same_connection_or_nowhere(self, sts, name, namespace, anonymous):
        at_home = addressed(reply_address(name, f"\n {anonymous} ", namespace), namespace=namespace)
        assert sts.issue(headers=(at_home,)).status == 200
        for elsewhere in ("https://attacker.example.test/", f"{ns.WSA}/none", "", "urn:x"):
            away = addressed(reply_address(name, elsewhere, namespace), namespace=namespace)
            answer = sts.issue(headers=(away,))
            assert answer.fault == (namespace, "OnlyAnonymousAddressSupported")
            assert answer.root.findtext(f".//{{{namespace}}}RelatesTo") == MESSAGE_ID
            assert_sound(answer, soap="1.2")
            assert b"attacker" not in answer.body

    def test_row_2_a_reply_address_without_exactly_one_address_is_refused(self, sts):
        for inside in ("", f"<a:Address>{ns.WSA_ANONYMOUS}</a:Address>" * 2):
            header = addressed(f'<a:ReplyTo xmlns:a="{ns.WSA}">{inside}</a:ReplyTo>')
            assert sts.issue(headers=(header,)).code == "InvalidRequest"

    @pytest.mark.parametrize("soap", ["1.1", "1.2"])
    def test_row_2_an_unknown_action_is_not_supported(self, sts, soap):
        for action in (
            f"{ns.WST13}/RST/Nonsense",
            f"{ns.WST05}/RST/Issue",
            f"{ns.WST13}/RST/SCT/Validate",
            f"{ns.WST13}/Issue",
        ):
            answer = sts.issue(headers=(addressed(action=action),), soap=soap)
            assert (answer.status, answer.fault) == (500, (ns.WSA, "ActionNotSupported"))
            assert answer.root.findtext(f".//{{{ns.WSA}}}Action") == ns.WSA_FAULT
            assert_sound(answer, soap=soap)

    def test_row_2_doubled_and_mixed_addressing_headers_are_refused(self, sts):
        twice = addressed() + f'<a:MessageID xmlns:a="{ns.WSA}">urn:uuid:2</a:MessageID>'
        mixed = addressed() + f'<a:To xmlns:a="{ns.WSA04}">urn:x</a:To>'
        for headers in (twice, mixed):
            assert sts.issue(headers=(headers,)).code == "InvalidRequest"


class TestRow3:
    TO = f'<a:To xmlns:a="{ns.WSA}" s:mustUnderstand="1">{{}}</a:To>'

    def test_row_3_to_is_not_bound_to_our_own_host(self, client):
        for to in ("https://localhost:9643/sts", "https://public.example.test/adfs/x", ns.WSA_ANONYMOUS):
            assert client.issue(headers=(self.TO.format(to),)).status == 200

    def test_row_3_a_strict_endpoint_wants_its_public_address(self, sts):
        strict = {"path": "/strict-to"}
        for to in (f"{PUBLIC_URL}/strict-to", f" {PUBLIC_URL}/strict-to\n", ns.WSA_ANONYMOUS):
            assert sts.issue(headers=(self.TO.format(to),), **strict).status == 200
        assert sts.issue(**strict).status == 200
        for to in ("https://localhost/strict-to", f"{PUBLIC_URL}/trust/13/usernamemixed", PUBLIC_URL):
            answer = sts.issue(headers=(addressed(self.TO.format(to)),), **strict)
            assert answer.fault == (ns.WSA, "DestinationUnreachable")
            assert answer.text("s12:Header/a:RelatesTo") == MESSAGE_ID

    def test_row_3_white_space_around_short_texts_is_trimmed(self, client):
        space = "\r\n\t  {} \n"
        bearer = f"{client.trust}/Bearer"
        body = (
            f'<t:RequestSecurityToken xmlns:t="{client.trust}">'
            f"<t:RequestType>{space.format(f'{client.trust}/Issue')}</t:RequestType>"
            f"<t:TokenType>{space.format(ns.SAML20)}</t:TokenType><t:KeyType>{space.format(bearer)}</t:KeyType>"
            f"{messages.applies_to(space.format(messages.RP))}</t:RequestSecurityToken>"
        )
        answer = client.ask(body)
        assert answer.status == 200
        rstr = client.rstr(answer)
        assert rstr.findtext(f"{{{client.trust}}}TokenType") == ns.SAML20
        assert rstr.findtext(f"{{{client.trust}}}KeyType") == bearer


class TestRow4:
    @pytest.mark.parametrize("wsp", [ns.WSP02, ns.WSP04, ns.WSP15], ids=["2002", "2004", "1.5"])
    @pytest.mark.parametrize("wsa", [ns.WSA, ns.WSA04], ids=["1.0", "2004"])
    def test_row_4_applies_to_is_read_in_every_version_and_echoed_as_it_came(self, client, wsp, wsa):
        applies_to = messages.applies_to(wsp=wsp, wsa=wsa)
        answer = client.ask(client.rst("Issue", applies_to))
        assert answer.status == 200
        echoed = client.rstr(answer).find(f"{{{wsp}}}AppliesTo")
        assert etree.tostring(echoed, method="c14n", exclusive=True).decode() == applies_to

    def test_row_4_the_echo_of_applies_to_keeps_white_space_extensions_and_the_prefixes_of_texts(self, sts):
        applies_to = (
            f'<p:AppliesTo xmlns:p="{ns.WSP02}">\n <a:EndpointReference xmlns:a="{ns.WSA04}">'
            f"<a:Address> {messages.RP}\n</a:Address>"
            '<a:ServiceName PortName="p">q:Service</a:ServiceName><x:More xmlns:x="urn:x" a="&lt;"/>'
            "</a:EndpointReference>\n</p:AppliesTo>"
        )
        body = messages.rst("Issue", applies_to, attributes=' xmlns:q="urn:q"')
        echoed = sts.ask(body).find(f".//t:RequestSecurityTokenResponse/{{{ns.WSP02}}}AppliesTo")
        assert etree.tostring(echoed, method="c14n", exclusive=True) == etree.tostring(
            etree.fromstring(applies_to), method="c14n", exclusive=True
        )
        assert echoed.find(f".//{{{ns.WSA04}}}ServiceName").nsmap["q"] == "urn:q"

    def test_row_4_the_answer_speaks_the_requests_versions(self, client):
        other = ns.WST05 if client.trust == ns.WST13 else ns.WST13
        for answer in (client.issue(), client.validate(client.token()), client.issue(address="urn:nobody")):
            assert client.trust.encode() in answer.body
            assert other.encode() not in answer.body

    @pytest.mark.parametrize("namespace", [ns.WSA, ns.WSA04], ids=["1.0", "2004"])
    def test_row_4_the_answer_speaks_the_requests_version_of_addressing(self, sts, namespace):
        answer = sts.issue(headers=(addressed(namespace=namespace),))
        header = answer.find("s12:Header")
        assert header.findtext(f"{{{namespace}}}Action") == f"{ns.WST13}/RSTRC/IssueFinal"
        assert header.findtext(f"{{{namespace}}}RelatesTo") == MESSAGE_ID

    def test_row_4_a_request_in_the_other_version_than_the_endpoints_is_refused(self, sts):
        for path, trust in (("/trust/13/usernamemixed", ns.WST05), ("/trust/2005/usernamemixed", ns.WST13)):
            assert sts.ask(messages.issue(trust=trust), path=path).code == "InvalidRequest"

    def test_row_4_two_versions_of_ws_trust_in_one_request_are_refused(self, sts):
        mixed = messages.issue(f'<x:KeyType xmlns:x="{ns.WST05}">{ns.NO_PROOF_KEY}</x:KeyType>')
        assert sts.ask(mixed).code == "InvalidRequest"

    @pytest.mark.parametrize("prefix", ["", "x:"])
    def test_row_4_act_as_of_1_4_is_known_whatever_its_prefix(self, client, prefix):
        declared = "xmlns" if not prefix else "xmlns:x"
        act_as = f'<{prefix}ActAs {declared}="{ns.WST14}">{client.token()}</{prefix}ActAs>'
        answer = client.issue(act_as)
        assert answer.fault == (client.trust, "RequestFailed")  # no rule lets alice act for anybody
