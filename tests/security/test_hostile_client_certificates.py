"""Certificates of TLS clients: without one, with somebody else's, with one that only a header speaks of."""

import base64
import ipaddress
from dataclasses import replace
from urllib.parse import quote

import pytest

from tests import certificates as corpus
from tests import messages
from tests.attack import assert_token_of_alice, demand_sound
from tests.cases import each_of
from tests.endorsed import party
from tests.fakes import NOON
from tests.harness import CERTIFICATE_ENDPOINTS, ENDPOINTS, SERVER, Sts
from tests.messages import Answer
from wstrust_sts import ns
from wstrust_sts.bindings.forwarded_certificate import ForwardedCertificate
from wstrust_sts.bindings.http import Request
from wstrust_sts.model import TrustVersion

ALICE, MALLORY = party("alice").certificate, party("mallory").certificate
PROXY, STRANGER, OF_THE_NETWORK = "192.0.2.7", "192.0.2.8", "10.0.0.3"
HEADER = "x-ssl-client-cert"
BEHIND_A_PROXY = replace(
    SERVER,
    client_certificate_header=HEADER,
    client_certificate_peers=(ipaddress.ip_network(PROXY), ipaddress.ip_network("10.0.0.0/29")),
)
PATHS = {"13": ns.WST13, "2005": ns.WST05}


def pem(certificate: bytes) -> str:
    text = base64.encodebytes(certificate).decode()
    return f"-----BEGIN CERTIFICATE-----\n{text}-----END CERTIFICATE-----\n"


SPELLINGS = {
    "percent-encoded PEM (nginx)": lambda certificate: quote(pem(certificate), safe=""),
    "PEM in one line (Apache httpd)": lambda certificate: pem(certificate).replace("\n", " "),
    "Base64 (HAProxy, X-ARR-ClientCert)": lambda certificate: base64.b64encode(certificate).decode(),
    "RFC 9440": lambda certificate: f":{base64.b64encode(certificate).decode()}:",
}

version = each_of(tuple(PATHS))


@pytest.fixture
def ask(soap, version):
    """Sends an Issue with a Timestamp alone; every answer is sound, and every token alice's."""

    def send(sts: Sts, certificate: bytes | None = None, *, source: str = STRANGER, told: str | None = None, **how):
        body = messages.issue(trust=PATHS[version])
        security = messages.security(*(messages.timestamp(NOON), *how.get("more", ())))
        headers = {"content-type": messages.content_type(soap)} | ({} if told is None else {HEADER: told})
        answer: Answer = sts.request(
            Request(
                method="POST",
                path=f"/trust/{version}/{how.get('policy', 'certificatetransport')}",
                headers=headers,
                body=messages.envelope(body, security, soap=soap).encode(),
                source=source,
                tls=how.get("tls", True),
                peer_certificate=certificate,
            )
        )
        demand_sound(answer)
        if answer.status == 200:
            assert_token_of_alice(answer)
        return answer

    return send


@pytest.fixture
def sts() -> Sts:
    sts = Sts(endpoints=CERTIFICATE_ENDPOINTS)
    sts.map_certificate(ALICE)
    return sts


@pytest.fixture
def behind() -> Sts:
    sts = Sts(endpoints=CERTIFICATE_ENDPOINTS, server=BEHIND_A_PROXY)
    sts.map_certificate(ALICE)
    return sts


def test_a_certificate_of_tls_gets_a_token_that_says_so(ask, sts):
    answer = ask(sts, ALICE)
    assert answer.text(".//saml2:AuthnContextClassRef") == ns.SAML20_AC_TLS_CLIENT


def test_without_a_certificate_or_with_somebody_else_s_there_is_no_token(ask, sts):
    assert ask(sts).code == "InvalidSecurity"
    assert ask(sts, MALLORY).code == "FailedAuthentication"
    assert ask(sts, b"").code == "FailedAuthentication"
    assert ask(sts, ALICE, tls=False).code == "InvalidSecurity"


def test_a_certificate_of_tls_is_no_signature(ask, sts):
    assert ask(sts, ALICE, policy="certificatemixed").code == "InvalidSecurity"


def test_what_the_policy_does_not_have_is_refused(ask, sts):
    assert ask(sts, ALICE, more=(messages.username_token(),)).code == "UnsupportedSecurityToken"


UGLY = {
    "expired": corpus.self_signed("alice", ends=NOON - corpus.DAY / 2),
    "not yet valid": corpus.self_signed("alice", begins=NOON + corpus.DAY / 2),
    "for servers": corpus.self_signed("alice", extensions=corpus.purposes(corpus.SERVER)),
    "not for signatures": corpus.self_signed("alice", extensions=((corpus.usage(key_agreement=True), True),)),
    "huge": corpus.self_signed("alice") + b"\0" * 20_000,
    "cut": corpus.self_signed("alice")[:-7],
    "of a short key": corpus.leaf("alice", kind="rsa-1024"),
}


