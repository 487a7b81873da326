"""Two STS nodes on one PostgreSQL database: what one does holds on the other, and neither forgets a token."""

import base64
import secrets
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from http.client import HTTPException
from pathlib import Path

import psycopg
import pytest
import zeep
from lxml import etree

from tests import messages
from tests.messages import Answer
from tests.postgresql import PostgresqlServer, running_postgresql
from tests.promptness import Stopwatch, promptly
from tests.running import STATE, Prepared, another_node, change, command, prepare, serving, set_workers
from wstrust_sts import ns
from wstrust_sts.storage.engine import PATIENCE

PATH = "/trust/13/usernamemixed"
AT_ONCE = 0.05  # seconds after which every node follows a change
LATE_PARTY = """
[[relying_party]]
name = "late"
applies_to = ["https://late.example.test/"]
"""


@dataclass(frozen=True)
class Client:
    """Asks one node, each time on a new connection."""

    node: Prepared

    def ask(
        self, operation: str, body: str, *, user: str = "alice", password: str = "clarinet", more: str = ""
    ) -> Answer:
        return self.send(message(operation, body, user=user, password=password, more=more))

    def send(self, octets: bytes) -> Answer:
        return self.node.ask("POST", PATH, octets, Content_Type=messages.content_type())

    def issue(self, *, user: str = "alice", password: str = "clarinet", address: str = messages.RP) -> Answer:
        return self.ask("Issue", messages.issue(address=address), user=user, password=password)

    def ask_for_status(self, assertion: bytes) -> Answer:
        return self.ask("Validate", messages.validate(assertion.decode()))

    def validate(self, assertion: bytes) -> str | None:
        return self.ask_for_status(assertion).status_code

    def renew(self, assertion: bytes) -> Answer:
        return self.ask("Renew", messages.renew(assertion.decode()))

    def cancel(self, assertion: bytes) -> Answer:
        return self.ask("Cancel", messages.cancel(assertion.decode()))


def message(operation: str, body: str, *, user: str = "alice", password: str = "clarinet", more: str = "") -> bytes:
    now = datetime.now(UTC)
    credential = messages.username_token(user, password, more=more)
    headers = (
        messages.addressing(f"{ns.WST13}/RST/{operation}"),
        messages.security(messages.timestamp(now), credential),
    )
    return messages.envelope(body, *headers).encode()


def id_of(assertion: bytes) -> str:
    return etree.fromstring(assertion).get("ID")


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresqlServer]:
    with running_postgresql() as server:
        yield server


@pytest.fixture(scope="module")
def database_url(server: PostgresqlServer) -> Iterator[str]:
    with server.empty_database() as url:
        yield url


