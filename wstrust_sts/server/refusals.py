"""What is refused before the application sees a request: one constant sentence each, and the connection closes."""

from wstrust_sts.bindings.http import Response
from wstrust_sts.errors import Busy, HttpRefusal


class Malformed(HttpRefusal):
    """Not HTTP/1.x by the book (RFC 9112), or ambiguous where another parser might read it otherwise."""

    sentence = "The request is not well-formed HTTP."


class HeadTooLarge(HttpRefusal):
    sentence = "The request has too many or too large headers."


class MissingHost(HttpRefusal):
    sentence = "The request has no Host header."


class DoubledHeader(HttpRefusal):
    sentence = "A header that may occur once occurs twice."


class NotAPath(HttpRefusal):
    sentence = "The request target is not a path."


class TooSlow(HttpRefusal):
    status = 408
    sentence = "The request was not completed in time."


class EncodedContent(HttpRefusal):
    status = 415
    sentence = "Content encodings are not supported; send the body as it is."
    headers = (("Accept-Encoding", "identity"),)


class UnknownExpectation(HttpRefusal):
    status = 417
    sentence = "The expectation is not supported."


class UnknownTransferCoding(HttpRefusal):
    status = 501
    sentence = "The only transfer coding supported is chunked."


class WrongVersion(HttpRefusal):
    status = 505
    sentence = "The server speaks HTTP/1.1."


class Unavailable(HttpRefusal):
    status = Busy.status
    sentence = Busy.sentence
    headers = (("Retry-After", str(Busy.retry_after)),)


class Failed(HttpRefusal):
    """Our own fault; the log says more."""

    status = 500
    sentence = "The request failed."


def page(refusal: type[HttpRefusal]) -> Response:
    """The plain answer of a refusal."""
    return Response(status=refusal.status, body=f"{refusal.sentence}\n".encode("ascii"), headers=refusal.headers)
