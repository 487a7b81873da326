"""What the hostile suite attacks, how, and what every answer must be like, whatever was sent.

An `Entrance` is one way in: an endpoint, by one version of SOAP. Every row of the harness's endpoint table is
attacked, so a new endpoint joins the suite as a row there; one with a new policy adds how its good credential is
written to CREDENTIALS. A `Target` is a running STS; `InProcess` is one without a network. The tests ask for the
fixtures `target` and `attack` (tests/security/conftest.py); a module that imports them may have others, of which
`target_of` and `attack_of` are the makers.
"""

import json
import logging
import re
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Protocol, TypeVar

import pytest
from lxml import etree

from tests import messages
from tests.cases import dashed
from tests.harness import ENDPOINTS, PASSWORDS, Sts
from tests.messages import RP, SOAP, Answer
from wstrust_sts import log, ns
from wstrust_sts.bindings.http import Request
from wstrust_sts.config import EndpointSection
from wstrust_sts.errors import HttpRefusal, StsError, fault_classes
from wstrust_sts.model import TrustVersion

CPU_LIMIT = 0.3  # seconds of processor time for one message; what is measured is a tenth of it
LONGEST_REFUSAL = 8192  # octets
CANARY = "zqcanaryqz"  # written into hostile values: it must come back from nowhere

FORBIDDEN = re.compile(
    r"traceback|exception|spyne|lxml|libxml|etree|xmlsec|sqlalchemy|sqlite|psycopg|argon2|openssl|python|\.py\b"
    r"|site-packages|nonetype|object at|\bline \d|column|/home|/usr|/tmp|/etc|root:|argument|unexpected|must be",
    re.IGNORECASE,
)

CREDENTIALS: Mapping[str, Callable[..., str]] = {
    "usernamemixed": messages.username_token,
    "vmware": messages.username_token,  # of several
}
"""How the good credential of each endpoint policy is written."""


# -- what is attacked --------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Entrance:
    path: str
    version: TrustVersion
    policy: str
    tolerances: frozenset[str]
    soap: str
    layout: str = "default"

    def __str__(self) -> str:
        return f"{dashed(self)}-soap{self.soap}"

    @property
    def trust(self) -> str:
        return self.version.namespace


def entrances(rows: Iterable[EndpointSection]) -> tuple[Entrance, ...]:
    """Every endpoint, by both versions of SOAP."""
    return tuple(
        Entrance(
            path=row.path,
            version=row.trust,
            policy=row.policy,
            tolerances=frozenset(row.tolerances),
            soap=soap,
            layout=row.layout,
        )
        for row in rows
        for soap in SOAP
    )


def in_both_layouts(rows: Iterable[EndpointSection]) -> tuple[EndpointSection, ...]:
    """Those of WS-Trust 1.3 as they are, and those of 2005/02 in the layout of AD FS: each policy in each layout."""
    return tuple(replace(row, layout="adfs") if row.trust is TrustVersion.V2005 else row for row in rows)


ENTRANCES = entrances(ENDPOINTS)


class Target(Protocol):
    """A running STS with the accounts and relying parties of `tests/harness.py`."""

    def send(
        self, octets: bytes, *, path: str, content_type: str | None, method: str, headers: Mapping[str, str]
    ) -> Answer: ...

    def now(self) -> datetime:
        """The server's time."""
        ...

    def cpu(self) -> float:
        """The processor time that the server has used, in seconds."""
        ...

    def logged(self) -> str:
        """What the server logged since this was asked last, one JSON object a line."""
        ...


class InProcess:
    """The whole application without a network, over in-memory stores and a clock that stands still."""

    def __init__(self, lines: "tempfile._TemporaryFileWrapper[bytes]", sts: Sts) -> None:
        self.sts = sts
        self.peer_certificate: bytes | None = None  # of every connection
        self._lines = lines

    def send(
        self, octets: bytes, *, path: str, content_type: str | None, method: str, headers: Mapping[str, str]
    ) -> Answer:
        fields = dict(headers) if content_type is None else {"content-type": content_type, **headers}
        return self.sts.request(
            Request(
                method=method,
                path=path,
                headers=fields,
                body=octets,
                source="192.0.2.1",
                peer_certificate=self.peer_certificate,
            )
        )

    def now(self) -> datetime:
        return self.sts.clock.now

    def cpu(self) -> float:
        return time.process_time()

    def logged(self) -> str:
        return self._lines.read().decode()


