"""The client and an STS by every binding, both SOAP versions and both versions of WS-Trust; and answers that are not
the STS's."""

import base64
import contextlib
import hashlib
import re
from dataclasses import replace
from datetime import timedelta

import pytest
from lxml import etree

from tests.answering import (
    CORRELATION_ID,
    REFUSAL,
    TOKEN,
    AnsweringSts,
    message_key,
    private_key,
    to_another_request,
    unchanged,
    without_addressing,
)
from tests.fakes import NOON
from wstrust_sts import ns
from wstrust_sts.cli.endorsing_keys import endorse_by_certificate
from wstrust_sts.cli.exchanges.certificate import CertificateInMessage
from wstrust_sts.cli.exchanges.exchange import UnprotectedAnswer
from wstrust_sts.cli.exchanges.over_tls import OverTls
from wstrust_sts.cli.exchanges.username import PasswordInMessage
from wstrust_sts.cli.output import Refusal
from wstrust_sts.cli.sts_client import Issued, SoapFault, StsClient, TokenWish
from wstrust_sts.cli.sts_connection import NoAnswer, StsConnection
from wstrust_sts.cli.trace import Trace
from wstrust_sts.model import TrustVersion
from wstrust_sts.wire.certificates import read_certificate
from wstrust_sts.wire.seal import Unsealed
from wstrust_sts.wire.sealing import Methods, introduce

PASSWORD = "clarinet & <brass>"
WISH = TokenWish(applies_to="https://rp.example.test/svc")
STS = read_certificate(message_key("sts").certificate)
ANOTHER = read_certificate(message_key("myservice").certificate)
SYMMETRIC = Methods(signature=ns.HMAC_SHA1, digest=ns.SHA256, encryption=ns.AES256_CBC)
ASYMMETRIC = Methods(signature=ns.RSA_SHA256, digest=ns.SHA256, encryption=ns.AES256_CBC)
SIGNED = replace(ASYMMETRIC, encryption="")
BY_PASSWORD = PasswordInMessage(user="alice", password=PASSWORD, sts_certificate=STS, methods=SYMMETRIC)
BY_CERTIFICATE = CertificateInMessage(key=message_key("alice"), sts_certificate=STS, methods=ASYMMETRIC)
BY_SIGNATURE = CertificateInMessage(key=message_key("alice"), sts_certificate=STS, methods=SIGNED)
ENDORSING = endorse_by_certificate(
    private_key("alice"), certificate=message_key("alice").certificate, signature=ns.RSA_SHA256, digest=ns.SHA256
)
BINDINGS = {
    "usernamemixed": OverTls(user="alice", password=PASSWORD),
    "certificatemixed": OverTls(endorsement=ENDORSING),
    "usernamecertificatemixed": OverTls(user="alice", password=PASSWORD, endorsement=ENDORSING),
    "certificatetransport": OverTls(),
    "username": BY_PASSWORD,
    "certificate": BY_CERTIFICATE,
    "certificatesigned": BY_SIGNATURE,
}
SEALED = ("username", "certificate", "certificatesigned")
HIDDEN = SEALED[:2]


def is_the_token(issued: Issued) -> bool:
    return etree.fromstring(issued.token).items() == etree.fromstring(TOKEN).items()


def client(policy: str, sts: AnsweringSts, **how) -> StsClient:
    return StsClient(connection=sts, **({"binding": BINDINGS[policy]} | how))


@pytest.mark.parametrize("policy", BINDINGS)
@pytest.mark.parametrize("soap", ["1.1", "1.2"])
@pytest.mark.parametrize("trust", TrustVersion)
@pytest.mark.parametrize("confirms", [False, True])
def test_every_operation_is_asked_and_answered(policy, soap, trust, confirms):
    sts = AnsweringSts(policy, trust=trust.namespace, confirms=confirms)
    asking = client(policy, sts, soap=soap, trust=trust)
    assert is_the_token(asking.issue(WISH, now=NOON))
    assert is_the_token(asking.renew(TOKEN.encode(), now=NOON))
    assert asking.validate(TOKEN.encode(), now=NOON).valid
    asking.cancel(TOKEN.encode(), now=NOON)


