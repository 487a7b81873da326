"""The application as plain WSGI (PEP 3333), held against the standard library's validator."""

import io
from concurrent.futures import Future
from wsgiref.util import setup_testing_defaults
from wsgiref.validate import validator

import pytest

from tests import messages
from tests.fakes import NOON
from tests.harness import Sts
from wstrust_sts.bindings.http import Request, Response
from wstrust_sts.bindings.wsgi import as_wsgi

LIMIT = 128 * 1024


class Input(io.BytesIO):
    """A stream that must not be read beyond its end: a real one would wait there."""

    def __init__(self, octets: bytes) -> None:
        super().__init__(octets)
        self.asked = 0

    def read(self, size=-1):
        self.asked += size
        return super().read(size)


def call(
    handler, *, method="POST", path="/", body=b"", headers=(), length: str | None = "right", valid=True, **environ
):
    """(status line, header fields, body) of one WSGI call; only a `valid` one is held against the validator."""
    fields = {
        "REQUEST_METHOD": method,
        "PATH_INFO": path,
        "SCRIPT_NAME": "",
        "QUERY_STRING": "",
        "REMOTE_ADDR": "192.0.2.1",
        "wsgi.url_scheme": "https",
        "wsgi.input": Input(body),
        **dict(headers),
        **environ,
    }
    setup_testing_defaults(fields)
    if length is not None:
        fields["CONTENT_LENGTH"] = str(len(body)) if length == "right" else length
    answered = []
    application = as_wsgi(handler)
    result = (validator(application) if valid else application)(
        fields, lambda status, headers, exc_info=None: answered.append((status, headers))
    )
    octets = b"".join(result)
    if valid:
        result.close()
    ((status, found),) = answered
    return status, dict(found), octets


class Seen:
    """A handler that keeps the request and answers with a fixed response."""

    def __init__(self, response: Response | None = None) -> None:
        self.requests: list[Request] = []
        self.response = response or Response(status=200, body=b"answer")

    def __call__(self, request: Request) -> Response:
        self.requests.append(request)
        return self.response


def test_a_request_comes_through_as_plain_values():
    seen = Seen()
    call(
        seen,
        path="/path",
        body=b"body",
        SCRIPT_NAME="/mounted",
        QUERY_STRING="wsdl",
        CONTENT_TYPE="text/xml",
        HTTP_SOAPACTION='"urn:x"',
        HTTP_X_OTHER="y",
    )
    (request,) = seen.requests
    assert (request.method, request.path, request.query) == ("POST", "/mounted/path", "wsdl")
    assert (request.body, request.tls, request.source) == (b"body", True, "192.0.2.1")
    assert request.headers["content-type"] == "text/xml"
    assert request.headers["soapaction"] == '"urn:x"'
    assert request.headers["x-other"] == "y"
    assert request.peer_certificate is None


def test_an_answer_goes_out_with_its_length_and_headers():
    status, headers, body = call(Seen(Response(status=503, body=b"busy", headers=(("Retry-After", "1"),))))
    assert status == "503 Service Unavailable"
    assert (headers["Content-Length"], headers["Retry-After"]) == ("4", "1")
    assert headers["Content-Type"] == "text/plain; charset=utf-8"
    assert body == b"busy"


def test_head_has_the_headers_of_get_and_no_body():
    status, headers, body = call(Seen(), method="HEAD", length=None)
    assert (status, headers["Content-Length"], body) == ("200 OK", "6", b"")


@pytest.mark.parametrize("status", [204, 304])
def test_an_answer_without_a_body_describes_none(status):
    _, headers, body = call(Seen(Response(status=status, headers=(("ETag", '"x"'),))), method="GET", length=None)
    assert headers == {"ETag": '"x"'}
    assert body == b""


def test_tls_is_what_the_server_says():
    seen = Seen()
    call(seen, **{"wsgi.url_scheme": "http"})
    assert seen.requests[0].tls is False


class TestLength:
    def test_as_much_is_read_as_is_declared(self):
        seen = Seen()
        call(seen, body=b"body and the next request", length="4")
        assert seen.requests[0].body == b"body"

    @pytest.mark.parametrize("length", [None, "", "-1", "x", "1e9", "٣"])
    def test_without_a_readable_length_nothing_is_read(self, length):
        stream = Input(b"body")
        seen = Seen()
        call(seen, length=length, valid=False, **{"wsgi.input": stream})
        assert (seen.requests[0].body, stream.asked) == (b"", 0)

    def test_a_chunked_body_is_read_where_the_server_ends_the_stream(self):
        seen = Seen()
        call(seen, body=b"chunks", length=None, **{"wsgi.input_terminated": True})
        assert seen.requests[0].body == b"chunks"

    @pytest.mark.parametrize("length", [str(LIMIT + 1), "9" * 5000])
    def test_too_much_is_413_and_the_application_is_not_asked(self, length):
        seen = Seen()
        status, _, body = call(seen, body=b"x" * (LIMIT + 10), length=length, valid=False)
        assert status.startswith("413 ")
        assert seen.requests == []
        assert b"x" * 10 not in body

    def test_the_most_that_is_accepted_comes_through(self):
        seen = Seen()
        call(seen, body=b"x" * LIMIT)
        assert len(seen.requests[0].body) == LIMIT


class TestDurability:
    def test_the_answer_waits_until_what_it_claims_is_stored(self):
        durable: Future[None] = Future()
        durable.set_exception(OSError("disk"))
        response = Response(
            status=200, body=b"issued", durable=durable, instead=lambda failure: Response(status=503, body=b"busy")
        )
        assert call(Seen(response))[2] == b"busy"

    def test_what_is_stored_goes_out(self):
        durable: Future[None] = Future()
        durable.set_result(None)
        assert call(Seen(Response(status=200, body=b"issued", durable=durable)))[2] == b"issued"


def test_a_token_is_issued_through_it():
    sts = Sts()
    envelope = messages.envelope(
        messages.issue(), messages.security(messages.timestamp(NOON), messages.username_token())
    ).encode()
    for scheme, expected in (("https", "200 OK"), ("http", "500 Internal Server Error")):
        status, headers, body = call(
            sts.application.handle,
            path="/trust/13/usernamemixed",
            body=envelope,
            CONTENT_TYPE=messages.content_type(),
            **{"wsgi.url_scheme": scheme},
        )
        assert status == expected
        assert headers["Content-Type"] == messages.content_type()
        assert (b"<saml2:Assertion" in body) == (expected == "200 OK")
