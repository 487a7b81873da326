"""Addresses of AppliesTo: the canonical form, what is refused, and which rules cover what."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wstrust_sts.addresses import MAXIMUM_OCTETS, Address, Candidate, candidates, parse_address, parse_rule

SEGMENT = st.text("abcXYZ019-._~!$&'()*+,=:@", min_size=1, max_size=6).filter(lambda text: text.strip("."))
PATHS = st.builds(
    lambda segments, slash: "/" + "/".join(segments) + ("/" if slash and segments else ""),
    st.lists(SEGMENT, max_size=5),
    st.booleans(),
)
HOSTS = st.sampled_from(
    ["app.example.com", "localhost", "my_host", "xn--bcher-kva.example", "10.0.0.1", "[2001:db8::1]"]
)
PORTS = st.sampled_from(["", ":8443", ":1", ":65535", ":80", ":443"])
URLS = st.builds("{}://{}{}{}".format, st.sampled_from(["http", "https"]), HOSTS, PORTS, PATHS)


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ("https://App.Example.COM/Svc", "https://app.example.com/Svc"),
        ("HTTPS://app.example.com/", "https://app.example.com/"),
        ("https://app.example.com", "https://app.example.com/"),
        ("https://app.example.com:443/a", "https://app.example.com/a"),
        ("http://app.example.com:80/a", "http://app.example.com/a"),
        ("http://app.example.com:443/a", "http://app.example.com:443/a"),
        ("https://app.example.com:8443/a/", "https://app.example.com:8443/a/"),
        ("https://[2001:DB8:0:0::1]:443/a", "https://[2001:db8::1]/a"),
        ("https://10.0.0.1/a", "https://10.0.0.1/a"),
        ("https://app.example.com/Service.svc", "https://app.example.com/Service.svc"),
        ("urn:example:App", "urn:example:App"),
        ("spn:host/App", "spn:host/App"),
        ("Payroll of Zürich", "Payroll of Zürich"),
        ("httpd", "httpd"),
    ],
)
def test_an_address_has_one_canonical_form(written: str, canonical: str) -> None:
    assert parse_address(written).text == canonical


@pytest.mark.parametrize(
    "hostile",
    [
        "",
        "http:",
        "https://",
        "https:///svc",
        "https:/app.example.com/svc",
        "https:app.example.com",
        "hTTps:\\\\app.example.com\\svc",
        "https://app.example.com\\@evil.example/",
        "https://user@app.example.com/",
        "https://user:secret@app.example.com/",
        "https://@app.example.com/",
        "https://app.example.com/svc?x=1",
        "https://app.example.com/svc?",
        "https://app.example.com/svc#x",
        "https://app.example.com/svc#",
        "https://app.example.com/%73vc",
        "https://app%2eexample.com/svc",
        "https://app.example.com/svc/../admin",
        "https://app.example.com/./svc",
        "https://app.example.com/svc/..",
        "https://app.example.com/svc/.../x",
        "https://app.example.com/svc//x",
        "https://app.example.com//",
        "https://app.example.com/svc;v=1",
        "https://app.example.com/svc/..;/admin",
        "https://app.example.com/s vc",
        "https://app.example.com/svc ",
        " https://app.example.com/svc",
        "https://app.example.com/svc\n",
        "https://app.example.com/svc\x00",
        "https://app.example.com/\u202esvc",
        "https://app.example.com/s\u00a0vc",
        "https://app.example.com/svç",
        "https://bücher.example/",
        "https://app。example.com/",
        "http\u017f://app.example.com/",
        "https://app.example.com./svc",
        "https://.app.example.com/",
        "https://app..example.com/",
        "https://-app.example.com/",
        "https://app-.example.com/",
        "https://" + "a" * 64 + ".example/",
        "https://" + "a." * 127 + "example/",
        "https://app.example.com:/",
        "https://app.example.com:0/",
        "https://app.example.com:0443/",
        "https://app.example.com:65536/",
        "https://app.example.com:+443/",
        "https://app.example.com:४४३/",
        "https://app.example.com:443:443/",
        "https://127.1/",
        "https://0x7f.0.0.1/",
        "https://0x7f000001/",
        "https://010.0.0.1/",
        "https://2130706433/",
        "https://256.0.0.1/",
        "https://[::1/",
        "https://::1/",
        "https://[fe80::1%25eth0]/",
        "https://[::ffff:10.0.0.1]/",
        "https://[v1.x]/",
        "https://app.example.com/<svc>",
        "https://app.example.com/" + "a/" * 65,
        "https://app.example.com/" + "a" * MAXIMUM_OCTETS,
        "urn:" + "ü" * (MAXIMUM_OCTETS // 2),
        "urn:a\x00b",
        "urn:a\tb",
        "urn:a ",
        "urn:a\ud800",
    ],
)
def test_an_address_that_readers_could_understand_differently_is_refused(hostile: str) -> None:
    with pytest.raises(ValueError):
        parse_address(hostile)


@given(URLS)
def test_the_canonical_form_of_a_canonical_form_is_itself(url: str) -> None:
    address = parse_address(url)
    assert parse_address(address.text) == address
    assert address.is_url
    assert address.path.startswith("/")


@given(st.text())
def test_any_text_is_an_address_or_a_value_error(text: str) -> None:
    try:
        address = parse_address(text)
    except ValueError:
        return
    assert address.text == text or address.is_url


@given(st.sampled_from(["http:", "https:", "HTTP:", "hTTpS:"]), st.text("/:@[].ab%?#\\; ", max_size=12))
def test_what_begins_like_http_is_never_taken_as_plain_text(scheme: str, rest: str) -> None:
    try:
        assert parse_address(scheme + rest).is_url
    except ValueError:
        return


@given(URLS)
def test_case_matters_in_the_path_only(url: str) -> None:
    address = parse_address(url)
    assert parse_address(address.origin.upper() + address.path) == address
    if address.path.swapcase() != address.path:
        assert parse_address(address.origin + address.path.swapcase()) != address


def test_a_plain_address_is_covered_by_itself_alone() -> None:
    assert candidates(parse_address("urn:a/b")) == (Candidate("urn:a/b", prefix=False),)


def test_candidates_are_exact_first_and_then_the_longest_prefix() -> None:
    assert candidates(Address("https://a", "/svc/v1")) == (
        Candidate("/svc/v1", prefix=False),
        Candidate("/svc/v1", prefix=True),
        Candidate("/svc/", prefix=True),
        Candidate("/svc", prefix=True),
        Candidate("/", prefix=True),
    )


def test_a_prefix_ends_at_a_segment() -> None:
    assert Candidate("/svc", prefix=True) not in candidates(Address("https://a", "/svcx"))
    assert Candidate("/svc", prefix=True) in candidates(Address("https://a", "/svc"))
    assert Candidate("/svc", prefix=True) in candidates(Address("https://a", "/svc/"))
    assert Candidate("/svc/", prefix=True) not in candidates(Address("https://a", "/svc"))


@given(PATHS, PATHS)
def test_prefix_candidates_are_exactly_the_prefixes_by_segment(path: str, prefix: str) -> None:
    covered = path == prefix or path.startswith(prefix if prefix.endswith("/") else prefix + "/")
    assert (Candidate(prefix, prefix=True) in candidates(Address("https://a", path))) == covered


@given(PATHS)
def test_there_are_few_candidates_and_none_twice(path: str) -> None:
    found = candidates(Address("https://a", path))
    assert len(set(found)) == len(found) <= 2 * path.count("/") + 2


def test_only_a_url_can_be_a_prefix_rule() -> None:
    with pytest.raises(ValueError, match="prefix"):
        parse_rule("urn:a", prefix=True)
    assert parse_rule("https://A/svc", prefix=True) == Address("https://a", "/svc")
    assert parse_rule("urn:a", prefix=False) == Address("", "urn:a")
