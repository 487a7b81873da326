"""The SOAP face: Spyne dispatches and does nothing else, and whatever comes in, an answer goes out."""

import gc
import math
import sys
import threading
from concurrent.futures import Future
from dataclasses import replace
from datetime import timedelta

import pytest
from lxml import etree

from tests import messages
from tests.assertions import BOX
from tests.fakes import (
    NOON,
    FakeCertificates,
    FakeClock,
    FakeIssuedTokens,
    FakeKeyring,
    FakeSecurityContexts,
)
from tests.harness import PUBLIC_URL
from wstrust_sts import ns
from wstrust_sts.authenticators.patience import EndlessPatience
from wstrust_sts.bindings.http import Request, settled
from wstrust_sts.bindings.soap import SoapBinding, WsTrustProtocol
from wstrust_sts.errors import (
    Busy,
    EmptyRequest,
    FailedAuthentication,
    InvalidScope,
    MessageExpired,
    TooLarge,
    UnsupportedMediaType,
)
from wstrust_sts.model import Endpoint, Operation, Outcome, RequestSecurityTokenResponse, Status, TrustVersion
from wstrust_sts.registry import LAYOUTS, POLICIES
from wstrust_sts.token_credentials import TokenSecrets
from wstrust_sts.wire.wsse import Freshness

ENDPOINT = Endpoint(path="/trust", version=TrustVersion.V13)


class FakeService:
    """Answers every request with a status; `raises` and `faults` instead where they are set."""

    def __init__(self) -> None:
        self.raises: BaseException | None = None
        self.faults: Exception | None = None
        self.durable = None
        self.performed = []

    def perform(self, request, message, *, at):
        self.performed.append((request, message, at))
        if self.raises is not None:
            raise self.raises
        if self.faults is not None:
            return Outcome(fault=self.faults, durable=self.durable, requestor="alice")
        response = RequestSecurityTokenResponse(request=request, status=Status.VALID, reason="good")
        return Outcome(response=response, durable=self.durable, requestor="alice", relying_party="rp", result="valid")


class Face:
    """A binding over a fake service, with what it reported."""

    def __init__(self, **how) -> None:
        self.service = FakeService()
        self.reports = []
        self.clock = FakeClock()
        self.binding = SoapBinding(
            self.service,
            clock=self.clock,
            keyring=FakeKeyring(),
            certificates=FakeCertificates(),
            secrets=TokenSecrets(FakeIssuedTokens(), BOX),
            patience=EndlessPatience(),
            contexts=FakeSecurityContexts(),
            policies=POLICIES,
            layouts=LAYOUTS,
            documents={},
            report=self.reports.append,
            freshness=Freshness(),
            public_url=PUBLIC_URL,
            **how,
        )

    def post(self, body: str | bytes, *, endpoint=ENDPOINT, soap="1.2", tls=True, **headers):
        octets = body.encode() if isinstance(body, str) else body
        fields = {"content-type": messages.content_type(soap)} | headers
        request = Request(method="POST", path=endpoint.path, headers=fields, body=octets, tls=tls, source="192.0.2.1")
        return settled(self.binding.handle(request, endpoint, "c0ffee"))


def envelope(body: str | None = None, *headers: str, soap: str = "1.2") -> str:
    protection = messages.security(messages.timestamp(NOON), messages.username_token())
    return messages.envelope(messages.rst("Issue") if body is None else body, *headers, protection, soap=soap)


@pytest.fixture
def face() -> Face:
    return Face()