@pytest.mark.parametrize("name", UGLY)
def test_a_certificate_that_does_not_suit_gets_nothing_though_it_is_mapped(ask, sts, name):
    sts.map_certificate(UGLY[name])
    assert ask(sts, UGLY[name]).code == "FailedAuthentication"


# -- what a proxy tells ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("proxy", [PROXY, OF_THE_NETWORK, f"::ffff:{PROXY}"])
def test_a_proxy_that_is_configured_is_believed_in_every_spelling(ask, behind, spelling, proxy):
    assert ask(behind, source=proxy, told=SPELLINGS[spelling](ALICE)).status == 200
    assert ask(behind, source=proxy, told=SPELLINGS[spelling](MALLORY)).code == "FailedAuthentication"


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("source", [STRANGER, "10.0.0.8", "::1", "127.0.0.1", "", PROXY + "0", "unix:"])
def test_a_header_of_a_stranger_is_nothing(ask, behind, spelling, source):
    told = SPELLINGS[spelling](ALICE)
    assert ask(behind, source=source, told=told).code == "InvalidSecurity"
    assert ask(behind, MALLORY, source=source, told=told).code == "FailedAuthentication"
    assert ask(behind, ALICE, source=source, told=SPELLINGS[spelling](MALLORY)).status == 200  # by TLS


def test_without_configuration_the_header_is_nothing(ask, sts):
    for source in (PROXY, STRANGER, "127.0.0.1"):
        assert ask(sts, source=source, told=SPELLINGS["RFC 9440"](ALICE)).code == "InvalidSecurity"


def test_the_certificate_of_a_proxy_is_not_its_client_s(ask, behind):
    """A proxy may prove itself by TLS, too."""
    assert ask(behind, ALICE, source=PROXY).code == "InvalidSecurity"
    assert ask(behind, ALICE, source=PROXY, told="").code == "InvalidSecurity"
    assert ask(behind, ALICE, source=PROXY, told=SPELLINGS["RFC 9440"](MALLORY)).code == "FailedAuthentication"


GOOD = base64.b64encode(ALICE).decode()
UNREADABLE = {
    "two, joined as a repeated header is": lambda spelled: f"{spelled}, {spelled}",
    "one appended to a forged one": lambda spelled: f"{SPELLINGS['RFC 9440'](MALLORY)}, {spelled}",
    "octets behind it": lambda spelled: f"{spelled}AAAA",
    "a colon alone": lambda _: ":",
    "nothing between colons": lambda _: "::",
    "an open item": lambda _: f":{GOOD}",
    "parameters": lambda _: f":{GOOD}:;a=1",
    "a name": lambda _: "CN=alice",
    "a null": lambda _: "(null)",
    "an open PEM": lambda _: quote(pem(ALICE)[:-20]),
    "another PEM": lambda _: quote(pem(ALICE).replace("CERTIFICATE", "PUBLIC KEY")),
    "two PEMs": lambda _: quote(pem(ALICE) * 2),
    "text before the PEM": lambda _: quote("x" + pem(ALICE)),
    "broken percent-encoding": lambda _: quote(pem(ALICE)).replace("%0A", "%0", 1),
    "letters that are none": lambda _: GOOD.replace("M", "\u041c", 1),
    "a long one": lambda _: "A" * 16_000,
}


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("name", UNREADABLE)
def test_what_is_not_exactly_one_certificate_is_none(ask, behind, name, spelling):
    told = UNREADABLE[name](SPELLINGS[spelling](ALICE))
    assert ask(behind, source=PROXY, told=told).code == "FailedAuthentication"


def test_an_unreadable_header_harms_nobody_who_proves_himself_otherwise(ask):
    with_password = messages.username_token()
    both = Sts(endpoints=(*CERTIFICATE_ENDPOINTS, *ENDPOINTS), server=BEHIND_A_PROXY)
    answer = ask(both, source=PROXY, told="rubbish", policy="usernamemixed", more=(with_password,))
    assert answer.status == 200


@pytest.mark.parametrize("source", [PROXY, STRANGER])
def test_nobody_behind_sees_the_header(source):
    forwarded = ForwardedCertificate(HEADER, BEHIND_A_PROXY.client_certificate_peers)
    told = Request(method="POST", path="/", headers={HEADER: "rubbish", "host": "sts"}, source=source)
    assert forwarded.settle(told).headers == {"host": "sts"}


def test_every_version_has_its_endpoint():
    assert {row.trust for row in CERTIFICATE_ENDPOINTS} == set(TrustVersion)
