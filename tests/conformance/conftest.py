"""What every test of the wire contract starts from: an STS, and clients of each pair of versions."""

import pytest

from tests.cases import each_of
from tests.conformance.client import COMBINATIONS, Client
from tests.harness import Sts

soap = each_of(("1.1", "1.2"))


@pytest.fixture(scope="module")
def sts():
    """One for a module: for tests that change neither its clock nor what is configured."""
    return Sts()


@pytest.fixture(params=COMBINATIONS, ids=str)
def client(request, sts):
    """A client of each WS-Trust version over each SOAP version, of the module's STS."""
    return Client(sts, request.param)
