"""Row 26 of the wire contract: which fault a condition gets, on which HTTP status, and how faults are written."""

from dataclasses import replace

import pytest
from lxml import etree

from tests import messages
from tests.conformance.client import Client, assert_sound, by_reference, names
from tests.fakes import NOON
from tests.harness import Sts, account
from tests.messages import SOAP
from wstrust_sts import errors, ns
from wstrust_sts.bindings.http import Request

TIMESTAMP = messages.timestamp(NOON)
TOKEN = messages.username_token()


def good(client: Client, body: str | None = None) -> str:
    request = messages.issue(trust=client.trust) if body is None else body
    return messages.envelope(request, messages.security(TIMESTAMP, TOKEN), soap=client.soap)


def post(client: Client, text: str | bytes):
    return client.sts.post(text, **client.how)


class TestRow26Document:
    """Documents that are refused before anybody is authenticated."""

    @pytest.mark.parametrize(
        "spoil",
        [
            lambda text: "not XML",
            lambda text: text[:-1],
            lambda text: text + "<more/>",
            lambda text: text + "trailing",
            lambda text: text.replace("</s:Body>", "</s:Bodyy>"),
            lambda text: text.replace("<s:Body>", "<s:Body>&undefined;"),
            lambda text: text.replace("<s:Body>", "<s:Body>\x01"),
            lambda text: text.replace("<s:Body>", '<s:Body a="1" a="2">'),
            lambda text: text.replace("<s:Body>", "<undeclared:Body>").replace("</s:Body>", "</undeclared:Body>"),
            lambda text: '<?xml version="1.1"?>' + text,
            lambda text: '<?xml version="1.0" encoding="iso-8859-1"?>' + text,
            lambda text: text.encode().replace(b"alice", b"al\xe9ce"),
            lambda text: text.encode("utf-16")[2:],
            lambda text: text.encode("utf-32"),
            lambda text: "<x/>",
            lambda text: f'<s:Envelop xmlns:s="{ns.SOAP12}"/>',
            lambda text: " ",
        ],
        ids=[
            "text",
            "cut",
            "second document element",
            "text behind",
            "wrong end tag",
            "undefined entity",
            "control character",
            "attribute twice",
            "undeclared prefix",
            "XML 1.1",
            "declared Latin-1",
            "Latin-1 octets",
            "UTF-16 unannounced",
            "UTF-32",
            "another element",
            "no envelope",
            "white space",
        ],
    )
    def test_row_26_what_is_no_well_formed_envelope_is_the_senders_fault_without_a_subcode(self, client, spoil):
        answer = post(client, spoil(good(client)))
        assert answer.status == 500
        assert_sound(answer, soap=client.soap)
        if client.soap == "1.1":
            assert answer.fault == (ns.SOAP11, "Client")
        else:
            assert answer.fault == (ns.SOAP12, "Sender")
            assert client.find(answer, ".//s:Subcode") is None
        assert answer.sentence == errors.NotWellFormed.sentence

    @pytest.mark.parametrize(
        "spoil",
        [
            lambda text: "<!DOCTYPE x>" + text,
            lambda text: '<!DOCTYPE s:Envelope SYSTEM "file:///etc/passwd">' + text,
            lambda text: '<!DOCTYPE x [<!ENTITY a "b">]>' + text.replace("alice", "&a;"),
            lambda text: text.replace("<s:Body>", "<?php x?><s:Body>"),
            lambda text: text.replace("alice", "<![CDATA[alice]]>"),
            lambda text: text.replace("<s:Body>", "<s:Body>" + "<a>" * 2500 + "</a>" * 2500),
            lambda text: text.replace(
                "<s:Body>", f"<s:Body {' '.join(f'a{i}=``'.replace('`', chr(34)) for i in range(65))}>"
            ),
            lambda text: text.replace(
                "<s:Body>", f"<s:Body {' '.join(f'xmlns:n{i}=`u:{i}`'.replace('`', chr(34)) for i in range(33))}>"
            ),
            lambda text: text.replace("</s:Body>", "</s:Body><s:Body/>"),
            lambda text: text.replace("<s:Header>", "<s:Header/><s:Header>"),
            lambda text: text.replace("</s:Envelope>", "<x/></s:Envelope>"),
            lambda text: text.replace("<s:Body>", "text<s:Body>"),
            lambda text: text.replace("</s:Body>", "<more/></s:Body>"),
            lambda text: text[: text.index("<s:Body>")] + "<s:Body/></s:Envelope>",
            lambda text: text[: text.index("<s:Body>")] + "</s:Envelope>",
            lambda text: text.replace('s:mustUnderstand="1"', 's:mustUnderstand="perhaps"'),
        ],
        ids=[
            "DTD",
            "external DTD",
            "entity",
            "processing instruction",
            "CDATA",
            "elements",
            "attributes",
            "namespaces",
            "second Body",
            "second Header",
            "behind the Body",
            "text in the Envelope",
            "second child of the Body",
            "empty Body",
            "no Body",
            "mustUnderstand",
        ],
    )
    def test_row_26_what_hides_floods_or_doubles_is_an_invalid_request(self, client, spoil):
        answer = post(client, spoil(good(client)))
        assert (answer.status, answer.fault) == (500, (client.trust, "InvalidRequest"))
        assert_sound(answer, soap=client.soap)

    @pytest.mark.parametrize(
        "body",
        [
            "<x/>",
            '<t:RequestSecurityToken xmlns:t="urn:x"/>',
            '<t:RequestSecurityToken xmlns:t="{trust}"/>',
            '<t:RequestSecurityToken xmlns:t="{trust}"><t:RequestType/></t:RequestSecurityToken>',
            '<t:Nonsense xmlns:t="{trust}"/>',
        ],
    )
    def test_row_26_an_unreadable_request_is_an_invalid_request(self, client, body):
        answer = post(client, good(client, body.format(trust=client.trust)))
        code = "BadRequest" if "RequestType" in body else "InvalidRequest"
        assert answer.fault == (client.trust, code)


