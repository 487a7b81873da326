"""What strangers send to where anybody may read: nothing of it comes back, and none of it costs a signature."""

import logging

import pytest
from lxml import etree

from tests.cases import each
from tests.fakes import FakeKeyring
from tests.harness import Sts, opened_key, signing_key
from wstrust_sts.bindings.http import Request
from wstrust_sts.errors import Busy, RequestFailed

PATH = "/FederationMetadata/2007-06/FederationMetadata.xml"
CANARY = "attacker.example.test"
SECRET = "database: OperationalError: connection to 10.0.0.7 as sts refused"


class CountedKeyring(FakeKeyring):
    """One real key; `signatures` counts its work, and `failure` is raised instead of any."""

    def __init__(self) -> None:
        super().__init__()
        key, box = signing_key()
        self._signer = opened_key(key, box=box)
        self.signatures = 0
        self.failure: Exception | None = None

    def signer(self, realm):
        if self.failure is not None:
            raise self.failure
        return _Counted(self, self._signer)

    def certificates(self, realm):
        return self._signer.certificates


class _Counted:
    def __init__(self, keyring, signer) -> None:
        self._keyring, self._signer = keyring, signer
        self.key_id, self.algorithm = signer.key_id, signer.algorithm
        self.digest_algorithm, self.certificates = signer.digest_algorithm, signer.certificates

    def sign(self, octets: bytes) -> bytes:
        self._keyring.signatures += 1
        return self._signer.sign(octets)


@pytest.fixture
def sts():
    return Sts(keyring=CountedKeyring())


def ask(sts, path=PATH, *, method="GET", query="", body=b"", **headers):
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    return sts.request(Request(method=method, path=path, query=query, headers=fields, body=body))


HEADERS = {
    "host": CANARY,
    "x_forwarded_host": CANARY,
    "x_forwarded_proto": "http",
    "x_forwarded_prefix": f"/{CANARY}",
    "forwarded": f"host={CANARY};proto=http",
    "x_original_url": f"/{CANARY}",
    "x_rewrite_url": "/trust/13/usernamemixed?wsdl",
    "accept": "text/html",
    "accept_encoding": "gzip, br",
    "range": "bytes=0-9",
    "if_modified_since": "Fri, 31 Dec 2100 23:59:59 GMT",
    "cookie": CANARY * 100,
}


@pytest.mark.parametrize("header", HEADERS)
def test_no_header_of_a_request_changes_the_document(sts, header):
    plain = ask(sts)
    answer = ask(sts, **{header: HEADERS[header]})
    assert (answer.status, answer.body) == (200, plain.body)
    assert CANARY not in answer.body.decode() + str({**answer.headers, "x-correlation-id": ""})


def test_a_flood_of_queries_costs_one_signature(sts):
    bodies = {ask(sts, query=f"{number}={'x' * 500}").body for number in range(2000)}
    assert len(bodies) == 1
    assert sts.keyring.signatures == 1


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND", "get", CANARY])
def test_another_method_is_refused_without_a_signature(sts, method):
    answer = ask(sts, method=method, body=b"<x/>" * 1000)
    assert (answer.status, answer.body) == (405, b"Use GET or HEAD.\n")
    assert answer.headers["allow"] == "GET, HEAD"
    assert sts.keyring.signatures == 0


PATHS = {
    "lower case of another realm": f"/other{PATH}".lower(),
    "a letter beyond ASCII": PATH.replace("i", "\u0131"),
    "a slash behind": f"{PATH}/",
    "two slashes": f"/{PATH}",
    "dots": "/FederationMetadata/./2007-06/FederationMetadata.xml",
    "more dots": f"/x/..{PATH}",
    "an escape": PATH.replace("x", "%78"),
    "a NUL": f"{PATH}\x00",
    "path parameters": f"{PATH};x=y",
    "a realm that no endpoint serves": f"/other{PATH}",
    "the standard realm by its name": f"/default{PATH}",
    "a file": "/FederationMetadata/2007-06/../../../../etc/passwd",
    "the folder": "/FederationMetadata/2007-06/",
    "MEX beneath it": f"{PATH}/mex",
    "64 kB": PATH + "x" * 65536,
    "a path as a realm": "/" + "x/" * 5000 + PATH,
}


@each(PATHS, "path")
def test_another_path_is_not_there(sts, path):
    answer = ask(sts, path)
    assert (answer.status, answer.body) == (404, b"There is no endpoint at this path.\n")


TAGS = {
    "nothing": "",
    "commas": "," * 8000,
    "quotes": '"' * 8000,
    "many tags": ", ".join(f'"{number:x}"' for number in range(1500)),
    "stars": "**, W/*",
    "no quotes": "x",
    "a line end": '"x"\r\nX-Forged: 1',
    "letters of other kinds": '"\xff\u2028"',
    "weak weak": 'W/W/"x"',
}


@each(TAGS, "tags")
def test_tags_that_are_not_ours_get_the_document(sts, tags):
    answer = ask(sts, if_none_match=tags)
    assert answer.status == 200
    assert answer.headers["etag"] == ask(sts).headers["etag"]


def test_what_fails_is_told_to_the_log_alone(sts, caplog):
    with caplog.at_level(logging.ERROR):
        sts.keyring.failure = RequestFailed(SECRET)
        answer = ask(sts)
        assert (answer.status, answer.body) == (500, b"The specified request failed.\n")
        sts.keyring.failure = Busy(SECRET)
        answer = ask(sts)
        assert (answer.status, answer.body) == (503, b"The service is busy; try again later.\n")
        assert answer.headers["retry-after"] == "1"
        assert answer.headers["x-correlation-id"] in caplog.text
    assert caplog.text.count(SECRET) == 2
    assert "Traceback" not in caplog.text


def test_nothing_in_it_is_secret(sts):
    body = ask(sts).body
    (realm,) = sts.stores.realms.rows.values()
    key, _ = signing_key()
    for secret in (realm.pairwise_secret, key.wrapped_private_key, b"PRIVATE", b"admin", b"conductor"):
        assert secret not in body
    assert etree.fromstring(body).getroottree().docinfo.doctype == ""
