"""SOAP envelopes: reading one, and writing answers and faults."""

import pytest
from lxml import etree

from tests.fakes import NOON
from wstrust_sts import errors, ns
from wstrust_sts.errors import InvalidRequest, MustUnderstand, NotWellFormed, VersionMismatch
from wstrust_sts.wire.addressing import Addressing
from wstrust_sts.wire.soap import (
    ReplyContext,
    SoapVersion,
    demand_understood,
    read_envelope,
    write_answer,
    write_fault,
)

BOTH = pytest.mark.parametrize("version", SoapVersion, ids=lambda version: version.name)
ADDRESSING = Addressing(namespace=ns.WSA, action="urn:action", message_id="urn:uuid:1")
FAULTS = [cls for cls in errors.fault_classes() if cls is not errors.StsError]


def envelope(version: SoapVersion, inside: str):
    return etree.fromstring(f'<s:Envelope xmlns:s="{version.namespace}">{inside}</s:Envelope>')


def read(version: SoapVersion, inside: str):
    return read_envelope(envelope(version, inside), expected=version)


def context(version: SoapVersion, *, addressing: Addressing | None = ADDRESSING, trust: str = ns.WST13) -> ReplyContext:
    return ReplyContext(version=version, trust=trust, correlation_id="c0ffee", now=NOON, addressing=addressing)


def instance(cls: type[errors.StsError]) -> errors.StsError:
    return cls(("{urn:x}Header",)) if cls is MustUnderstand else cls("a detail for operators")


class TestReading:
    @BOTH
    def test_blocks_and_payload_are_told_apart(self, version):
        found = read(version, " <s:Header> <a/><!-- --><b/></s:Header>\n<s:Body> <c/> </s:Body> ")
        assert ([block.tag for block in found.blocks], found.payload.tag) == (["a", "b"], "c")

    @BOTH
    @pytest.mark.parametrize("body", ["<s:Body/>", "<s:Body> <!-- --> </s:Body>"])
    def test_a_body_may_be_empty_only_where_that_is_said(self, version, body):
        assert read_envelope(envelope(version, body), expected=version, may_be_empty=True).payload is None
        with pytest.raises(InvalidRequest):
            read(version, body)
        with pytest.raises(InvalidRequest):
            read_envelope(envelope(version, "<s:Body><a/><b/></s:Body>"), expected=version, may_be_empty=True)

    @BOTH
    def test_a_header_need_not_be_there(self, version):
        assert read(version, "<s:Body><c/></s:Body>").blocks == ()

    def test_blocks_for_other_roles_are_left_out(self):
        for version, attribute, mine in (
            (SoapVersion.SOAP11, "actor", ("", ns.SOAP11_NEXT)),
            (SoapVersion.SOAP12, "role", ("", ns.SOAP12_NEXT, ns.SOAP12_ULTIMATE_RECEIVER)),
        ):
            blocks = "".join(
                f'<b s:{attribute}="{role}"/>' for role in (*mine, "urn:other", f"{version.namespace}/role/none")
            )
            assert len(read(version, f"<s:Header>{blocks}</s:Header><s:Body><c/></s:Body>").blocks) == len(mine)

    @BOTH
    @pytest.mark.parametrize(
        "inside",
        [
            "",
            "<s:Header/>",
            "<s:Body/>",
            "<s:Body><a/><b/></s:Body>",
            "<s:Body><a/>text</s:Body>",
            "<s:Body><a/></s:Body><s:Body><a/></s:Body>",
            "<s:Body><a/></s:Body><s:Header/>",
            "<s:Header/><s:Header/><s:Body><a/></s:Body>",
            "<s:Body><a/></s:Body><trailer/>",
            "<Body><a/></Body>",
            "text<s:Body><a/></s:Body>",
        ],
    )
    def test_anything_but_one_body_with_one_child_is_an_invalid_request(self, version, inside):
        with pytest.raises(InvalidRequest):
            read(version, inside)

    def test_the_versions_are_told_by_namespace_and_must_be_the_expected_one(self):
        with pytest.raises(VersionMismatch):
            read_envelope(envelope(SoapVersion.SOAP11, "<s:Body><c/></s:Body>"), expected=SoapVersion.SOAP12)
        with pytest.raises(VersionMismatch):
            read_envelope(etree.fromstring("<Envelope/>"), expected=SoapVersion.SOAP12)
        with pytest.raises(NotWellFormed):
            read_envelope(etree.fromstring(f'<s:Body xmlns:s="{ns.SOAP12}"/>'), expected=SoapVersion.SOAP12)

    def test_media_types_name_versions(self):
        assert SoapVersion.of_media_type("text/xml") is SoapVersion.SOAP11
        assert SoapVersion.of_media_type("application/soap+xml") is SoapVersion.SOAP12
        assert SoapVersion.of_media_type("application/xml") is None


