"""The head of a request: collected header by header, judged as a whole, before any of the body is kept."""

from wstrust_sts.errors import TooLarge
from wstrust_sts.server.refusals import (
    DoubledHeader,
    EncodedContent,
    HeadTooLarge,
    Malformed,
    MissingHost,
    NotAPath,
    UnknownExpectation,
    UnknownTransferCoding,
    WrongVersion,
)
from wstrust_sts.server.settings import ServerSettings

SINGLETONS = frozenset(
    ("host", "content-type", "content-length", "soapaction", "transfer-encoding", "content-encoding", "authorization")
)


class Head:
    """One request's head while it is read. Raises HttpRefusal subclasses; the parser has checked the syntax."""

    __slots__ = ("_left", "_settings", "headers", "path", "query", "target")

    def __init__(self, settings: ServerSettings) -> None:
        self._settings = settings
        self._left = settings.max_head
        self.target = b""
        self.headers: dict[str, str] = {}
        self.path = ""
        self.query = ""

    def add_target(self, part: bytes) -> None:
        self._count(len(part))
        self.target += part

    def add_header(self, raw_name: bytes, raw_value: bytes) -> None:
        """Names become lower-case; a list header's repeated values are joined (RFC 9110 section 5.3)."""
        self._count(len(raw_name) + len(raw_value) + 4)
        name, value = raw_name.lower().decode("latin-1"), raw_value.decode("latin-1").rstrip(" \t")
        if name not in self.headers:
            self.headers[name] = value
            if len(self.headers) > self._settings.max_headers:
                raise HeadTooLarge
        elif name in SINGLETONS:
            raise DoubledHeader
        else:
            self.headers[name] += ", " + value

    def judge(self, *, method: bytes, version: str) -> None:
        """Reads the target, and refuses what cannot be answered whatever the body is."""
        if version not in ("1.1", "1.0"):
            raise WrongVersion
        headers = self.headers
        if "host" not in headers and version == "1.1":
            raise MissingHost
        if method == b"CONNECT":
            raise NotAPath
        self._read_target()
        coding = headers.get("transfer-encoding")
        if coding is not None:
            if version == "1.0":
                raise Malformed  # RFC 9112 section 6.1: framing nobody agrees on
            if coding.lower() != "chunked":
                raise UnknownTransferCoding
        if headers.get("content-encoding", "identity").lower() != "identity":
            raise EncodedContent
        if headers.get("expect", "100-continue").lower() != "100-continue":
            raise UnknownExpectation
        if int(headers.get("content-length", "0")) > self._settings.max_body:
            raise TooLarge

    def framing(self) -> bytes:
        """A head that says nothing but where the body ends."""
        name = "transfer-encoding" if "transfer-encoding" in self.headers else "content-length"
        return f"POST / HTTP/1.1\r\n{name}: {self.headers[name]}\r\n\r\n".encode("latin-1")

    def waits_for_continue(self, version: str) -> bool:
        """Whether the client holds its body back until it is told to go on (RFC 9110 section 10.1.1)."""
        return "expect" in self.headers and version == "1.1" and self.has_body()

    def has_body(self) -> bool:
        return "transfer-encoding" in self.headers or self.headers.get("content-length", "0").strip("0") != ""

    def _read_target(self) -> None:
        """Origin form or absolute form (RFC 9112 section 3.2); the path stays as it was written."""
        target = self.target
        if not target.startswith(b"/"):
            scheme, separator, rest = target.partition(b"://")
            if not separator or scheme.lower() not in (b"http", b"https"):
                raise NotAPath
            authority, slash, path = rest.partition(b"/")
            if not authority or b"?" in authority:
                raise NotAPath
            target = slash + path or b"/"
        if b"#" in target or not target.isascii():
            raise NotAPath
        path, _, query = target.partition(b"?")
        self.path, self.query = path.decode("ascii"), query.decode("ascii")

    def _count(self, octets: int) -> None:
        self._left -= octets
        if self._left < 0:
            raise HeadTooLarge