class TestRow26Authentication:
    def test_row_26_every_failed_authentication_looks_the_same(self, client):
        sts = Sts()
        barred = account("bob", enabled=False)
        sts.stores.accounts.put(barred)
        sts.stores.accounts.put(account("carol", expires_at=NOON))
        sts.stores.accounts.put(replace(account("admin"), password_hash=None))
        here = replace(client, sts=sts)
        seen = set()
        for user, password in (
            ("alice", "wrong"),
            ("nobody", "clarinet"),
            ("bob", "trombone"),
            ("carol", "s3cret"),
            ("admin", "conductor"),
        ):
            answer = here.issue(user=user, password=password)
            assert (answer.status, answer.fault) == (500, (ns.WSSE, "FailedAuthentication"))
            seen.add(answer.body.replace(answer.correlation_id.encode(), b""))
        assert len(seen) == 1

    def test_row_26_a_header_tokens_failure_is_wsse_and_a_target_tokens_is_wst(self, client):
        assert client.issue(password="wrong").fault == (ns.WSSE, "FailedAuthentication")
        unknown = by_reference(client.token()).replace(">_", ">_0")
        assert client.cancel(unknown).fault == (client.trust, "InvalidSecurityToken")


class TestRow26Http:
    """Answers without an envelope."""

    def request(self, **fields):
        defaults = {"method": "POST", "path": "/trust/13/usernamemixed", "headers": {"content-type": "text/xml"}}
        return Sts().request(Request(**(defaults | fields)))

    def plain(self, answer) -> bool:
        return answer.content_type.startswith("text/plain") and b"<" not in answer.body and len(answer.body) < 200

    def test_row_26_an_empty_request_is_400(self):
        answer = self.request(body=b"")
        assert answer.status == 400
        assert self.plain(answer)

    @pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "X"])
    def test_row_26_another_method_is_405(self, method):
        answer = self.request(method=method, body=b"x")
        assert answer.status == 405
        assert answer.headers["allow"] == "GET, HEAD, POST"
        assert self.plain(answer)

    def test_row_26_another_path_is_404(self):
        for path in ("/", "/trust/13/usernamemixed/", "/trust/13/USERNAMEMIXED", "/trust/13/../13/usernamemixed"):
            assert self.request(path=path, body=b"x").status == 404

    def test_row_26_more_than_128_kib_is_413(self):
        answer = self.request(body=b"<" * (128 * 1024 + 1))
        assert answer.status == 413
        assert self.plain(answer)

    @pytest.mark.parametrize(
        "content_type",
        [
            "",
            "application/xml",
            "text/plain",
            "application/json",
            "application/x-www-form-urlencoded",
            "text/xml; charset=iso-8859-1",
            "application/soap+xml; charset=utf-7",
            "text/xml, application/soap+xml",
            "nonsense",
        ],
    )
    def test_row_26_another_media_type_or_charset_is_415(self, content_type):
        answer = self.request(headers={"content-type": content_type}, body=b"<x/>")
        assert answer.status == 415
        assert self.plain(answer)


