"""The whole application behind the real reader of HTTP, without a network: octets of a connection in, answers out.

The judge of wholeness reads a message by paths of its own: a token is issued only where there is one name, one
password, one address and one type of request, each exactly the good one, at the place where it belongs.
"""

import asyncio
import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import Any

from lxml import etree

from tests.attack import ENTRANCES, InProcess, assert_token_of_alice, demand_no_failure, demand_sound, in_process
from tests.fakes import REALM, FakeKeyring
from tests.fuzz import mutations, seeds, steady
from tests.fuzz.keys import WILLING
from tests.fuzz.protection import message_key
from tests.fuzz.target import Target
from tests.harness import Sts, account, allowing_digests
from tests.messages import RP, Answer
from wstrust_sts import ns
from wstrust_sts.bindings.http import Request, Response, settled
from wstrust_sts.server.connection import Connection
from wstrust_sts.server.settings import ServerSettings
from wstrust_sts.wire.dsig import canonical
from wstrust_sts.wire.xml import MAX_OCTETS, parse

_SETTINGS = ServerSettings()
LONGEST_ANSWER = 96 * 1024  # octets
_SESSION = 4000  # requests, after which a new application is made: logs and tables are kept in memory
_ECHOED = re.compile(rb"<a:RelatesTo [^>]*>[^<]*</a:RelatesTo>|<s:NotUnderstood [^>]*>")

Handler = Callable[[Request], Response]


# -- a connection without a network ------------------------------------------------------------------------------


class _Session:
    """TLS, without a certificate of the client."""

    def getpeercert(self, binary_form: bool) -> None:
        return None


class _Transport(asyncio.Transport):
    """Keeps what is written."""

    def __init__(self) -> None:
        super().__init__({"ssl_object": _Session()})
        self.written = b""
        self.closed = False

    def write(self, data: Any) -> None:
        self.written += data

    def close(self) -> None:
        self.closed = True

    abort = close

    def is_closing(self) -> bool:
        return self.closed

    def pause_reading(self) -> None:
        pass

    resume_reading = pause_reading

    def get_write_buffer_size(self) -> int:
        return 0


@dataclass
class _Front:
    """The worker, as a connection sees it; and its dispatcher, which answers at once."""

    handler: Handler
    settings: ServerSettings = _SETTINGS
    draining: bool = False
    exchanges: list[tuple[Request, Response]] = field(default_factory=list)

    @property
    def dispatcher(self) -> "_Front":
        return self

    def dispatch(self, request: Request, deliver: Callable[[Response], None]) -> None:
        response = settled(self.handler(request))
        self.exchanges.append((request, response))
        deliver(response)

    def leave(self, connection: Connection) -> None:
        pass


def converse(pieces: Sequence[bytes], handler: Handler) -> tuple[list[tuple[Request, Response]], bytes]:
    """The exchanges that came of what a client sent in these pieces, and all that was written to it."""
    front, transport = _Front(handler), _Transport()
    connection = Connection(front, "192.0.2.1")
    connection.connection_made(transport)
    for piece in pieces:
        if not transport.closed:
            connection.take(piece)
    connection.connection_lost(None)
    return front.exchanges, transport.written


# -- HTTP alone --------------------------------------------------------------------------------------------------

_STATUS_LINE = re.compile(rb"HTTP/1\.1 (\d{3}) [A-Za-z ]+\Z")
_HEADER = re.compile(rb"[A-Za-z-]+: [\t\x20-\x7e]*\Z")
_STATUSES = {200, 400, 408, 413, 415, 417, 500, 501, 505}


def run_front(octets: bytes) -> str:
    """A request is the same however its octets come in, and what is written is HTTP."""
    whole, written = converse([octets], _echo)
    cut = hashlib.sha256(octets).digest()
    places = sorted({int.from_bytes(cut[at : at + 4], "big") % (len(octets) + 1) for at in range(0, 12, 4)})
    pieces = [octets[start:end] for start, end in zip([0, *places], [*places, len(octets)], strict=True)]
    parts, _ = converse(pieces, _echo)
    assert [request for request, _ in whole[:1]] == [request for request, _ in parts[:1]]
    for request, _ in (*whole, *parts):
        assert request.path.isascii()
        assert request.path.startswith("/")
        assert len(request.body) <= MAX_OCTETS
        assert all(name == name.lower() for name in request.headers)
    statuses = list(_read_answers(written, heads=[request.method == "HEAD" for request, _ in whole]))
    assert set(statuses) <= _STATUSES
    return " ".join(map(str, statuses[:1]))


def _echo(request: Request) -> Response:
    return Response(status=200, body=hashlib.sha256(request.body).hexdigest().encode())