class TestDispatch:
    @pytest.mark.parametrize("operation", Operation)
    @pytest.mark.parametrize("version", TrustVersion)
    @pytest.mark.parametrize("soap", ["1.1", "1.2"])
    def test_every_operation_of_both_versions_reaches_the_service(self, face, operation, version, soap):
        body = messages.rst(operation.value, trust=version.namespace)
        response = face.post(envelope(body, soap=soap), endpoint=replace(ENDPOINT, version=version), soap=soap)
        assert response.status == 200
        ((request, message, at),) = face.service.performed
        assert (request.operation, request.version) == (operation, version)
        assert (message.credentials[0].username, message.tls) == ("alice", True)
        assert (at.correlation_id, at.now, at.source, at.endpoint.path) == ("c0ffee", NOON, "192.0.2.1", "/trust")

    def test_spyne_collects_no_garbage_in_a_request(self, face):
        const = sys.modules["spyne.const"]  # imported with the shim, never before it
        assert math.isinf(const.MIN_GC_INTERVAL)

    def test_a_request_leaves_no_cycle_behind(self, face):
        """What reference counting does not free lives on with its tree, until another thread collects it.

        But for the empty sentinels of Spyne's ordered sets, which refer to themselves alone.
        """
        for body in (envelope(), envelope("<x/>"), "<"):
            face.post(body)
        gc.collect()
        gc.disable()
        try:
            for body in (envelope(), envelope("<x/>"), "<"):
                face.post(body)
            gc.set_debug(gc.DEBUG_SAVEALL)
            gc.collect()
            kept = [found for found in gc.garbage if not (isinstance(found, list) and found[0] is None)]
        finally:
            gc.set_debug(0)
            gc.garbage.clear()
            gc.enable()
        assert kept == []

    def test_ids_and_hrefs_are_nobodys_business(self, face):
        """Spyne alone would copy what an href names over the element that has it, and fail on a dangling one."""
        body = messages.rst("Issue", '<x:a xmlns:x="urn:x" href="#nowhere"/><x:b xmlns:x="urn:x" id="i" href="#i"/>')
        assert face.post(envelope(body)).status == 200

    def test_a_type_that_the_message_chooses_is_nobodys_business(self, face):
        body = messages.rst("Issue", attributes=f' xmlns:i="{ns.XSI}" i:type="nonsense" i:nil="true"')
        assert face.post(envelope(body)).status == 200

    def test_many_threads_get_each_their_own_answer(self, face):
        answers: dict[int, str] = {}

        def work(number: int) -> None:
            for _ in range(20):
                body = messages.rst("Validate", attributes=f' Context="{number}"')
                root = etree.fromstring(face.post(envelope(body)).body)
                answers[number] = root.find(f".//{{{ns.WST13}}}RequestSecurityTokenResponse").get("Context")

        threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert answers == {number: str(number) for number in range(4)}


class TestPlainRefusals:
    def test_what_is_no_soap_message_is_left_to_the_application(self, face):
        with pytest.raises(EmptyRequest):
            face.post(b"")
        for content_type in ("", "application/json", "multipart/related", "text/xml; charset=latin-1"):
            with pytest.raises(UnsupportedMediaType):
                face.post(envelope(), **{"content-type": content_type})
        with pytest.raises(TooLarge):
            face.post(b" " * (128 * 1024 + 1))
        assert face.service.performed == []