class TestRow26Busy:
    def test_row_26_a_database_that_is_away_is_503_with_retry_after(self, client):
        sts = Sts()
        sts.stores.journal.away = True
        answer = replace(client, sts=sts).issue()
        assert (answer.status, answer.fault) == (503, (client.trust, "RequestFailed"))
        assert answer.headers["retry-after"] == "1"
        assert_sound(answer, soap=client.soap)
        assert b"Assertion" not in answer.body

    def test_row_26_our_own_fault_is_the_receivers(self, client):
        sts = Sts()
        sts.stores.signing_keys.rows.clear()
        sts.stores.signing_keys.changes += 1
        answer = replace(client, sts=sts).issue()
        assert (answer.status, answer.fault) == (500, (client.trust, "RequestFailed"))
        if client.soap == "1.2":
            assert client.text(answer, ".//s:Code/s:Value").endswith(":Receiver")

    def test_row_26_an_unexpected_failure_tells_nothing_but_a_correlation_id(self, client):
        class Broken:
            def find(self, realm: str, name: str):
                raise ZeroDivisionError("secret internals")

        sts = Sts()
        sts.stores.accounts.find = Broken().find
        answer = replace(client, sts=sts).issue()
        assert (answer.status, answer.fault) == (500, (client.trust, "RequestFailed"))
        assert b"secret" not in answer.body
        assert b"ZeroDivision" not in answer.body
        assert answer.correlation_id == answer.headers["x-correlation-id"]
        assert_sound(answer, soap=client.soap)


class TestRow26Form:
    def test_row_26_a_soap_11_fault_has_code_sentence_and_detail(self, sts):
        for path, trust in (("/trust/13/usernamemixed", ns.WST13), ("/trust/2005/usernamemixed", ns.WST05)):
            answer = sts.issue(path=path, soap="1.1", address="urn:nobody")
            fault = answer.find(".//s11:Fault")
            assert [child.tag for child in fault] == ["faultcode", "faultstring", "detail"]
            assert fault.findtext("faultstring") == errors.InvalidScope.sentence
            prefix, _, code = fault.findtext("faultcode").partition(":")
            assert (fault.find("faultcode").nsmap[prefix], code) == (trust, "InvalidScope")

    def test_row_26_a_soap_12_fault_has_sender_one_prefixed_subcode_and_a_reason_in_a_language(self, sts):
        answer = sts.issue(address="urn:nobody")
        fault = answer.find(".//s12:Fault")
        assert names(fault) == ["Code", "Reason", "Detail"]
        value = fault.find("s12:Code/s12:Value", messages.NAMES)
        assert value.text == f"{value.prefix}:Sender"
        assert names(fault.find("s12:Code/s12:Subcode", messages.NAMES)) == ["Value"]
        text = fault.find("s12:Reason/s12:Text", messages.NAMES)
        assert text.get(f"{{{ns.XML}}}lang") == "en"
        assert text.text == errors.InvalidScope.sentence

    def test_row_26_a_fault_carries_the_correlation_id_of_its_http_header(self, client):
        answer = client.issue(address="urn:nobody")
        assert answer.correlation_id == answer.headers["x-correlation-id"]

    def test_row_26_before_the_envelope_is_known_the_media_type_chooses_the_version(self, sts):
        for soap in ("1.1", "1.2"):
            answer = sts.post("<", soap=soap)
            assert answer.root.tag == f"{{{SOAP[soap]}}}Envelope"
            assert answer.content_type == messages.content_type(soap)

    @pytest.mark.parametrize(
        "spoil",
        [
            lambda text: text[:-5],
            lambda text: text.replace("alice", "mallory-the-user"),
            lambda text: text.replace("clarinet", "hunter2-password"),
            lambda text: text.replace("/RST/Issue", "/RST/Nonsense-action"),
            lambda text: text.replace(messages.RP, "https://secret-party.example.test/"),
            lambda text: text.replace("<t:TokenType>", "<t:Nonsense-element/><t:TokenType>"),
        ],
    )
    def test_row_26_no_answer_repeats_what_was_wrong_or_how_it_was_found(self, client, spoil):
        text = messages.envelope(
            messages.issue(trust=client.trust),
            messages.addressing(f"{client.trust}/RST/Issue"),
            messages.security(TIMESTAMP, TOKEN),
            soap=client.soap,
        )
        answer = post(client, spoil(text))
        assert answer.status == 500
        answer_text = answer.body.decode().lower()
        for word in (
            "mallory", "hunter2", "nonsense", "secret", "line ", "column", "lxml", "libxml", "python", "traceback",
            "spyne", "xmlsyntax", "errors.", "wstrust_sts",
        ):  # fmt: skip
            assert word not in answer_text
        etree.fromstring(answer.body)