@pytest.fixture(scope="module")
def prepared(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    prepared = prepare(tmp_path_factory.mktemp("first"), database_url=database_url)
    set_workers(prepared, 1)
    return prepared


@pytest.fixture(scope="module")
def first(prepared: Prepared) -> Iterator[Client]:
    with serving(prepared):
        yield Client(prepared)


@pytest.fixture(scope="module")
def second(first: Client, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    node = another_node(first.node, tmp_path_factory.mktemp("second") / "sts")
    with serving(node):
        yield Client(node)


@contextmanager
def changed(prepared: Prepared, state: str) -> Iterator[None]:
    """The state applied, and the former one again at the end."""
    change(prepared, state)
    try:
        yield
    finally:
        change(prepared, STATE)


# -- one node


def test_the_life_of_a_token_from_issue_to_cancel(first: Client) -> None:
    issued = first.issue()
    assert issued.status == 200, issued.body
    assert first.validate(issued.assertion) == "valid"
    assert first.cancel(issued.assertion).status == 200
    assert first.validate(issued.assertion) == "invalid"


@pytest.mark.parametrize("soap", ["Soap11", "Soap12"])
def test_zeep_gets_a_token_by_the_wsdl(first: Client, soap: str) -> None:
    client = zeep_client(first.node, soap)
    answer = client.Issue(
        TokenType=ns.TP11_SAML20,
        RequestType=f"{ns.WST13}/Issue",
        AppliesTo={"EndpointReference": {"Address": messages.RP}},
    )
    assertion = answer.RequestSecurityTokenResponse[0].RequestedSecurityToken._value_1
    assert assertion.tag == f"{{{ns.SAML20}}}Assertion"
    assert first.validate(etree.tostring(assertion)) == "valid"


def zeep_client(node: Prepared, soap: str) -> object:
    import requests
    from zeep.transports import Transport
    from zeep.wsse.username import UsernameToken
    from zeep.wsse.utils import WSU

    session = requests.Session()
    session.trust_env = False
    session.verify = str(node.ca)
    now = datetime.now(UTC)
    timestamp = WSU.Timestamp(WSU.Created(now.strftime("%Y-%m-%dT%H:%M:%SZ")))
    client = zeep.Client(
        f"{node.url}{PATH}?wsdl",
        transport=Transport(session=session),
        wsse=UsernameToken("alice", "clarinet", timestamp_token=timestamp),
    )
    (service,) = client.wsdl.services.values()
    return client.bind(service.name, next(port for port in service.ports if soap in port))


def test_nothing_shows_the_password_of_the_database(first: Client, server: PostgresqlServer) -> None:
    shown = command(
        "check", "--config", str(first.node.config), directory=first.node.directory, environment=first.node.environment
    )
    files = [path for path in first.node.directory.iterdir() if path.is_file()]
    assert all(server.password not in text for text in (shown, *(path.read_text("latin-1") for path in files)))


def test_another_init_does_not_take_the_database_over(first: Client, tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="already has an STS"):
        prepare(tmp_path, database_url=first.node.database_url)
    assert not (tmp_path / "sts" / "sts.toml").exists()
    assert first.issue().status == 200


# -- two nodes


def test_a_message_that_one_node_has_seen_is_refused_by_the_other(first: Client, second: Client) -> None:
    nonce = base64.b64encode(secrets.token_bytes(16)).decode()
    more = f'<o:Nonce EncodingType="{ns.BASE64_BINARY}">{nonce}</o:Nonce>'
    octets = message("Issue", messages.issue(), more=more)
    assert first.send(octets).status == 200
    assert second.send(octets).code == "FailedAuthentication"
    assert first.send(octets).code == "FailedAuthentication"


def test_of_a_message_sent_to_both_at_once_one_is_answered(first: Client, second: Client) -> None:
    for _ in range(5):
        nonce = base64.b64encode(secrets.token_bytes(16)).decode()
        more = f'<o:Nonce EncodingType="{ns.BASE64_BINARY}">{nonce}</o:Nonce>'
        octets = message("Issue", messages.issue(), more=more)
        with ThreadPoolExecutor(2) as threads:
            answers = [threads.submit(node.send, octets) for node in (first, second)]
        assert sorted(answer.result().code or "issued" for answer in answers) == ["FailedAuthentication", "issued"]


def test_a_cancellation_holds_on_the_other_node_at_once(first: Client, second: Client) -> None:
    assertion = first.issue().assertion
    assert second.validate(assertion) == "valid"
    assert first.cancel(assertion).status == 200
    assert second.validate(assertion) == "invalid"


def test_renewals_at_both_nodes_at_once_make_three_tokens_of_one_and_no_more(first: Client, second: Client) -> None:
    assertion = first.issue().assertion
    with ThreadPoolExecutor(6) as threads:
        answers = [threads.submit(node.renew, assertion) for node in (first, second) for _ in range(3)]
    codes = [answer.result().code or "renewed" for answer in answers]
    assert sorted(codes) == ["UnableToRenew"] * 3 + ["renewed"] * 3
    made = {answer.result().assertion for answer in answers if answer.result().code is None}
    assert len(made) == 3
    assert [node.validate(token) for node in (first, second) for token in made] == ["valid"] * 6
    assert first.cancel(assertion).status == 200
    assert second.validate(assertion) == "invalid"
    assert second.renew(assertion).code == "InvalidSecurityToken"


def test_a_new_relying_party_is_known_at_once_to_every_node(first: Client, second: Client) -> None:
    for node in (first, second):
        assert node.issue(address="https://late.example.test/").status != 200
    with changed(first.node, STATE + LATE_PARTY):
        time.sleep(AT_ONCE)
        for node in (first, second):
            assert node.issue(address="https://late.example.test/").status == 200


def test_a_disabled_account_gets_no_token_from_any_node(first: Client, second: Client) -> None:
    for node in (first, second):
        assert node.issue(user="bob", password="trombone").status == 200
    with changed(first.node, STATE.replace('name = "bob"', 'name = "bob"\nenabled = false')):
        for node in (first, second):
            assert node.issue(user="bob", password="trombone").code == "FailedAuthentication"
    for node in (first, second):
        assert node.issue(user="bob", password="trombone").status == 200


def test_wrong_passwords_at_either_node_hold_up_attempts_at_both(first: Client, second: Client) -> None:
    for node in (first, second) * 5:
        assert node.issue(user="bob", password="wrong").code == "FailedAuthentication"
    time.sleep(AT_ONCE)
    for node in (first, second):
        assert node.issue(user="bob", password="trombone").code == "FailedAuthentication"
        assert "held up until" in node.node.log.read_text()
        assert node.issue().status == 200
    time.sleep(1)
    for node in (second, first):
        assert node.issue(user="bob", password="trombone").status == 200


# -- failures


def test_a_killed_node_has_lost_no_token_that_it_answered(
    first: Client, second: Client, database_url: str, tmp_path: Path
) -> None:
    doomed = another_node(first.node, tmp_path / "sts")
    received: list[str] = []
    with serving(doomed) as process:
        threads = [threading.Thread(target=issue_until_lost, args=(doomed, received)) for _ in range(4)]
        for thread in threads:
            thread.start()
        wait_for(lambda: len(received) >= 100)
        process.kill()
        for thread in threads:
            thread.join()
    with psycopg.connect(database_url) as connection:
        stored = {row[0] for row in connection.execute("SELECT token_id FROM issued_token")}
    assert len(received) >= 100
    assert len(set(received)) == len(received)
    assert set(received) <= stored
    assert second.issue().status == 200


def issue_until_lost(node: Prepared, received: list[str]) -> None:
    """Notes the id of every assertion that was received whole, on one connection until it breaks."""
    connection = node.connect()
    with suppress(OSError, HTTPException, ssl.SSLError):
        while True:
            connection.request(
                "POST", PATH, message("Issue", messages.issue()), {"Content-Type": messages.content_type()}
            )
            answer = connection.getresponse()
            body = answer.read()
            assert answer.status == 200, body
            received.append(id_of(Answer(answer.status, body, "").assertion))
    connection.close()


def wait_for(condition: Callable[[], bool], *, seconds: float = 20) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "that did not happen in time"
        time.sleep(0.005)


def test_without_its_database_a_node_is_busy_and_then_works_again(
    server: PostgresqlServer, first: Client, second: Client
) -> None:
    assertion = first.issue().assertion
    server.stop()
    try:
        for node in (first, second):
            for answer in (node.issue(), node.ask_for_status(assertion), node.cancel(assertion)):
                assert (answer.status, answer.code) == (503, "RequestFailed"), answer.body
                assert answer.headers["retry-after"]
            ready = node.node.ask("GET", "/readyz")
            assert (ready.status, ready.body) == (503, b"The database cannot be reached.\n")
            assert node.node.ask("GET", "/healthz").status == 200
    finally:
        server.start()
    for node in (first, second):
        assert node.node.ask("GET", "/readyz").status == 200
        assert node.issue().status == 200
        assert node.validate(assertion) == "valid"


def test_after_a_restart_of_the_database_nobody_notices_anything(
    server: PostgresqlServer, first: Client, second: Client
) -> None:
    assertion = first.issue().assertion
    for _ in range(2):
        server.stop()
        server.start()
        for node in (first, second):
            assert node.issue().status == 200
            assert node.validate(assertion) == "valid"


@contextmanager
def locked(database_url: str, table: str) -> Iterator[None]:
    """Everything that has to do with the table waits, as behind a migration that hangs."""
    with psycopg.connect(database_url) as connection:
        connection.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
        yield


def demand_busy(answer: Answer) -> None:
    assert (answer.status, answer.code) == (503, "RequestFailed"), answer.body
    assert answer.headers["retry-after"]


def test_behind_a_lock_every_request_is_busy_after_some_seconds_and_no_later(
    first: Client, second: Client, database_url: str
) -> None:
    """More requests than the node has connections: those that wait for one are busy, too."""
    assertion = first.issue().assertion
    asked: list[Callable[[], Answer]] = [first.issue, lambda: first.ask_for_status(assertion)] * 25
    with ThreadPoolExecutor(len(asked)) as threads:
        with locked(database_url, "issued_token"):
            watch = Stopwatch()
            answers = [threads.submit(ask) for ask in asked]
            time.sleep(1)
            assert promptly(lambda: first.node.ask("GET", "/healthz").status, within=0.3) == 200
            for answer in answers:
                demand_busy(answer.result())
            assert watch.within(PATIENCE + 3)
        for node in (first, second):
            assert node.issue().status == 200
            assert node.validate(assertion) == "valid"


def test_while_the_database_stands_still_a_node_answers_in_time_and_then_works_again(
    server: PostgresqlServer, first: Client, tmp_path: Path
) -> None:
    """It is there, and says nothing: not even its own time-outs run."""
    node = Client(another_node(first.node, tmp_path / "sts"))
    text = node.node.config.read_text()
    node.node.config.write_text(text.replace("[server]\n", '[server]\nrequest_timeout = "4s"\nmaximum_in_work = 10\n'))
    with serving(node.node), ThreadPoolExecutor(20) as threads:
        assertion = node.issue().assertion
        with server.standing_still():
            watch = Stopwatch()
            waiting = [threads.submit(node.issue) for _ in range(20)]
            time.sleep(2)
            demand_busy(promptly(node.issue, within=0.3))
            for answer in waiting:
                demand_busy(answer.result())
            assert watch.within(7)
        wait_for(lambda: node.issue().status == 200)
        assert node.validate(assertion) == "valid"


def test_a_node_does_not_start_without_its_database(first: Client, server: PostgresqlServer, tmp_path: Path) -> None:
    node = replace(another_node(first.node, tmp_path / "sts"), database_url=server.url("nowhere"))
    with pytest.raises(AssertionError, match="cannot be used") as refused, serving(node):
        pytest.fail("it serves")
    assert server.password not in str(refused.value)