@pytest.mark.parametrize("encryption", [ns.AES128_CBC, ns.AES256_CBC, ns.AES128_GCM, ns.AES256_GCM])
@pytest.mark.parametrize("digest", [ns.SHA1, ns.SHA256, ns.SHA512])
@pytest.mark.parametrize(
    ("policy", "signature"),
    [
        ("username", ns.HMAC_SHA1),
        ("username", ns.HMAC_SHA256),
        ("certificate", ns.RSA_SHA1),
        ("certificate", ns.RSA_SHA256),
        ("certificate", ns.RSA_SHA512),
    ],
)
def test_the_algorithms_are_the_callers_choice(policy, signature, digest, encryption):
    methods = Methods(signature=signature, digest=digest, encryption=encryption)
    sts = AnsweringSts(policy)
    assert client(policy, sts, binding=replace(BINDINGS[policy], methods=methods)).issue(WISH, now=NOON)
    assert encryption.encode() in sts.received[0]


@pytest.mark.parametrize("derivation", [ns.WSC13, ns.WSC05, None])
@pytest.mark.parametrize("encryption", [ns.AES128_CBC, ns.AES256_GCM])
def test_keys_are_derived_as_the_caller_says_or_not_at_all(derivation, encryption):
    sts = AnsweringSts("username")
    binding = replace(BY_PASSWORD, derivation=derivation, methods=replace(SYMMETRIC, encryption=encryption))
    assert client("username", sts, binding=binding).issue(WISH, now=NOON)
    used = re.findall(rb'DerivedKeyToken xmlns:c="([^"]+)"', sts.received[0])
    assert used == ([] if derivation is None else [derivation.encode()] * 2)


@pytest.mark.parametrize("policy", HIDDEN)
def test_a_hidden_message_shows_neither_password_nor_what_is_asked(policy):
    sts = AnsweringSts(policy)
    client(policy, sts).issue(WISH, now=NOON)
    for secret in (b"clarinet", b"rp.example.test", b"SignatureValue", b"UsernameToken"):
        assert secret not in sts.received[0]


@pytest.mark.parametrize("policy", BINDINGS)
@pytest.mark.parametrize("soap", ["1.1", "1.2"])
def test_a_fault_is_told_with_its_code_and_correlation_id(policy, soap):
    with pytest.raises(SoapFault) as refused:
        client(policy, AnsweringSts(policy, refuses=REFUSAL), soap=soap).issue(WISH, now=NOON)
    fault = refused.value
    assert (fault.code, fault.reason, fault.correlation_id) == (
        "FailedAuthentication",
        REFUSAL.sentence,
        CORRELATION_ID,
    )
    assert fault.proven


@pytest.mark.parametrize("policy", SEALED)
def test_a_fault_without_protection_is_told_as_one_that_anybody_may_have_written(policy):
    sts = AnsweringSts(policy, refuses=REFUSAL, answers=lambda context: context.unprotected())
    with pytest.raises(
        SoapFault, match=r"FailedAuthentication.*correlation id 0123(?s:.)*wstrust-sts explain 0123(?s:.)*not protected"
    ) as refused:
        client(policy, sts).issue(WISH, now=NOON)
    assert not refused.value.proven


@pytest.mark.parametrize("policy", HIDDEN)
def test_a_request_for_the_wrong_certificate_is_refused_with_a_hint(policy):
    binding = replace(BINDINGS[policy], sts_certificate=ANOTHER)
    with pytest.raises(SoapFault, match="check --sts-certificate"):
        client(policy, AnsweringSts(policy), binding=binding).issue(WISH, now=NOON)


def test_only_what_hides_itself_goes_without_tls():
    connection = StsConnection(url="http://0.0.0.0:1/trust")
    with pytest.raises(Refusal, match="use https"):
        connection.post(b"", {}, hidden=False)
    with pytest.raises(NoAnswer):
        connection.post(b"", {}, hidden=True)


@pytest.mark.parametrize("policy", BINDINGS)
def test_what_a_binding_hides_is_said_to_the_connection(policy):
    class Listening(AnsweringSts):
        def post(self, message, headers, *, hidden):
            assert hidden is (policy in HIDDEN)
            return super().post(message, headers, hidden=hidden)

    assert client(policy, Listening(policy)).issue(WISH, now=NOON)


# -- answers that are not to be believed -------------------------------------------------------------------------------