class TestMustUnderstand:
    def header(self, version: SoapVersion, blocks: str):
        return read(version, f"<s:Header>{blocks}</s:Header><s:Body><c/></s:Body>")

    @BOTH
    def test_security_and_addressing_are_understood(self, version):
        demand_understood(
            self.header(
                version,
                f'<o:Security xmlns:o="{ns.WSSE}" s:mustUnderstand="1"/>'
                f'<a:To xmlns:a="{ns.WSA}" s:mustUnderstand="true"/><b s:mustUnderstand="0"/><c mustUnderstand="1"/>',
            )
        )

    @BOTH
    def test_what_is_missed_is_named_once_and_not_at_length(self, version):
        blocks = '<x:A xmlns:x="urn:x" s:mustUnderstand="1"/>' * 3
        blocks += f'<x:B xmlns:x="{"u" * 600}" s:mustUnderstand="1"/>'
        blocks += "".join(f'<x:N{i} xmlns:x="urn:x" s:mustUnderstand="1"/>' for i in range(20))
        with pytest.raises(MustUnderstand) as missed:
            demand_understood(self.header(version, blocks))
        assert missed.value.headers[:2] == ("{urn:x}A", "{urn:x}N0")
        assert len(missed.value.headers) == 8

    @BOTH
    def test_a_mandatory_block_with_a_long_name_alone_is_missed_too(self, version):
        with pytest.raises(MustUnderstand):
            demand_understood(self.header(version, f'<x:B xmlns:x="{"u" * 600}" s:mustUnderstand="1"/>'))

    @BOTH
    def test_must_understand_is_a_boolean(self, version):
        with pytest.raises(InvalidRequest):
            demand_understood(self.header(version, '<a s:mustUnderstand="yes"/>'))


class TestAnswers:
    @BOTH
    def test_the_body_is_spliced_in_octet_by_octet(self, version):
        body = b"<a xmlns='urn:a'  b = 'c'></a >"
        answer = write_answer(body, action="urn:answer", context=context(version))
        assert body in answer
        root = etree.fromstring(answer)
        assert root.find(f"{{{version.namespace}}}Body")[0].tag == "{urn:a}a"

    @BOTH
    @pytest.mark.parametrize("namespace", [ns.WSA, ns.WSA04])
    def test_addressing_is_answered_in_its_own_version(self, version, namespace):
        addressing = Addressing(namespace=namespace, message_id="a & b")
        root = etree.fromstring(
            write_answer(b"<a/>", action="urn:<answer>", context=context(version, addressing=addressing))
        )
        assert root.findtext(f".//{{{namespace}}}Action") == "urn:<answer>"
        assert root.findtext(f".//{{{namespace}}}RelatesTo") == "a & b"

    @BOTH
    def test_without_addressing_there_is_only_security(self, version):
        root = etree.fromstring(write_answer(b"<a/>", action="urn:answer", context=context(version, addressing=None)))
        assert [block.tag for block in root[0]] == [f"{{{ns.WSSE}}}Security"]

    @BOTH
    def test_where_nothing_is_secured_there_is_no_security(self, version):
        unsecured = context(version).unprotected()
        root = etree.fromstring(write_answer(b"<a/>", action="urn:answer", context=unsecured))
        assert [etree.QName(block).localname for block in root[0]] == ["Action", "RelatesTo"]
        assert unsecured.with_addressing(None).protected is False


