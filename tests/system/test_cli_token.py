"""`wstrust-sts token` by password, against a running STS: the life of a token, and what is refused."""

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from tests.running import Prepared, free_port, serving
from tests.system.operating import EMAIL, Live, call, faults
from wstrust_sts.devpki import make_development_pki


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    prepared = Prepared(tmp_path_factory.mktemp("live") / "sts", free_port())
    assert call("init", prepared.directory, "--demo", "--port", str(prepared.port)).status == 0
    with serving(prepared):
        yield Live(prepared.directory, prepared.port)


def test_check_asks_the_published_addresses_of_a_running_server(live):
    assert (
        faults(call("check", "--published", "--ca", live.directory / "ca.pem", "--config", live.directory, "--json"))
        == []
    )
    (line,) = faults(call("check", "--published", "--config", live.directory, "--json"))
    assert "the certificate is not trusted" in line
    assert call("check", "--ca", live.directory / "ca.pem", "--config", live.directory).status == 2


@pytest.mark.parametrize("trust", ["1.3", "2005"])
@pytest.mark.parametrize("soap", ["1.1", "1.2"])
@pytest.mark.parametrize("token_type", ["saml20", "saml11"])
def test_a_token_is_requested_inspected_validated_and_cancelled(live, tmp_path, trust, soap, token_type):
    token, certificate = tmp_path / "token.xml", tmp_path / "signing.pem"
    certificate.write_text(call("key", "list", "--pem", "--config", live.directory).out)
    options = [*live.options(trust=trust), "--soap", soap]
    asked = ["--applies-to", "https://orders.example.test/api", "--token-type", token_type, "--out", token]
    card = call("token", "request", *options, *asked, "--json").json()
    assert card["audiences"] == ["https://orders.example.test/api"]
    assert card["attributes"][EMAIL] == ["alice@example.test"]
    assert token.stat().st_mode & 0o777 == 0o600
    assert call("token", "inspect", token, "--signed-by", certificate, "--json").json()["verified"] is True
    assert call("token", "validate", token, *options).out.startswith("valid")
    assert call("token", "cancel", token, *options).status == 0
    cancelled = call("token", "validate", token, *options, "--json")
    assert cancelled.status == 1
    assert json.loads(cancelled.out)["valid"] is False


@pytest.mark.parametrize("trust", ["1.3", "2005"])
@pytest.mark.parametrize(("original", "wanted"), [("saml20", "saml11"), ("saml11", "saml20")])
def test_a_token_of_another_type_is_made_from_a_valid_one(live, tmp_path, trust, original, wanted):
    token, made, certificate = tmp_path / "token.xml", tmp_path / "made.xml", tmp_path / "signing.pem"
    certificate.write_text(call("key", "list", "--pem", "--config", live.directory).out)
    options = live.options(trust=trust)
    asked = ["--applies-to", "https://orders.example.test/api", "--token-type", original, "--out", token]
    first = call("token", "request", *options, *asked, "--json").json()
    told = call("token", "validate", token, *options, "--token-type", wanted, "--out", made)
    assert told.status == 0
    assert told.out.startswith("valid: The token is valid.")
    assert f"The token is in {made}." in told.out
    assert made.stat().st_mode & 0o777 == 0o600
    card = call("token", "inspect", made, "--signed-by", certificate, "--json").json()
    shown = {"saml20": "SAML 2.0 assertion", "saml11": "SAML 1.1 assertion"}
    assert (card["verified"], card["type"], first["type"]) == (True, shown[wanted], shown[original])
    assert card["attributes"] == first["attributes"]
    assert (card["audiences"], card["not_on_or_after"]) == (first["audiences"], first["not_on_or_after"])
    piped = call("token", "validate", token, *options, "--token-type", wanted, "--out", "-")
    assert piped.out.startswith("<")
    as_json = call("token", "validate", token, *options, "--token-type", wanted, "--json").json()
    assert (as_json["valid"], as_json["made"]["type"]) == (True, shown[wanted])
    token.write_text(token.read_text().replace("alice", "admin"))
    made.unlink()
    done = call("token", "validate", token, *options, "--token-type", wanted, "--out", made)
    assert (done.status, made.exists()) == (1, False)
    assert call("token", "validate", token, *options, "--out", made).status == 2
    assert "BadRequest" in call("token", "validate", token, *options, "--token-type", "urn:x").err


@pytest.mark.parametrize("trust", ["1.3", "2005"])
@pytest.mark.parametrize("token_type", ["saml20", "saml11"])
def test_a_token_is_renewed(live, tmp_path, trust, token_type):
    token, made, certificate = tmp_path / "token.xml", tmp_path / "made.xml", tmp_path / "signing.pem"
    certificate.write_text(call("key", "list", "--pem", "--config", live.directory).out)
    options = live.options(trust=trust)
    asked = ["--applies-to", "https://orders.example.test/api", "--token-type", token_type, "--out", token]
    first = call("token", "request", *options, *asked, "--json").json()
    told = call("token", "renew", token, *options, "--out", made)
    assert told.status == 0
    assert f"The token is in {made}." in told.out
    assert made.stat().st_mode & 0o777 == 0o600
    card = call("token", "inspect", made, "--signed-by", certificate, "--json").json()
    assert (card["verified"], card["type"], card["audiences"]) == (True, first["type"], first["audiences"])
    assert card["authenticated_at"] == first["authenticated_at"]
    assert card["id"] != first["id"]
    assert call("token", "cancel", token, *options).status == 0
    refused = call("token", "renew", token, *options)
    assert refused.status == 1
    assert "InvalidSecurityToken" in refused.err
    assert call("token", "validate", made, *options).status == 0