class Clear:
    """A seal that signs and hides nothing."""

    def protect(self, message: Unsealed) -> bytes:
        return (
            f'<s:Envelope xmlns:s="{message.namespace}"><s:Header>{message.blocks}</s:Header><s:Body>'
            f"{message.body.decode()}</s:Body></s:Envelope>"
        ).encode()


def by_another_secret(seal):
    return replace(seal, secret=introduce(STS).secret)


def by_another_key(seal):
    return replace(seal, signer=message_key("myservice"))


def showing_another_key(seal):
    return replace(seal, signer=message_key("myservice"), sends_certificate=True)


def by_the_clients_own_key(seal):
    return replace(seal, signer=message_key("alice"), sends_certificate=True)


def for_somebody_else(seal):
    return replace(seal, recipient=ANOTHER)


def only_signed(seal):
    return replace(seal, methods=replace(seal.methods, encryption=""))


def confirming_another(seal):
    return replace(seal, confirmed=(b"another signature",))


def confirming_none(seal):
    return replace(seal, confirmed=())


def by_sha1(seal):
    return replace(seal, methods=replace(seal.methods, signature=ns.RSA_SHA1))


def digested_by_sha1(seal):
    return replace(seal, methods=replace(seal.methods, digest=ns.SHA1))


def doubled_body(octets: bytes) -> bytes:
    body = re.search(rb"<s:Body.*</s:Body>", octets, re.DOTALL)[0]
    return octets.replace(body, body + body)


def moved_body(octets: bytes) -> bytes:
    """The signed Body in a header block, and another in its place."""
    body = re.search(rb"<s:Body.*</s:Body>", octets, re.DOTALL)[0]
    forged = b'<s:Body><t:RequestSecurityTokenResponse xmlns:t="' + ns.WST13.encode() + b'"/></s:Body>'
    return octets.replace(body, forged).replace(b"</s:Header>", b"<x>" + body + b"</x></s:Header>")


def without_security(octets: bytes) -> bytes:
    return re.sub(rb"<o:Security.*</o:Security>", b"", octets, flags=re.DOTALL)


def without_timestamp(octets: bytes) -> bytes:
    return re.sub(rb"<u:Timestamp.*</u:Timestamp>", b"", octets, flags=re.DOTALL)


def later_timestamp(octets: bytes) -> bytes:
    return re.sub(rb"(<u:Expires>\d{3})\d", rb"\g<1>9", octets)


def another_action(octets: bytes) -> bytes:
    return octets.replace(b"RSTRC/IssueFinal", b"RSTRC/RenewFinal")


def with_a_second_relation(octets: bytes) -> bytes:
    block = re.search(rb"<a:RelatesTo .*</a:RelatesTo>", octets)[0]
    return octets.replace(block, re.sub(rb' u:Id="[^"]*"', b"", block) + block)


BAD_OCTETS = [doubled_body, moved_body, without_security, without_timestamp, later_timestamp, another_action]
BAD_OCTETS.append(with_a_second_relation)
BAD_SEALS = {
    "username": [by_another_secret, confirming_another, confirming_none, digested_by_sha1, lambda seal: Clear()],
    "certificate": [
        by_another_key,
        showing_another_key,
        by_the_clients_own_key,
        for_somebody_else,
        only_signed,
        confirming_another,
        confirming_none,
        by_sha1,
        digested_by_sha1,
        lambda seal: Clear(),
    ],
}
BAD_SEALS["certificatesigned"] = [
    bad for bad in BAD_SEALS["certificate"] if bad not in (only_signed, for_somebody_else)
]


def named(value) -> str:
    return getattr(value, "__name__", str(value)).strip("<>")


@pytest.mark.parametrize("policy", SEALED)
@pytest.mark.parametrize("tampers", BAD_OCTETS, ids=named)
def test_an_answer_that_was_changed_on_its_way_is_refused(policy, tampers):
    sts = AnsweringSts(policy, tampers=tampers)
    with pytest.raises(UnprotectedAnswer, match=r"Check --binding|clock"):
        client(policy, sts).issue(WISH, now=NOON)