_LOGGERS = ("wstrust_sts", *log._SILENCED)


@contextmanager
def in_process(sts: Sts | None = None) -> Iterator[InProcess]:
    """A target whose log goes to a file; the log is put back as it was."""
    root, earlier = logging.getLogger(), log._log
    kept = list(root.handlers), root.level
    named = {name: (logging.getLogger(name).level, logging.getLogger(name).propagate) for name in _LOGGERS}
    with tempfile.NamedTemporaryFile() as written, open(written.name, "rb") as lines:
        log.configure(format="json", level="debug", descriptor=written.fileno())
        try:
            yield InProcess(lines, sts or Sts())
        finally:
            log._log = earlier
            root.handlers[:], level = kept
            root.setLevel(level)
            for name, (level, propagates) in named.items():
                logging.getLogger(name).setLevel(level)
                logging.getLogger(name).propagate = propagates


# -- attacking ---------------------------------------------------------------------------------------------------


class Attack:
    """One attacker at one entrance: writes messages that are good but for what a test changes, and judges answers."""

    bare_faults = False  # whether those of SOAP 1.1 are, as `demand_sound` has it

    def __init__(self, target: Target, entrance: Entrance) -> None:
        self.target = target
        self.entrance = entrance
        self.trust = entrance.trust

    # what is written

    @property
    def now(self) -> datetime:
        return self.target.now()

    def timestamp(self, created: timedelta = timedelta(0), expires: timedelta = timedelta(minutes=5)) -> str:
        """A Timestamp with times relative to now."""
        return self.timestamp_of(messages.instant(self.now, created), messages.instant(self.now, expires))

    def timestamp_of(self, created: str, expires: str) -> str:
        return (
            f'<u:Timestamp xmlns:u="{ns.WSU}"><u:Created>{created}</u:Created><u:Expires>{expires}</u:Expires>'
            "</u:Timestamp>"
        )

    def credential(self, *how: str, **more: str) -> str:
        return CREDENTIALS[self.entrance.policy](*how, **more)

    def security(self, *parts: str) -> str:
        return messages.security(*(parts or (self.timestamp(), self.credential())))

    def rst(self, *more: str, **how: str) -> str:
        """A good Issue with `more` in it."""
        return messages.issue(*more, trust=self.trust, **how)

    def message(self, body: str | None = None, *headers: str, security: str | None = None) -> str:
        """A good message, but for what is given."""
        protection = self.security() if security is None else security
        return messages.envelope(self.rst() if body is None else body, *headers, protection, soap=self.entrance.soap)

    def with_credential(self, credential: str) -> str:
        return self.message(security=self.security(self.timestamp(), credential))

    def with_timestamp(self, timestamp: str) -> str:
        return self.message(security=self.security(timestamp, self.credential()))

    def with_header(self, *headers: str) -> str:
        return self.message(None, *headers)

    def changed(self, old: str, new: str) -> str:
        """A good message in which `old` became `new` at its first place."""
        good = self.message()
        assert old in good
        return good.replace(old, new, 1)

    @property
    def soap_namespace(self) -> str:
        return SOAP[self.entrance.soap]

    @property
    def other_soap(self) -> str:
        return next(soap for soap in SOAP if soap != self.entrance.soap)

    @property
    def other_trust(self) -> str:
        return ns.WST05 if self.trust == ns.WST13 else ns.WST13

    # what is sent

    def send(
        self,
        message: bytes | str,
        *,
        content_type: str | None = "",
        path: str | None = None,
        method: str = "POST",
        **headers: str,
    ) -> Answer:
        """Sends, and holds the answer against all that is true of every answer. `content_type` "": the right one."""
        octets = message.encode() if isinstance(message, str) else message
        if content_type == "":
            content_type = messages.content_type(self.entrance.soap)
        answer, spent = self._timed(octets, path, content_type, method, headers)
        if spent >= CPU_LIMIT:  # once more: a collection of the tests' own garbage may have come between
            _, spent = self._timed(octets, path, content_type, method, headers)
        assert spent < CPU_LIMIT, f"{spent:.3f} s of processor time for {octets[:200]!r}"
        answer = self.understood(answer)
        unsecured = (path or self.entrance.path).endswith("/mex")
        demand_sound(answer, unsecured=unsecured, bare_faults=self.bare_faults and not unsecured)
        return answer

    def understood(self, answer: Answer) -> Answer:
        """The answer as it is judged."""
        return answer

    def _timed(
        self, octets: bytes, path: str | None, content_type: str | None, method: str, headers: Mapping[str, str]
    ) -> tuple[Answer, float]:
        path = self.entrance.path if path is None else path
        before = self.target.cpu()
        answer = self.target.send(octets, path=path, content_type=content_type, method=method, headers=headers)
        return answer, self.target.cpu() - before

    def refused(self, message: bytes | str, *expected: type[StsError | HttpRefusal], **how) -> Answer:
        """Sends, and demands one of the refusals `expected`: its code, its status and its sentence."""
        answer = self.send(message, **how)
        if not any(self.is_refusal(answer, kind) for kind in expected):
            raise AssertionError(f"not {expected}: {shown(answer)}")
        return answer

    def is_refusal(self, answer: Answer, kind: type[StsError | HttpRefusal]) -> bool:
        if issubclass(kind, HttpRefusal):
            return answer.status == kind.status and answer.body == f"{kind.sentence}\n".encode()
        if answer.status != kind.status or answer.sentence != kind.sentence or answer.fault is None:
            return False
        namespace, code = answer.fault
        side = {ns.SOAP11: {"sender": "Client", "receiver": "Server"}}.get(
            etree.QName(answer.root).namespace, {"sender": "Sender", "receiver": "Receiver"}
        )[kind.side]
        match kind.namespace:
            case "none":
                return namespace in (ns.SOAP11, ns.SOAP12) and code == side
            case "soap":
                return namespace in (ns.SOAP11, ns.SOAP12) and code == kind.code
            case "wsa":
                return namespace in (ns.WSA, ns.WSA04) and code == kind.code
            case "wsse":
                return namespace == ns.WSSE and code == kind.code
            case "wsc":
                return namespace == (ns.WSC05 if self.trust == ns.WST05 else ns.WSC13) and code == kind.code
        return namespace == self.trust and code == kind.code

    def issued(self, message: bytes | str, **how) -> Answer:
        """Sends, and demands a token for alice and the relying party."""
        answer = self.send(message, **how)
        assert answer.status == 200, shown(answer)
        assert_token_of_alice(answer)
        return answer

    def validated(self, target: str, **how) -> str | None:
        """The verdict on `target`: `valid`, `invalid`, or the code of a fault."""
        answer = self.send(self.message(messages.validate(target, trust=self.trust)), **how)
        return answer.status_code or answer.code

    def transformed(self, target: str, *more: str, token_type: str = ns.SAML11) -> str | None:
        """What comes of asking for a token made from `target`: `transformed`, a status without a token, or the code of
        a fault.
        """
        asked = messages.transform(target, *more, token_type=token_type, trust=self.trust)
        return self.result_of(self.send(self.message(asked)))

    def result_of(self, answer: Answer) -> str | None:
        """Of a Validate. A token is never without the status `valid`, nor with any other subject or audience."""
        if b"RequestedSecurityToken" not in answer.body:
            return answer.status_code or answer.code
        assert answer.status_code == "valid", shown(answer)
        assert_token_of_alice(answer)
        return "transformed"

    def cancelled(self, target: str) -> str | None:
        """None when it was cancelled, else the code of the fault."""
        answer = self.send(self.message(messages.cancel(target, trust=self.trust)))
        assert (answer.status == 200) == (answer.code is None)
        return answer.code

    def demand_service(self) -> None:
        """A good message is answered as ever."""
        self.issued(self.message())


