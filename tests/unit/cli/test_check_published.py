"""`check --published`: the addresses as a client finds them."""

import http.client
import ssl
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from wstrust_sts.cli.checks.published import Page, check_published
from wstrust_sts.config import Config, EndpointSection, SecretsSection, ServerSection
from wstrust_sts.model import TrustVersion

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
BASE = "https://sts.example.test"
CONFIG = Config(
    server=ServerSection(public_url=BASE),
    secrets=SecretsSection(key_encryption_key_environment="UNUSED"),
    file=Path("sts.toml"),
)
PATHS = ("/trust/13/usernamemixed", "/trust/2005/usernamemixed")
SOUND = {f"{BASE}/readyz": Page(200, b"ok\n", NOON)} | {
    f"{BASE}{path}?wsdl": Page(200, f'<address location="{BASE}{path}"/>'.encode()) for path in PATHS
}
METADATA = f"{BASE}/FederationMetadata/2007-06/FederationMetadata.xml"
SOUND[METADATA] = Page(200, "".join(f"<Address>{BASE}{path}</Address>" for path in PATHS).encode())


def found(config: Config = CONFIG, **changed: Page | Exception) -> list[str]:
    """`changed` by a part of the URL: readyz, trust_13, trust_2005, trust_mex or FederationMetadata."""

    def fetch(url: str) -> Page:
        for end, page in changed.items():
            if f"/{end.replace('_', '/')}" in url:
                if isinstance(page, Exception):
                    raise page
                return page
        return SOUND[url]

    findings = list(check_published(config, fetch, lambda: NOON))
    assert all(each.problem.fix and not each.warning for each in findings)
    return [f"{each.problem.where}: {each.problem.what}" for each in findings]


def test_a_server_that_answers_as_published_is_sound():
    assert found() == []


@pytest.mark.parametrize(("days", "told"), [(31, []), (30, ["expires on 2026-12-23"]), (1, ["expires on 2026-11-24"])])
def test_a_certificate_that_clients_will_not_take_much_longer_is_warned_of(days, told):
    """That of a proxy in front, too, which the configuration does not name."""
    ready = Page(200, b"ok\n", NOON, ends=NOON + timedelta(days=days))
    findings = list(check_published(CONFIG, (SOUND | {f"{BASE}/readyz": ready}).__getitem__, lambda: NOON))
    assert [each.problem.what[-len("expires on 2026-12-23") :] for each in findings] == told
    assert all(each.warning and each.problem.fix for each in findings)


@pytest.mark.parametrize(
    ("failure", "told"),
    [
        (ConnectionRefusedError(111, "Connection refused"), "Connection refused"),
        (TimeoutError(), "TimeoutError"),
        (http.client.BadStatusLine("x" * 900), "BadStatusLine"),
        (ssl.SSLCertVerificationError(), "the certificate is not trusted"),
    ],
)
def test_a_server_that_does_not_answer_is_one_fault(failure, told):
    if isinstance(failure, ssl.SSLCertVerificationError):
        failure.verify_message = "self-signed certificate"
    (line,) = found(readyz=failure)
    assert told in line


def test_a_certificate_that_is_not_trusted_is_mended_by_naming_what_to_trust():
    untrusted = ssl.SSLCertVerificationError()
    untrusted.verify_message = "self-signed certificate"

    def refuse(_: str) -> Page:
        raise untrusted

    (finding,) = check_published(CONFIG, refuse, lambda: NOON)
    assert finding.problem.fix == "name what to trust with --ca"


def test_what_readyz_says_is_told():
    (line, *_) = found(readyz=Page(503, b"The database cannot be reached.\n"))
    assert line.endswith("/readyz: it says 503: The database cannot be reached.")


def test_clocks_that_differ_are_told():
    (line,) = found(readyz=Page(200, b"ok\n", NOON - timedelta(minutes=7)))
    assert "differ by 0:07:00" in line


def test_a_path_that_the_proxy_does_not_pass_on_is_told():
    (line,) = found(trust_2005=Page(404, b""))
    assert line == f"{BASE}{PATHS[1]}: ?wsdl says 404"
    (line,) = found(trust_13=ConnectionResetError(104, "Connection reset by peer"))
    assert line.startswith(f"{BASE}{PATHS[0]}: it does not answer")


def test_a_contract_with_another_address_is_told():
    (line,) = found(trust_13=Page(200, b'<address location="https://old.example.test/trust"/>'))
    assert "names another address" in line


def test_federation_metadata_that_is_not_there_is_told():
    assert found(FederationMetadata=Page(404, b"")) == [f"{METADATA}: it says 404"]
    (line,) = found(FederationMetadata=TimeoutError())
    assert line.startswith(f"{METADATA}: it does not answer")


def test_federation_metadata_without_one_of_the_endpoints_is_told():
    (line,) = found(FederationMetadata=Page(200, f"<Address>{BASE}{PATHS[0]}</Address>".encode()))
    assert line == f"{METADATA}: the metadata does not name every endpoint that it is about"


ADFS = replace(
    CONFIG,
    endpoint_sections=tuple(
        EndpointSection(path=path, trust=trust, layout="adfs")
        for path, trust in zip(PATHS, (TrustVersion.V13, TrustVersion.V2005), strict=True)
    ),
)


@pytest.mark.parametrize("named", [PATHS, PATHS[:1], PATHS[1:]])
def test_the_document_for_clients_of_ad_fs_names_each_of_its_endpoints(named):
    page = Page(200, "".join(f"<wsa10:Address>{BASE}{path}</wsa10:Address>" for path in named).encode())
    told = f"{BASE}/trust/mex: the metadata does not name every endpoint that it is about"
    assert found(ADFS, trust_mex=page) == ([] if named == PATHS else [told])
    assert found(ADFS, trust_mex=Page(404, b"")) == [f"{BASE}/trust/mex: it says 404"]