class TestFaults:
    def fault(self, response) -> str:
        return messages.Answer.of(response).code

    def test_a_refusal_before_authentication_is_a_fault(self, face):
        face.service.raises = FailedAuthentication("the detail")
        response = face.post(envelope())
        assert (response.status, self.fault(response)) == (500, "FailedAuthentication")
        assert b"the detail" not in response.body

    def test_a_refusal_after_authentication_is_a_fault(self, face):
        face.service.faults = InvalidScope("the detail")
        response = face.post(envelope())
        assert (response.status, self.fault(response)) == (500, "InvalidScope")
        assert b"the detail" not in response.body

    @pytest.mark.parametrize("failure", [ZeroDivisionError("inside"), KeyError("inside"), MemoryError("inside")])
    def test_anything_unexpected_is_a_fault_that_says_nothing(self, face, failure):
        face.service.raises = failure
        response = face.post(envelope())
        assert (response.status, self.fault(response)) == (500, "RequestFailed")
        assert b"inside" not in response.body
        assert type(failure).__name__.encode() not in response.body

    def test_busy_says_when_to_come_back(self, face):
        face.service.raises = Busy("full")
        response = face.post(envelope())
        assert (response.status, dict(response.headers)) == (503, {"Retry-After": "1"})

    def test_what_could_not_be_stored_is_not_claimed(self, face):
        face.service.durable = Future()
        face.service.durable.set_exception(Busy("disk"))
        for face.service.faults in (None, InvalidScope()):
            response = face.post(envelope(None, messages.addressing(f"{ns.WST13}/RST/Issue", message_id="urn:uuid:7")))
            assert (response.status, self.fault(response)) == (503, "RequestFailed")
            assert messages.Answer.of(response).text("s12:Header/a:RelatesTo") == "urn:uuid:7"

    def test_a_request_that_there_is_no_room_for_is_refused_in_its_own_version(self, face):
        for soap in ("1.1", "1.2"):
            request = Request(method="POST", path="/trust", headers={"content-type": messages.content_type(soap)})
            response = face.binding.refuse(request, ENDPOINT, Busy("full"), correlation_id="c0ffee")
            assert (response.status, response.content_type) == (503, messages.content_type(soap))
            assert self.fault(response) == "RequestFailed"


class TestReports:
    def test_each_exchange_is_reported_once(self, face):
        face.post(envelope())
        face.service.faults = InvalidScope("nobody there")
        face.post(envelope())
        face.post("<")
        assert [(report.operation, report.outcome, report.requestor) for report in face.reports] == [
            ("Issue", "valid", "alice"),
            ("Issue", "refused InvalidScope", "alice"),
            ("", "refused NotWellFormed", ""),
        ]
        assert {report.correlation_id for report in face.reports} == {"c0ffee"}
        assert {report.endpoint for report in face.reports} == {"/trust"}
        assert all(report.seconds >= 0 for report in face.reports)

    def test_a_detail_is_for_the_operator(self, face):
        face.service.raises = FailedAuthentication("account 'alice' is disabled")
        face.post(envelope())
        assert face.reports[0].detail == "account 'alice' is disabled"

    def test_no_report_holds_a_password(self, face):
        for body in (envelope(), envelope().replace("</o:Password>", "<x/></o:Password>"), envelope()[:-9]):
            face.post(body)
        assert "clarinet" not in repr(face.reports)


class TestTransport:
    def test_without_tls_nothing_is_believed(self, face):
        response = face.post(envelope(), tls=False)
        assert messages.Answer.of(response).code == "InvalidSecurity"
        assert face.service.performed == []

    def test_behind_a_proxy_that_ends_tls_it_is(self):
        face = Face(tls_in_front=True)
        assert face.post(envelope(), tls=False).status == 200

    def test_the_time_is_the_injected_clocks(self, face):
        face.clock.advance(timedelta(hours=1))
        assert messages.Answer.of(face.post(envelope())).code == MessageExpired.code

    def test_a_strict_endpoint_reads_its_address(self, face):
        strict = replace(ENDPOINT, strict_to=True)
        to = f'<a:To xmlns:a="{ns.WSA}">{{}}</a:To>'
        assert face.post(envelope(None, to.format(f"{PUBLIC_URL}/trust")), endpoint=strict).status == 200
        refused = face.post(envelope(None, to.format(f"{PUBLIC_URL}/other")), endpoint=strict)
        assert messages.Answer.of(refused).code == "DestinationUnreachable"


def test_spyne_never_saw_a_serialiser_or_validator_of_its_own():
    """The only Spyne protocol in use is the one that is overridden."""
    for method in ("create_in_document", "decompose_incoming_envelope", "deserialize", "serialize"):
        assert getattr(WsTrustProtocol, method).__module__ == "wstrust_sts.bindings.soap"
    assert "spyne.server.wsgi" not in sys.modules