SomeAttack = TypeVar("SomeAttack", bound=Attack)


def attacking(attack: SomeAttack) -> Iterator[SomeAttack]:
    """The attack, after which the server lives, and its log tells of no failure and no password."""
    attack.target.logged()
    yield attack
    attack.demand_service()
    demand_quiet(attack.target.logged())


def target_of(make: Callable[[], Sts] = Sts) -> Any:
    """A fixture: a running STS, made anew for each module."""

    @pytest.fixture(scope="module")
    def target() -> Iterator[InProcess]:
        with in_process(make()) as running:
            yield running

    return target


def attack_of(kind: Callable[[Any, Entrance], Attack], places: Iterable[Entrance]) -> Any:
    """A fixture: an attack on the module's `target`, at each of the places."""

    @pytest.fixture(params=list(places), ids=str)
    def attack(request: pytest.FixtureRequest, target: Target) -> Iterator[Attack]:
        yield from attacking(kind(target, request.param))

    return attack


def shown(answer: Answer) -> str:
    """An answer in one line."""
    if answer.content_type.startswith("text/plain"):
        return f"{answer.status} {answer.body!r}"
    return f"{answer.status} {answer.fault} {answer.sentence}"


def without_correlation(octets: bytes) -> bytes:
    """An answer without what tells it from the next one that says the same."""
    return re.sub(rb"[0-9a-f]{32}", b"", octets)


