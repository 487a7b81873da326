"""Section 4 of the wire contract, `adfs`: its paths, however a client spells them, and no other endpoint's."""

from dataclasses import replace

import pytest

from tests import messages
from tests.harness import ADFS_ENDPOINTS, ENDPOINTS, Sts
from wstrust_sts import ns
from wstrust_sts.bindings.http import Request
from wstrust_sts.errors import Busy

PATH = "/adfs/services/trust/13/usernamemixed"
FEDERATION = "/FederationMetadata/2007-06/FederationMetadata.xml"
USUAL = "/trust/13/usernamemixed"


@pytest.fixture(scope="module")
def sts() -> Sts:
    return Sts(endpoints=(*ENDPOINTS[:2], *ADFS_ENDPOINTS))


def get(sts: Sts, path: str) -> int:
    return sts.request(Request(method="GET", path=path)).status


@pytest.mark.parametrize("path", [PATH, "/adfs/services/trust/13/UsernameMixed", PATH.upper()])
def test_an_endpoint_of_ad_fs_is_found_in_any_spelling(sts, path):
    assert sts.issue(path=PATH).status == 200
    assert sts.post(messages.envelope(messages.issue()), path=path).fault == (ns.WSSE, "InvalidSecurity")


@pytest.mark.parametrize("path", ["/adfs/services/trust/MEX", FEDERATION.lower()])
def test_the_metadata_of_ad_fs_is_found_in_any_spelling(sts, path):
    assert get(sts, path) == 200


def test_a_busy_server_says_so_as_the_endpoint_does(sts):
    request = Request(method="POST", path=PATH.upper(), headers={"content-type": messages.content_type()})
    answer = sts.application.busy(request)
    assert (answer.status, b"<s:Fault>" in answer.body) == (Busy.status, True)


@pytest.mark.parametrize(
    "path", [USUAL.upper(), f"{USUAL}/MEX", "/HEALTHZ", f"{PATH}/", "/adfs/services/trust/me\u212a"]
)
def test_other_paths_are_as_they_are_written(sts, path):
    assert get(sts, path) == 404


def test_without_an_endpoint_of_ad_fs_every_path_is_as_it_is_written():
    assert get(Sts(), FEDERATION) == 200
    assert get(Sts(endpoints=ENDPOINTS[:2]), FEDERATION.lower()) == 404


def test_paths_that_differ_in_capitals_alone_are_two():
    twice = (ADFS_ENDPOINTS[0], replace(ADFS_ENDPOINTS[0], path=PATH.replace("usernamemixed", "UsernameMixed")))
    sts = Sts(endpoints=twice)
    assert [sts.issue(path=row.path).status for row in twice] == [200, 200]
    assert get(sts, PATH.upper()) == 404
