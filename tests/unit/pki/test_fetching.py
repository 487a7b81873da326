"""What is fetched, from where, and how long anybody waits: with real servers on 127.0.0.1, and with a fake one."""

import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.promptness import Stopwatch
from tests.responder import LOOPBACK, cut_short, drip, endless, running, silent, whole
from wstrust_sts.pki.addresses import is_allowed, read_location
from wstrust_sts.pki.fetching import AT_ONCE, PATIENCE, RETRY, Fetcher
from wstrust_sts.pki.http import Resource, Silent, Unreachable, exchange


@pytest.fixture(scope="module")
def served():
    with running() as responder:
        yield responder


def wanted(url: str, **more) -> Resource:
    return Resource(**({"url": url, "limit": 1000, "networks": LOOPBACK} | more))


# -- one exchange


def test_the_body_of_an_answer_comes_by_get_and_by_post(served):
    url = served.at("/echo", lambda request, body: whole(request.command.encode() + body)(request, body))
    assert exchange(wanted(url), seconds=5) == b"GET"
    assert exchange(wanted(url, body=b"asked", content_type="a/b"), seconds=5) == b"POSTasked"


def test_nothing_private_is_reached_unless_it_is_allowed(served):
    url = served.at("/private", b"secret")
    with pytest.raises(Unreachable, match="not public"):
        exchange(wanted(url, networks=()), seconds=5)
    with pytest.raises(Unreachable, match="not public"):
        exchange(wanted(url.replace("127.0.0.1", "localhost"), networks=("10.0.0.0/8",)), seconds=5)
    assert "/private" not in served.asked


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.1.2.3", "192.168.1.1", "172.16.0.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1",
     "255.255.255.255", "::1", "::", "fe80::1%eth0", "fd00::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1",
     "64:ff9b::7f00:1", "2002:7f00:1::", "2001::1", "ff02::1", "::127.0.0.1", "240.0.0.1", "fec0::1"],
)  # fmt: skip
def test_an_address_that_is_not_public_is_not_allowed_by_itself(address):
    assert not is_allowed(address, ())


def test_what_an_operator_allows_is_allowed_and_no_more():
    assert is_allowed("10.1.2.3", ("10.0.0.0/8",))
    assert is_allowed("::ffff:10.1.2.3", ("10.0.0.0/8",))
    assert not is_allowed("192.168.0.1", ("10.0.0.0/8", "fd00::/8"))
    assert is_allowed("fd00::1", ("fd00::/8",))
    for public in ("93.184.216.34", "2606:2800:220:1::1"):
        assert is_allowed(public, ())


@pytest.mark.parametrize(
    "url",
    ["https://a.test/", "ftp://a.test/", "ldap:///cn=x", "file:///etc/passwd", "http://", "http:///x", "http://u@a.test/",
     "http://a.test/ x", "http://a.test/\r\nX: y", "http://a.test:99999/", "http://ä.test/", "http://[::1", "a.test",
     "", "http://a.test/" + "x" * 3000, "http://a.test\\@b.test/"],
)  # fmt: skip
def test_a_url_that_is_no_plain_http_url_is_not_fetched(url):
    with pytest.raises(ValueError, match=r"\w"):
        read_location(url)
    with pytest.raises(Unreachable):
        exchange(wanted(url), seconds=1)


def test_no_proxy_of_the_environment_is_used(served, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1/")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1/")
    assert exchange(wanted(served.at("/direct", b"it")), seconds=5) == b"it"


@pytest.mark.parametrize(
    ("give", "why"),
    [
        (whole(b"", 302, (("Location", "/elsewhere"),)), "302"),
        (whole(b"", 500), "500"),
        (whole(b"x" * 1001), "longer"),
        (endless, "longer"),
        (cut_short, "before its end|HTTP"),
        (lambda request, _: request.wfile.write(b"SSH-2.0-x\r\n"), "HTTP"),
        (lambda request, _: request.wfile.write(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 1000 + b"\r\n"), "HTTP"),
        (lambda request, _: request.wfile.write(b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000 + b"\r\n\r\n"), "HTTP"),
    ],
)
def test_an_answer_that_is_none_is_refused(served, give, why):
    url = served.at("/bad", give)
    served.at("/elsewhere", b"not followed")
    with pytest.raises(Unreachable, match=why):
        exchange(wanted(url), seconds=5)
    assert "/elsewhere" not in served.asked


@pytest.mark.parametrize("make", [drip, silent])
def test_an_answer_that_does_not_end_is_given_up_in_time(served, make):
    url = served.at("/slow", make(served))
    watch = Stopwatch()
    with pytest.raises(Unreachable, match="in time"):
        exchange(wanted(url), seconds=0.4)
    assert watch.within(2)


def test_nobody_listening_is_told():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(Unreachable, match="connection"):
            exchange(wanted(f"http://127.0.0.1:{taken.getsockname()[1]}/"), seconds=2)