def _read_answers(written: bytes, *, heads: list[bool]) -> Iterator[int]:
    """The status of each answer. `heads`: whether a request was a HEAD, whose answer has no body."""
    bodiless = iter(heads)
    while written:
        head, end, written = written.partition(b"\r\n\r\n")
        assert end
        first, *lines = head.split(b"\r\n")
        status = _STATUS_LINE.match(first)
        assert status is not None, first
        if status[1] == b"100":
            continue
        assert all(map(_HEADER.match, lines)), lines
        (length,) = (int(line.split(b": ")[1]) for line in lines if line.lower().startswith(b"content-length:"))
        if not next(bodiless, False):
            assert len(written) >= length
            written = written[length:]
        yield int(status[1])


# -- the application ---------------------------------------------------------------------------------------------


class _Standing:
    """One application with the same two tokens in its register before each input."""

    def __init__(self) -> None:
        self._closing = ExitStack()
        self.target: InProcess = self._closing.enter_context(in_process())
        keyring = FakeKeyring()
        keyring.signers[REALM.name] = [steady.signer()]
        keyring.verifiers[REALM.name] = [steady.verification_key()]
        keyring.message_keys[REALM.name] = [message_key()]
        self.target.sts = self.sts = Sts(keyring=keyring, relying_parties=(WILLING,))
        stores = self.sts.stores
        stores.accounts.put(allowing_digests(account("alice"), "clarinet"))
        answer = self.sts.issue()
        assert answer.status == 200, answer.body
        (row,) = stores.issued_tokens.rows.values()
        tokens = [steady.issued(token_type) for token_type in steady.TOKEN_IDS]
        rows = [replace(row, token_id=token.descriptor.token_id, digest=token.digest) for token in tokens]
        self._register = {(each.realm, each.token_id): each for each in rows}
        self.requests = 0

    def restore(self) -> None:
        stores = self.sts.stores
        stores.issued_tokens.rows = dict(self._register)
        stores.journal.entries.clear()
        stores.replay_cache.rows.clear()
        self.requests += 1

    def close(self) -> None:
        self._closing.close()


class WholeApplication:
    """The target. The application lives until `close`, or for some thousand requests."""

    def __init__(self) -> None:
        self._standing: _Standing | None = None

    def __call__(self, octets: bytes) -> str:
        if self._standing is not None and self._standing.requests >= _SESSION:
            self.close()
        if self._standing is None:
            self._standing = _Standing()
        standing = self._standing
        standing.restore()
        exchanges, _ = converse([octets], standing.sts.application.handle)
        demand_no_failure(standing.target.logged())
        return " ".join(_judge(request, response) for request, response in exchanges) or "not HTTP"

    def close(self) -> None:
        if self._standing is not None:
            self._standing.close()
            self._standing = None


def _judge(request: Request, response: Response) -> str:
    assert len(response.body) <= LONGEST_ANSWER
    answer = Answer.of(response)
    if request.method != "POST" and response.status == 200:
        documents = (f"{{{ns.WSDL}}}definitions", f"{{{ns.MD}}}EntityDescriptor")
        assert response.body == b"ok\n" or parse(response.body).tag in documents
        return "plain"
    if request.method != "POST" and response.status == 304:
        assert response.body == b""
        return "plain"
    # What a client's own text is put into is no leak.
    demand_sound(replace(answer, body=_ECHOED.sub(b"", answer.body)), unsecured=request.path.endswith("/mex"))
    if not answer.content_type.endswith("xml; charset=utf-8"):
        return str(answer.status)
    if answer.status != 200:
        return str(answer.code)
    return _judge_success(request, answer)


def _judge_success(request: Request, answer: Answer) -> str:
    if answer.root.find(f".//{{{ns.MEX}}}Metadata") is not None:
        return "described"
    message = _Message(request)
    if answer.status_code is not None:
        assert answer.status_code in ("valid", "invalid")
        assert answer.status_code == "invalid" or message.names_a_known_token()
        return answer.status_code
    if any(True for _ in answer.root.iter("{*}RequestedTokenCancelled")):
        assert message.names_a_known_token()
        return "cancelled"
    assert message.is_whole()
    assert_token_of_alice(answer)
    return "issued"


# -- the judge of wholeness ----------------------------------------------------------------------------------------