# -- judging -----------------------------------------------------------------------------------------------------

_PLAIN = {f"{kind.sentence}\n".encode(): kind.status for kind in HttpRefusal.__subclasses__()}
_SENTENCES = {kind.sentence for kind in fault_classes()}
_CORRELATION_ID = re.compile(r"[0-9a-f]{32}")


def demand_sound(answer: Answer, *, unsecured: bool = False, bare_faults: bool = False) -> None:
    """A well-formed SOAP answer with one Timestamp, a fault with a correlation id, or a plain refusal; no leak.

    `unsecured`: the address is one without WS-Security, where no answer has a Timestamp; metadata has it nowhere.
    `bare_faults`: a fault of SOAP 1.1 holds two texts, and neither a Timestamp nor the correlation id.
    """
    correlation_id = answer.headers.get("x-correlation-id", "")
    assert _CORRELATION_ID.fullmatch(correlation_id)
    if answer.content_type.startswith("text/plain"):
        assert _PLAIN.get(answer.body) == answer.status, answer.body[:300]
        return
    root = etree.fromstring(answer.body, etree.XMLParser(resolve_entities=False, no_network=True))
    soap = etree.QName(root).namespace
    media_type = {ns.SOAP11: "text/xml", ns.SOAP12: "application/soap+xml"}[soap]
    assert answer.content_type == f"{media_type}; charset=utf-8"
    bare = bare_faults and soap == ns.SOAP11 and answer.status != 200
    if bare:
        assert len(root.xpath("//text()")) == 2
    timestamps = root.findall(f"{{{soap}}}Header/{{{ns.WSSE}}}Security/{{{ns.WSU}}}Timestamp")
    assert len(timestamps) == (0 if unsecured or bare or root.find(f".//{{{ns.MEX}}}Metadata") is not None else 1)
    (body,) = root.findall(f"{{{soap}}}Body")
    assert len(body) == 1
    if body[0].tag == f"{{{soap}}}Fault":
        assert answer.status in (500, 503)
        assert answer.correlation_id == (None if bare else correlation_id)
        assert answer.sentence in _SENTENCES
        assert len(answer.body) <= LONGEST_REFUSAL
        demand_no_leak(answer.body.decode())
    else:
        assert answer.status == 200
        assert next(root.iter(f"{{{soap}}}Fault"), None) is None


def demand_no_leak(text: str) -> None:
    found = FORBIDDEN.search(text)
    assert found is None, f"{found[0]!r} in {text!r}"
    for secret in (*PASSWORDS.values(), CANARY):
        assert secret not in text


def demand_quiet(lines: str) -> None:
    """No unexpected failure in a log, and no password."""
    for secret in PASSWORDS.values():
        assert secret not in lines
    demand_no_failure(lines)


def demand_no_failure(lines: str) -> None:
    for line in lines.splitlines():
        assert json.loads(line)["level"] != "error", line


def assert_token_of_alice(answer: Answer) -> None:
    """The one assertion of the answer names alice and the relying party."""
    assertions = [
        element
        for name in (f"{{{ns.SAML20}}}Assertion", f"{{{ns.SAML11}}}Assertion")
        for element in answer.root.iter(name)
    ]
    assert len(assertions) == 1
    (assertion,) = assertions
    names = [
        element.text
        for name in (f"{{{ns.SAML20}}}NameID", f"{{{ns.SAML11}}}NameIdentifier")
        for element in assertion.iter(name)
    ]
    audiences = [
        element.text
        for name in (f"{{{ns.SAML20}}}Audience", f"{{{ns.SAML11}}}Audience")
        for element in assertion.iter(name)
    ]
    assert set(names) == {"alice"}
    assert audiences == [RP]