class TestFaults:
    @BOTH
    @pytest.mark.parametrize("trust", [ns.WST13, ns.WST05])
    @pytest.mark.parametrize("cls", FAULTS, ids=lambda cls: cls.__name__)
    def test_each_fault_has_its_code_its_sentence_and_the_correlation_id_and_no_detail(self, version, trust, cls):
        written = write_fault(instance(cls), context(version, trust=trust))
        assert b"operators" not in written
        root = etree.fromstring(written)
        (fault,) = root.find(f"{{{version.namespace}}}Body")
        if version is SoapVersion.SOAP11:
            value, sentence = fault.find("faultcode"), fault.findtext("faultstring")
            side = "Client" if cls.side == "sender" else "Server"
        else:
            soap = f"{{{version.namespace}}}"
            value = fault.find(f"{soap}Code/{soap}Subcode/{soap}Value")
            outer = fault.find(f"{soap}Code/{soap}Value")
            sentence = fault.findtext(f"{soap}Reason/{soap}Text")
            side = "Sender" if cls.side == "sender" else "Receiver"
            if value is None:
                value = outer
            else:
                assert (outer.nsmap[outer.text.partition(":")[0]], outer.text.partition(":")[2]) == (
                    version.namespace,
                    side,
                )
        prefix, _, code = value.text.partition(":")
        namespaces = {
            "wst": trust,
            "wsc": ns.WSC_OF_TRUST[trust],
            "wsse": ns.WSSE,
            "wsa": ns.WSA,
            "wsu": ns.WSU,
            "soap": version.namespace,
        }
        assert (value.nsmap[prefix], code) == (
            (version.namespace, side) if cls.namespace == "none" else (namespaces[cls.namespace], cls.code)
        )
        assert sentence == cls.sentence
        assert root.findtext(f".//{{{ns.STS}}}CorrelationId") == "c0ffee"

    @BOTH
    def test_the_action_of_a_fault_is_that_of_its_kind(self, version):
        for error, namespace, action in (
            (errors.InvalidScope(), ns.WSA, ns.WSA_SOAP_FAULT),
            (errors.ActionNotSupported(), ns.WSA, ns.WSA_FAULT),
            (errors.ActionNotSupported(), ns.WSA04, ns.WSA04_FAULT),
            (errors.InvalidScope(), ns.WSA04, ns.WSA04_FAULT),
        ):
            addressing = Addressing(namespace=namespace)
            root = etree.fromstring(write_fault(error, context(version, addressing=addressing)))
            assert root.findtext(f".//{{{namespace}}}Action") == action

    def test_soap_12_names_headers_that_were_not_understood(self):
        missed = MustUnderstand(("{urn:x}A", "B", "{urn:x?a&b}C"))
        root = etree.fromstring(write_fault(missed, context(SoapVersion.SOAP12)))
        named = []
        for block in root.iter(f"{{{ns.SOAP12}}}NotUnderstood"):
            prefix, _, name = block.get("qname").rpartition(":")
            named.append((block.nsmap.get(prefix) if prefix else None, name))
        assert named == [("urn:x", "A"), (None, "B"), ("urn:x?a&b", "C")]

    def test_a_header_in_the_namespace_of_xml_is_named_by_its_only_prefix(self):
        root = etree.fromstring(write_fault(MustUnderstand((f"{{{ns.XML}}}A",)), context(SoapVersion.SOAP12)))
        (block,) = root.iter(f"{{{ns.SOAP12}}}NotUnderstood")
        assert block.get("qname") == "xml:A"

    def test_soap_11_has_no_such_blocks(self):
        for error in (MustUnderstand(("{urn:x}A",)), VersionMismatch()):
            root = etree.fromstring(write_fault(error, context(SoapVersion.SOAP11, addressing=None)))
            assert [block.tag for block in root[0]] == [f"{{{ns.WSSE}}}Security"]