def test_claims_and_a_lifetime_can_be_asked_for(live):
    options = [*live.options(), "--applies-to", "https://orders.example.test/", "--lifetime", "5m", "--json"]
    card = call("token", "request", *options, "--claim", EMAIL, "--optional-claim", "urn:unheard-of").json()
    assert list(card["attributes"]) == [EMAIL]
    begins, ends = (datetime.fromisoformat(card[name]) for name in ("not_before", "not_on_or_after"))
    assert timedelta(minutes=4, seconds=30) <= ends - begins <= timedelta(minutes=5, seconds=1)
    refused = call("token", "request", *options, "--claim", "urn:unheard-of")
    assert refused.status == 1
    assert "InvalidRequest" in refused.err


def test_a_refusal_is_told_with_its_code_and_correlation_id(live, tmp_path):
    (tmp_path / "wrong").write_text("wrong\n")
    options = [*live.options(), "--password-file", tmp_path / "wrong", "--applies-to", "https://orders.example.test/"]
    done = call("token", "request", *options)
    assert done.status == 1
    assert "FailedAuthentication" in done.err
    identifier = done.err.partition("correlation id ")[2][:32]
    assert identifier in (live.directory / "server.log").read_text()
    nowhere = call("token", "request", *live.options(), "--applies-to", "https://nowhere.example.test/")
    assert "InvalidScope" in nowhere.err


def test_a_token_goes_to_standard_output_and_comes_from_standard_input(live):
    issued = call("token", "request", *live.options(), "--applies-to", "urn:example:intranet", "--out", "-")
    assert issued.out.startswith("<")
    process = subprocess.run(
        [sys.executable, "-m", "wstrust_sts", "token", "inspect", "-"], input=issued.out, capture_output=True, text=True
    )
    assert process.returncode == 0
    assert "alice@corp.example.test" in process.stdout
    assert "Nothing of this is verified" in process.stdout


def test_a_changed_token_is_seen(live, tmp_path):
    token, certificate = tmp_path / "token.xml", tmp_path / "signing.pem"
    certificate.write_text(call("key", "list", "--pem", "--config", live.directory).out)
    call("token", "request", *live.options(), "--applies-to", "urn:example:intranet", "--out", token)
    token.write_text(token.read_text().replace("alice@corp", "admin@corp"))
    done = call("token", "inspect", token, "--signed-by", certificate)
    assert done.status == 1
    assert call("token", "validate", token, *live.options()).status == 1
    assert call("token", "cancel", token, *live.options()).status == 1


@pytest.mark.parametrize(
    "content", ["", "no xml", "<a/>", "<!DOCTYPE a [<!ENTITY e SYSTEM 'file:///etc/passwd'>]><a>&e;</a>", "<a>" * 5000]
)
def test_what_is_no_token_is_a_message(live, tmp_path, content):
    token = tmp_path / "token.xml"
    token.write_text(content)
    assert call("token", "inspect", token).status == 1
    assert call("token", "validate", token, *live.options()).status == 1


def test_a_server_that_is_not_trusted_or_not_there_is_a_message(live, tmp_path):
    make_development_pki(tmp_path, now=datetime.now(UTC))
    done = call("token", "request", *live.options(), "--ca", tmp_path / "ca.pem", "--applies-to", "urn:x")
    assert done.status == 1
    assert "not trusted" in done.err
    for url in (f"https://localhost:{free_port()}/", f"https://localhost:{live.port}/elsewhere", "ftp://x", "nonsense"):
        done = call("token", "request", *live.options(), "--url", url, "--applies-to", "urn:x")
        assert done.status == 1, url
        assert done.err.startswith("Error: ")


def test_a_password_never_goes_out_in_the_clear(live):
    done = call("token", "request", *live.options(), "--url", "http://sts.example.test/trust", "--applies-to", "urn:x")
    assert done.status == 1
    assert "use https" in done.err


def test_what_is_configured_while_the_server_runs_takes_effect(live):
    request = ["token", "request", *live.options(user="bob"), "--applies-to", "urn:late"]
    assert "InvalidScope" in call(*request).err
    assert call("relying-party", "add", "late", "--applies-to", "urn:late", "--config", live.directory).status == 0
    assert call(*request).status == 0
    call("user", "disable", "bob", "--config", live.directory)
    assert "FailedAuthentication" in call(*request).err
    call("user", "enable", "bob", "--config", live.directory)
    assert call(*request).status == 0


def test_a_second_server_on_the_same_port_is_a_message(live):
    done = subprocess.run(
        [sys.executable, "-m", "wstrust_sts", "serve", "--config", live.directory / "sts.toml"],
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode == 1
    assert "cannot listen" in done.stderr
    assert "Traceback" not in done.stderr