@pytest.mark.parametrize(
    ("policy", "seals"), [(policy, bad) for policy, bads in BAD_SEALS.items() for bad in bads], ids=named
)
def test_an_answer_that_is_not_sealed_as_it_must_be_is_refused(policy, seals):
    with pytest.raises(UnprotectedAnswer):
        client(policy, AnsweringSts(policy, seals=seals)).issue(WISH, now=NOON)


@pytest.mark.parametrize("policy", SEALED)
@pytest.mark.parametrize("age", [timedelta(hours=1), timedelta(hours=-1)])
def test_an_answer_of_another_time_is_refused(policy, age):
    with pytest.raises(UnprotectedAnswer, match="clock"):
        client(policy, AnsweringSts(policy, age=age)).issue(WISH, now=NOON)


@pytest.mark.parametrize("policy", SEALED)
@pytest.mark.parametrize("confirms", [False, True])
def test_an_answer_to_an_earlier_request_is_refused(policy, confirms):
    kept = []

    def replay(octets: bytes) -> bytes:
        kept.append(octets)
        return kept[0]

    asking = client(policy, AnsweringSts(policy, confirms=confirms, tampers=replay))
    assert asking.issue(WISH, now=NOON)
    with pytest.raises(UnprotectedAnswer):
        asking.issue(WISH, now=NOON)


@pytest.mark.parametrize("policy", BINDINGS)
def test_an_answer_that_names_another_request_is_refused(policy):
    with pytest.raises(UnprotectedAnswer, match="another request"):
        client(policy, AnsweringSts(policy, answers=to_another_request)).issue(WISH, now=NOON)


@pytest.mark.parametrize("policy", SEALED[1:])
def test_an_answer_that_everybody_could_get_has_to_say_what_it_answers(policy):
    silent = AnsweringSts(policy, answers=without_addressing)
    with pytest.raises(UnprotectedAnswer, match="to which request"):
        client(policy, silent).issue(WISH, now=NOON)
    assert is_the_token(client(policy, replace(silent, confirms=True)).issue(WISH, now=NOON))


@pytest.mark.parametrize("policy", SEALED[1:])
def test_what_an_answer_is_to_is_not_said_by_a_block_for_somebody_else(policy):
    """Nobody signs what is not for us: a thief of an old answer could add it."""
    sts = AnsweringSts(policy, answers=without_addressing)

    def related(octets: bytes) -> bytes:
        message_id = re.search(rb"urn:uuid:[0-9a-f-]+", sts.received[-1])[0]
        block = b'<a:RelatesTo xmlns:a="%s" s:role="urn:else">%s</a:RelatesTo>' % (ns.WSA.encode(), message_id)
        return octets.replace(b"<s:Header>", b"<s:Header>" + block)

    sts.tampers = related
    with pytest.raises(UnprotectedAnswer, match="to which request"):
        client(policy, sts).issue(WISH, now=NOON)


def test_an_answer_under_the_requests_own_secret_needs_no_address():
    sts = AnsweringSts("username", answers=without_addressing)
    assert is_the_token(client("username", sts).issue(WISH, now=NOON))


def test_sha1_is_accepted_by_who_chose_it():
    chosen = replace(BY_CERTIFICATE, methods=replace(ASYMMETRIC, signature=ns.RSA_SHA1))
    sts = AnsweringSts("certificate")
    assert client("certificate", sts, binding=chosen).issue(WISH, now=NOON)


@pytest.mark.parametrize("policy", SEALED)
@pytest.mark.parametrize(
    "octets", [b"", b"no xml", b"<html/>", b"<!DOCTYPE a><a/>", b'<s:Envelope xmlns:s="urn:x"><s:Body/></s:Envelope>']
)
def test_what_is_no_soap_is_told_as_such(policy, octets):
    with pytest.raises(NoAnswer, match="not SOAP"):
        client(policy, AnsweringSts(policy, tampers=lambda _: octets)).issue(WISH, now=NOON)


def test_the_clients_own_request_is_no_answer():
    sts = AnsweringSts("certificate", tampers=unchanged)
    sts.tampers = lambda _: sts.received[-1]
    with pytest.raises(UnprotectedAnswer):
        client("certificate", sts).issue(WISH, now=NOON)


