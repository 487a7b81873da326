"""Answers of the Apache CXF STS, read as our client reads answers, at the hour they were written."""

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from tests.answering import message_key
from wstrust_sts import ns
from wstrust_sts.cli.exchanges import certificate, symmetric
from wstrust_sts.cli.exchanges.exchange import read_octets
from wstrust_sts.errors import FailedCheck, InvalidSecurity, MessageExpired, StsError
from wstrust_sts.wire.algorithms import BASIC256SHA256, DEFAULT
from wstrust_sts.wire.asymmetric import open_asymmetric
from wstrust_sts.wire.certificates import read_certificate
from wstrust_sts.wire.opening import DerivedKey
from wstrust_sts.wire.symmetric import open_symmetric
from wstrust_sts.wire.times import read_time
from wstrust_sts.wire.wsse import Freshness

RECORDED = Path(__file__).parents[1] / "vectors" / "recorded" / "cxf"
NAMES = ("soap11-bearer", "soap12-bearer", "soap12-symmetric", "soap12-public")
STS = read_certificate(message_key("sts").certificate)


@dataclass(frozen=True)
class Recorded:
    """One exchange by a policy, and what its client knows: the request that it wrote, and its keys."""

    policy: str
    name: str

    def octets(self, direction: str) -> bytes:
        return (RECORDED / f"{self.policy}-{self.name}.{direction}.xml").read_bytes()

    @property
    def request(self):
        envelope = read_octets(self.octets("request"))
        created = next(envelope.root.iter(f"{{{ns.WSU}}}Created"))
        opened = open_symmetric if self.policy == "username" else open_asymmetric
        return opened(
            envelope,
            decrypters=[message_key("sts")],
            algorithms=BASIC256SHA256,
            now=read_time(created.text),
            freshness=Freshness(),
        )

    def read(self, octets: bytes, *, sts=STS, algorithms=BASIC256SHA256, later=timedelta(0)):
        request = self.request
        now = request.protected.created + later
        if self.policy == "username":
            key = request.signing_key
            secret = key.base if isinstance(key, DerivedKey) else key
            return symmetric.read_answer(octets, to=request.protected, secret=secret, algorithms=algorithms, now=now)
        return certificate.read_answer(
            octets,
            to=request.protected,
            decrypter=message_key("alice"),
            sts_certificate=sts,
            algorithms=algorithms,
            now=now,
        )


EXCHANGES = [Recorded(policy, name) for policy in ("username", "certificate") for name in NAMES]
every_exchange = pytest.mark.parametrize("exchange", EXCHANGES, ids=lambda each: f"{each.policy}-{each.name}")


@every_exchange
def test_an_answer_of_cxf_is_opened_and_its_token_found(exchange):
    root = exchange.read(exchange.octets("response"))
    assert root.find(f".//{{{ns.WST13}}}RequestedSecurityToken/{{{ns.SAML20}}}Assertion") is not None


@every_exchange
def test_an_answer_of_cxf_is_no_answer_to_another_request(exchange):
    other = next(each for each in EXCHANGES if each.policy == exchange.policy and each != exchange)
    with pytest.raises((FailedCheck, InvalidSecurity)):  # its key is not known, or its certificate named no request
        exchange.read(other.octets("response"))


@every_exchange
def test_an_answer_of_cxf_is_none_an_hour_later(exchange):
    with pytest.raises(MessageExpired):
        exchange.read(exchange.octets("response"), later=timedelta(hours=1))


@every_exchange
def test_an_answer_of_cxf_with_one_octet_changed_is_refused(exchange):
    octets = exchange.octets("response")
    at = octets.rindex(b"</xenc:CipherValue>") - 40
    changed = octets[:at] + (b"A" if octets[at : at + 1] != b"A" else b"B") + octets[at + 1 :]
    with pytest.raises(FailedCheck):
        exchange.read(changed)


@pytest.mark.parametrize("name", NAMES)
def test_an_answer_of_cxf_by_another_certificate_than_the_one_that_is_expected_is_refused(name):
    exchange = Recorded("certificate", name)
    with pytest.raises(FailedCheck, match="named, not shown"):
        exchange.read(exchange.octets("response"), sts=read_certificate(message_key("myservice").certificate))


@pytest.mark.parametrize("name", NAMES)
def test_sha1_in_the_signature_is_for_who_chose_it(name):
    exchange = Recorded("certificate", name)
    with pytest.raises(StsError):
        exchange.read(exchange.octets("response"), algorithms=DEFAULT)