# -- what is kept


class FakeExchange:
    """Gives `octets`, or raises; waits for `go` first."""

    def __init__(self) -> None:
        self.octets: bytes | None = b"first"
        self.failure = Unreachable("not now")
        self.asked = 0
        self.go = threading.Event()
        self.go.set()

    def __call__(self, resource: Resource, *, seconds: float) -> bytes:
        self.asked += 1
        self.go.wait(10)
        if self.octets is None:
            raise self.failure
        return self.octets


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def fake():
    exchange = FakeExchange()
    yield exchange
    exchange.go.set()


def test_what_came_is_kept_for_its_age_and_then_fetched_anew(fake):
    clock = Clock()
    fetcher = Fetcher(fake, clock)
    ask = lambda: fetcher.fetch(wanted("http://a.test/"), max_age=100, deadline=fetcher.deadline())  # noqa: E731
    assert [ask(), ask()] == [b"first", b"first"]
    assert fake.asked == 1
    fake.octets = b"second"
    clock.now += 101
    assert ask() == b"second"
    clock.now += 101
    fake.octets = None
    assert ask() == b"second"


def test_what_did_not_answer_is_not_asked_again_for_a_while(fake):
    clock = Clock()
    fetcher = Fetcher(fake, clock)
    fake.octets = None
    for _ in range(5):
        with pytest.raises(Unreachable, match="not now"):
            fetcher.fetch(wanted("http://a.test/"), max_age=100, deadline=fetcher.deadline())
    assert fake.asked == 1
    clock.now += RETRY
    fake.octets = b"again"
    assert fetcher.fetch(wanted("http://a.test/"), max_age=100, deadline=fetcher.deadline()) == b"again"


def test_where_there_is_no_answer_at_all_nobody_else_waits_for_one(fake):
    """As with OCSP, where each certificate has a request of its own at one URL."""
    clock = Clock()
    fetcher = Fetcher(fake, clock)

    def ask(body: bytes) -> bytes:
        return fetcher.fetch(wanted("http://a.test/", body=body), max_age=100, deadline=fetcher.deadline())

    for failure, asked in ((Unreachable("status 400"), 3), (Silent("dead"), 4)):
        fake.failure = failure
        fake.octets = None
        for body in (b"1", b"2", b"3"):
            with pytest.raises(Unreachable):
                ask(body)
        assert fake.asked == asked
        clock.now += RETRY
    fake.octets = b"alive"
    assert [ask(b"1"), ask(b"2")] == [b"alive"] * 2


def test_what_many_ask_for_at_once_is_fetched_once(fake):
    fetcher = Fetcher(fake)
    fake.go.clear()
    with ThreadPoolExecutor(20) as pool:
        results = [
            pool.submit(fetcher.fetch, wanted("http://a.test/"), max_age=100, deadline=fetcher.deadline())
            for _ in range(20)
        ]
        time.sleep(0.1)
        fake.go.set()
        assert {result.result() for result in results} == {b"first"}
    assert fake.asked == 1


def test_nobody_waits_longer_than_their_deadline_nor_for_what_is_late_already(fake):
    clock = Clock()
    fetcher = Fetcher(fake, clock)
    fake.go.clear()
    watch = Stopwatch()
    with pytest.raises(Unreachable, match="in time"):
        fetcher.fetch(wanted("http://a.test/"), max_age=100, deadline=clock.now + 0.2)
    clock.now += PATIENCE
    for _ in range(50):
        with pytest.raises(Unreachable, match="in time"):
            fetcher.fetch(wanted("http://a.test/"), max_age=100, deadline=fetcher.deadline())
    assert watch.within(2)
    assert fake.asked == 1


def test_only_so_many_things_are_fetched_at_once(fake):
    fetcher = Fetcher(fake)
    fake.go.clear()
    for number in range(AT_ONCE + 1):
        with pytest.raises(Unreachable, match="being fetched" if number == AT_ONCE else "in time"):
            fetcher.fetch(wanted(f"http://a.test/{number}"), max_age=100, deadline=fetcher.deadline(0.01))
    assert fake.asked == AT_ONCE


def test_what_is_allowed_for_one_anchor_is_not_given_to_another(served):
    fetcher = Fetcher()
    url = served.at("/for-one", b"it")
    assert fetcher.fetch(wanted(url), max_age=100, deadline=fetcher.deadline()) == b"it"
    with pytest.raises(Unreachable):
        fetcher.fetch(wanted(url, networks=()), max_age=100, deadline=fetcher.deadline())


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_an_unexpected_failure_lets_nobody_wait():
    def broken(resource: Resource, *, seconds: float) -> bytes:
        raise RuntimeError("a fault")

    fetcher = Fetcher(broken)
    watch = Stopwatch()
    with pytest.raises(Unreachable):
        fetcher.fetch(wanted("http://a.test/"), max_age=1, deadline=fetcher.deadline())
    assert watch.within(2)