def test_the_clients_own_request_is_no_answer_under_its_secret_either():
    """The derived keys' tokens are not signed: they can be made to name the secret as an answer does."""

    def reflected(_: bytes) -> bytes:
        request = sts.received[-1]
        key = re.search(rb"<e:EncryptedKey.*</e:EncryptedKey>", request)[0]
        identifier = re.search(rb' Id="([^"]+)"', key)[1]
        ciphertext = base64.b64decode(re.search(rb"<e:CipherValue>([^<]+)", key)[1])
        name = base64.b64encode(hashlib.sha1(ciphertext).digest())
        by_sha1 = (
            f'<o:KeyIdentifier EncodingType="{ns.BASE64_BINARY}" ValueType="{ns.ENCRYPTED_KEY_SHA1}">'
            f"{name.decode()}</o:KeyIdentifier>"
        )
        reference = rb'<o:Reference URI="#' + identifier + rb'"[^>]*/>'
        assert re.search(reference, request)
        return re.sub(reference, by_sha1.encode(), request.replace(key, b""))

    sts = AnsweringSts("username", tampers=reflected)
    with pytest.raises(UnprotectedAnswer, match=r"not asked for.*UsernameToken"):
        client("username", sts).issue(WISH, now=NOON)


# -- traces ------------------------------------------------------------------------------------------------------------


def traced(policy: str, path, **how) -> etree._Element:
    with contextlib.suppress(SoapFault, UnprotectedAnswer, NoAnswer):
        client(policy, AnsweringSts(policy, **how), trace=Trace(path)).issue(WISH, now=NOON)
    assert path.stat().st_mode & 0o777 == 0o600
    return etree.parse(path).getroot()


@pytest.mark.parametrize("policy", BINDINGS)
def test_a_trace_shows_both_messages_decrypted_and_no_secret(policy, tmp_path):
    record = traced(policy, tmp_path / "trace.xml")
    assert [message.get("direction") for message in record] == ["request", "answer"]
    written = (tmp_path / "trace.xml").read_text()
    assert "https://rp.example.test/svc" in written
    assert "saml2:Assertion" in written
    assert "EncryptedData" not in written
    assert "clarinet" not in written
    assert all(value.text == "(secret)" for value in record.iter(f"{{{ns.XENC}}}CipherValue", f"{{{ns.WSSE}}}Password"))


@pytest.mark.parametrize("policy", SEALED)
def test_a_trace_keeps_the_octets_as_they_went(policy, tmp_path):
    sts, path = AnsweringSts(policy), tmp_path / "trace.xml"
    client(policy, sts, trace=Trace(path)).issue(WISH, now=NOON)
    request, answer = (base64.b64decode(kept.text) for kept in etree.parse(path).iter("octets"))
    assert request == sts.received[0]
    assert answer.startswith(b"<s:Envelope")


def test_octets_that_show_a_password_are_left_out_of_a_trace(tmp_path):
    request, answer = traced("usernamemixed", tmp_path / "trace.xml").iter("octets")
    assert request.text is None
    assert "secret" in request.get("left-out")
    assert answer.text is not None


@pytest.mark.parametrize("policy", BINDINGS)
def test_keys_in_an_answer_are_blanked(policy, tmp_path):
    content = (
        f'<t:RequestSecurityTokenResponse xmlns:t="{ns.WST13}"><t:RequestedProofToken><t:BinarySecret>c2VjcmV0'
        "</t:BinarySecret></t:RequestedProofToken></t:RequestSecurityTokenResponse>"
    )
    record = traced(policy, tmp_path / "trace.xml", content=content)
    assert [found.text for found in record.iter(f"{{{ns.WST13}}}BinarySecret")] == ["(secret)"]
    assert "c2VjcmV0" not in (tmp_path / "trace.xml").read_text()
    (_, answer) = record.iter("octets")
    assert b"c2VjcmV0" not in base64.b64decode(answer.text or "")


@pytest.mark.parametrize("tampers", [without_security, lambda _: b"no xml"])
def test_an_answer_that_is_refused_is_in_the_trace(tampers, tmp_path):
    record = traced("certificate", tmp_path / "trace.xml", tampers=tampers)
    assert len(record) == 2
    assert record[1].find("octets").text


def test_a_trace_replaces_what_others_could_read(tmp_path):
    path = tmp_path / "trace.xml"
    path.write_text("old")
    path.chmod(0o644)
    assert traced("username", path).tag == "trace"