class _Message:
    """A message that the application believed, read by other ways."""

    def __init__(self, request: Request) -> None:
        self._request = request
        (self._entrance,) = {
            entrance.path: entrance for entrance in ENTRANCES if entrance.path == request.path
        }.values()
        self._root = seeds.read(_plain(request))
        self._soap = etree.QName(self._root).namespace
        self._trust = self._entrance.trust

    def names_a_known_token(self) -> bool:
        known = {token.digest for token in map(steady.issued, steady.TOKEN_IDS)}
        presented = {
            hashlib.sha256(canonical(element)).digest()
            for namespace in (ns.SAML20, ns.SAML11)
            for element in self._root.iter(f"{{{namespace}}}Assertion")
        }
        named = {(element.text or "").strip() for element in self._root.iter(f"{{{ns.WSSE}}}KeyIdentifier")}
        named |= {element.get("URI", "").removeprefix("#") for element in self._root.iter(f"{{{ns.WSSE}}}Reference")}
        return bool(presented & known or named & set(steady.TOKEN_IDS.values()))

    def is_whole(self) -> bool:
        credentials = [token for block in self._blocks(ns.WSSE, "Security") for token in block]
        tokens = [token for token in credentials if token.tag == f"{{{ns.WSSE}}}UsernameToken"]
        names = [element.text for token in tokens for element in token.findall(f"{{{ns.WSSE}}}Username")]
        secrets = [element.text for token in tokens for element in token.findall(f"{{{ns.WSSE}}}Password")]
        without = [RP] if "no-applies-to" in self._entrance.tolerances else []
        return (
            names == ["alice"]
            and secrets in (["clarinet"], [seeds.DIGEST])
            and (self._own_or_secondary(self._addresses) or without) == [RP]
            and self._asked_for() in ({"/Issue", "/RST/Issue"}, {"/Issue"}, {"/RST/Issue"})
        )

    def _blocks(self, namespace: str, name: str) -> list[Any]:
        """Header blocks for the ultimate receiver or everyone."""
        roles = (None, "", ns.SOAP11_NEXT, ns.SOAP12_NEXT, ns.SOAP12_ULTIMATE_RECEIVER)
        found = self._root.findall(f"{{{self._soap}}}Header/{{{namespace}}}{name}")
        attribute = f"{{{self._soap}}}{'actor' if self._soap == ns.SOAP11 else 'role'}"
        return [block for block in found if block.get(attribute) in roles]

    def _own_or_secondary(self, read: Callable[[Any], list[str]]) -> list[str]:
        request = f"{{{self._soap}}}Body/{{{self._trust}}}RequestSecurityToken"
        (rst,) = self._root.findall(request)
        secondary = [
            parameters
            for namespace in (self._trust, ns.WST14)
            for parameters in rst.findall(f"{{{namespace}}}SecondaryParameters")
        ]
        return read(rst) or [text for parameters in secondary for text in read(parameters)]

    def _addresses(self, parent: Any) -> list[str]:
        return [
            (element.text or "").strip()
            for policy in (ns.WSP02, ns.WSP04, ns.WSP15)
            for reference in (ns.WSA, ns.WSA04)
            for address in (ns.WSA, ns.WSA04)
            for element in parent.findall(
                f"{{{policy}}}AppliesTo/{{{reference}}}EndpointReference/{{{address}}}Address"
            )
        ]

    def _request_types(self, parent: Any) -> list[str]:
        return [
            (element.text or "").strip()
            for namespace in (self._trust, ns.WST14)
            for element in parent.findall(f"{{{namespace}}}RequestType")
        ]

    def _asked_for(self) -> set[str]:
        headers = self._request.headers
        actions = [block.text for namespace in (ns.WSA, ns.WSA04) for block in self._blocks(namespace, "Action")]
        actions.append(headers.get("soapaction", "").strip().strip('"'))
        actions += re.findall(r'action="([^"]*)"', headers.get("content-type", ""))
        texts = [(text or "").strip() for text in (*self._own_or_secondary(self._request_types), *actions)]
        return {text.removeprefix(self._trust) for text in texts if text}


def _plain(request: Request) -> bytes:
    """The message in UTF-8 without marks, white space and declaration in front."""
    body, charset = request.body, request.headers.get("content-type", "").lower()
    if body.startswith((b"\xff\xfe", b"\xfe\xff")):
        body = body.decode("utf-16").encode()
    elif found := re.search(r"utf-16(le|be)?", charset):
        body = body.decode(found[0]).encode()
    return re.sub(rb"\A(?:\xef\xbb\xbf|[ \t\r\n])*(?:<\?xml\s[^>]*\?>)?\s*", b"", body)


whole_application = WholeApplication()

APPLICATION = (
    Target(name="http", run=run_front, seeds=seeds.requests, mutate=mutations.http, share=2),
    Target(name="application", run=whole_application, seeds=seeds.requests, mutate=mutations.message, share=12),
)
