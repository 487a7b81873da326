"""What an operator does about a running STS: find out why something was refused, and change its signing keys."""

import json
import os
import signal
import ssl
import subprocess
import sys
import time
from base64 import b64decode
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from lxml import etree

from tests import messages
from tests.contexts import Context
from tests.messages import Answer
from tests.running import Prepared, free_port, serving
from tests.system.operating import Done, call
from tests.verifiers import xmlsec_verify
from wstrust_sts import ns

ORDERS = "https://orders.example.test/api"
EMAIL = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress"


@dataclass(frozen=True)
class Running:
    """A demo STS with two worker processes, which share nothing but the database."""

    directory: Path
    port: int

    def client(self, command: str, *arguments: str | Path, user: str = "alice", password: Path | None = None) -> Done:
        return call(
            "token", command, *arguments,
            "--url", f"https://localhost:{self.port}/trust/13/usernamemixed",
            "--ca", self.directory / "ca.pem", "--user", user,
            "--password-file", password or self.directory / f"{user}.password",
        )  # fmt: skip

    def operator(self, *arguments: str) -> Done:
        return call(*arguments, "--config", self.directory)

    def events(self, *selection: str) -> list[dict]:
        done = self.operator("audit", "tail", "--json", *selection)
        assert done.status == 0, done.err
        return [json.loads(line) for line in done.out.splitlines()]

    def keys(self) -> dict[str, str]:
        return {key["id"]: key["state"] for key in self.operator("key", "list", "--json").json()}


@pytest.fixture(scope="module")
def sts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    prepared = Prepared(tmp_path_factory.mktemp("operations") / "sts", free_port())
    assert call("init", prepared.directory, "--demo", "--port", str(prepared.port)).status == 0
    config = prepared.config.read_text()
    prepared.config.write_text(config.replace("[server]\n", "[server]\nworkers = 2\n", 1))
    with serving(prepared):
        yield Running(prepared.directory, prepared.port)


def correlation_id(done: Done) -> str:
    return done.err.partition("correlation id ")[2][:32]


# -- explain and audit tail --------------------------------------------------------------------------------------------


def test_an_issued_token_is_explained_from_the_evidence_to_the_token(sts):
    assert sts.client("request", "--applies-to", ORDERS, "--lifetime", "5m").status == 0
    event = sts.events("-n", "1")[0]
    card = sts.operator("explain", event["correlation_id"]).out
    for told in (
        "Issue: issued",
        "/trust/13/usernamemixed (realm default)",
        "127.0.0.1",
        "alice",
        "password-over-tls",
        f"AppliesTo {ORDERS}",
        "belongs to orders by its rule https://orders.example.test/",
        "the lifetime asked for, ",
        EMAIL,
        "in force",
        f"signed by {next(iter(sts.keys()))}",
    ):
        assert told in card
    assert "alice@example.test" not in card.replace("for alice@example.test", "")  # a name, no claim's value
    (explained,) = sts.operator("explain", event["correlation_id"], "--json").json()
    assert explained["token"]["id"] == event["token_id"]
    assert explained["detail"]["released"]


def test_a_refusal_is_explained_with_what_was_found_out_before_it(sts):
    refused = sts.client("request", "--applies-to", ORDERS, "--claim", "urn:unheard-of")
    explained = sts.operator("explain", correlation_id(refused))
    assert explained.status == 0
    assert "Issue: refused InvalidRequest" in explained.out
    assert "mandatory claim 'urn:unheard-of' is unknown" in explained.out
    assert "belongs to orders" in explained.out
    nowhere = sts.client("request", "--applies-to", "https://nowhere.example.test/")
    assert "no relying party is registered" in sts.operator("explain", correlation_id(nowhere)).out


def test_a_refusal_before_authentication_is_in_the_log_and_explain_says_so(sts, tmp_path):
    (tmp_path / "wrong").write_text("wrong\n")
    refused = sts.client("request", "--applies-to", ORDERS, password=tmp_path / "wrong")
    done = sts.operator("explain", correlation_id(refused))
    assert done.status == 1
    assert f"grep {correlation_id(refused)} " in done.err
    lines = [
        line for line in (sts.directory / "server.log").read_text().splitlines() if correlation_id(refused) in line
    ]
    assert "wrong password" in " ".join(lines)


@pytest.mark.parametrize("nonsense", ["", "x", "0" * 31, "0" * 33, "g" * 32, "'; DROP TABLE audit_event", "\x1b"])
def test_what_is_no_correlation_id_is_wrong_use(sts, nonsense):
    done = sts.operator("explain", nonsense)
    assert (done.status, done.out, "\x1b" in done.err) == (2, "", False)


def test_the_audit_trail_is_told_by_what_is_looked_for(sts):
    sts.client("request", "--applies-to", ORDERS, user="bob")
    sts.client("request", "--applies-to", "urn:nowhere", user="bob")
    assert [event["outcome"] for event in sts.events("--requestor", "bob")] == ["issued", "refused InvalidScope"]
    assert {event["requestor"] for event in sts.events("--relying-party", "orders")} == {"alice", "bob"}
    assert [event["outcome"] for event in sts.events("--outcome", "refused", "-n", "1")] == ["refused InvalidScope"]
    assert sts.events("--operation", "cancel") == sts.events("--realm", "other") == []
    assert sts.events("--since", "2999-01-01") == sts.events("-n", "0") == []
    assert len(sts.events("--since", "1h")) == len(sts.events("-n", "100"))
    table = sts.operator("audit", "tail", "--requestor", "bob").out.splitlines()
    assert table[0].split()[:3] == ["AT", "OPERATION", "OUTCOME"]
    assert "refused InvalidScope" in table[-1]
    for wrong in (["--since", "yesterday"], ["--since", "0s"], ["--operation", "steal"], ["-n", "-1"]):
        assert sts.operator("audit", "tail", *wrong).status == 2


def _heed_interrupts() -> None:
    """A shell that runs the tests in the background has its children ignore them."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_the_audit_trail_is_followed_until_it_is_interrupted(sts):
    following = subprocess.Popen(
        [
            sys.executable,
            "-u",
            "-m",
            "wstrust_sts",
            "audit",
            "tail",
            "-n",
            "1",
            "-f",
            "--json",
            "--config",
            sts.directory,
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
        preexec_fn=_heed_interrupts,
    )
    assert following.stdout is not None
    first = json.loads(following.stdout.readline())
    sts.client("request", "--applies-to", "urn:followed")
    second = json.loads(following.stdout.readline())
    assert second["detail"]["asked"]["applies_to"] == "urn:followed"
    assert second["correlation_id"] != first["correlation_id"]
    following.send_signal(signal.SIGINT)
    out, err = following.communicate(timeout=10)
    assert (following.returncode, out, err) == (0, "", "")


def test_a_token_made_from_another_is_explained_with_its_original_and_ends_with_it(sts, tmp_path):
    token, made = tmp_path / "token.xml", tmp_path / "made.xml"
    sts.client("request", "--applies-to", ORDERS, "--out", token)
    original = sts.events("-n", "1")[0]["token_id"]
    assert sts.client("validate", token, "--token-type", "saml11", "--out", made).status == 0
    (event,) = sts.events("--outcome", "transformed", "-n", "1")
    card = sts.operator("explain", event["correlation_id"]).out
    for told in (
        "Validate: transformed",
        "TokenType http://docs.oasis-open.org/wss/oasis-wss-saml-token-profile-1.1#SAMLV1.1",
        f"made for its subject from the valid token {original}, for which alice proved itself by password-over-tls at",
        "saml11 for ",
        "in force",
        f"made from {original}",
    ):
        assert told in card
    (explained,) = sts.operator("explain", event["correlation_id"], "--json").json()
    assert explained["token"]["made_from"] == original
    assert sts.client("cancel", token).status == 0
    assert sts.client("validate", made).status == 1
    card = sts.operator("explain", event["correlation_id"]).out
    assert f"invalid: made from {original}, which is cancelled by its subject" in card


def test_a_renewal_is_explained_with_both_tokens(sts, tmp_path):
    token, made = tmp_path / "token.xml", tmp_path / "made.xml"
    sts.client("request", "--applies-to", ORDERS, "--out", token)
    issued = sts.events("-n", "1")[0]
    assert sts.client("renew", token, "--out", made).status == 0
    (renewed,) = sts.events("--outcome", "renewed", "-n", "1")
    card = sts.operator("explain", renewed["correlation_id"]).out
    assert "Renew: renewed" in card
    assert f"renews the token {issued['token_id']}; alice proved itself for that one by password-over-tls at" in card
    assert renewed["token_id"] in card
    assert renewed["token_id"] != issued["token_id"]
    of_the_first = sts.operator("explain", issued["correlation_id"]).out
    assert "in force until " in of_the_first
    assert f"renewed as {renewed['token_id']}" in of_the_first
    assert sts.client("cancel", token).status == 0
    assert "cancelled by its subject" in sts.operator("explain", issued["correlation_id"]).out
    assert sts.client("validate", made).status == 0


def test_a_security_context_is_explained_by_its_identifier_and_known_to_every_worker(sts):
    password = (sts.directory / "alice.password").read_text().strip()

    def ask(body: str) -> Answer:
        protection = messages.security(
            messages.timestamp(datetime.now(UTC)), messages.username_token("alice", password)
        )
        message = messages.envelope(body, protection)
        how = {"Content-Type": messages.content_type()}
        return Prepared(sts.directory, sts.port).ask("POST", "/trust/13/usernamemixed", message.encode(), **how)

    answer = ask(messages.rst("Issue", f"<t:TokenType>{ns.SCT13_TOKEN_TYPE}</t:TokenType>"))
    assert answer.status == 200, answer.body
    identifier = answer.root.findtext(f".//{{{ns.WSC13}}}Identifier")
    token = Context(identifier=identifier).token()
    assert {ask(messages.validate(token)).status_code for _ in range(8)} == {"valid"}
    (event,) = sts.events("--outcome", "issued", "-n", "1")
    assert event["token_id"] == identifier
    card = sts.operator("explain", event["correlation_id"]).out
    for told in ("this-sts", "a security context, asked for", "sct for alice, until", "in force"):
        assert told in card
    assert "signed by" not in card
    (validated,) = sts.events("--outcome", "valid", "-n", "1")
    assert f"the security context {identifier}" in sts.operator("explain", validated["correlation_id"]).out


# -- keys, while servers run -------------------------------------------------------------------------------------------

METADATA = "/FederationMetadata/2007-06/FederationMetadata.xml"
CERTIFICATE = f"{{{ns.MD}}}RoleDescriptor/{{{ns.MD}}}KeyDescriptor//{{{ns.DS}}}X509Certificate"


def published(sts: Running) -> list[bytes]:
    """The certificates in the metadata, whose signature the first of them verifies, as every worker tells them."""
    told = set()
    for _ in range(8):
        answer = Prepared(sts.directory, sts.port).ask("GET", METADATA, Host="attacker.example.test")
        assert (answer.status, answer.content_type) == (200, "application/samlmetadata+xml")
        told.add(answer.body)
    (body,) = told
    certificates = [b64decode(element.text) for element in etree.fromstring(body).iterfind(CERTIFICATE)]
    xmlsec_verify(body, certificates[0])
    assert b"attacker" not in body
    return certificates


def certificates(sts: Running) -> dict[str, bytes]:
    """By state."""
    listed = sts.operator("key", "list", "--json").json()
    return {key["state"]: ssl.PEM_cert_to_DER_cert(key["pem"]) for key in listed}


def signs(sts: Running, token: Path) -> bytes:
    """The certificate of the key that signs a token now; all workers agree."""
    used = set()
    for _ in range(4):
        assert sts.client("request", "--applies-to", ORDERS, "--out", token).status == 0
        used.add(b64decode(etree.parse(token).findtext(f".//{{{ns.DS}}}X509Certificate")))
        token.unlink()
    (one,) = used
    return one


def test_the_next_key_is_in_the_metadata_before_it_signs_and_the_last_one_until_it_is_retired(sts, tmp_path):
    token = tmp_path / "signed.xml"
    before = certificates(sts)["active"]
    assert published(sts) == [before] == [signs(sts, token)]
    assert "federation metadata" in sts.operator("key", "create").out
    following = certificates(sts)["next"]
    time.sleep(0.1)
    assert published(sts) == [before, following]
    assert signs(sts, token) == before
    assert sts.operator("key", "rotate").status == 0
    time.sleep(0.1)
    assert published(sts) == [following, before]
    assert signs(sts, token) == following
    (old,) = [key for key, state in sts.keys().items() if state == "retiring"]
    assert sts.operator("key", "retire", "--force", old).status == 0
    time.sleep(0.1)
    assert published(sts) == [following]


def test_a_client_with_the_metadata_is_told_so_by_either_worker(sts):
    asked = Prepared(sts.directory, sts.port)
    tag = asked.ask("GET", METADATA).headers["etag"]
    for _ in range(6):
        answer = asked.ask("GET", METADATA, If_None_Match=tag)
        assert (answer.status, answer.body, answer.headers["etag"]) == (304, b"", tag)
        assert answer.headers["cache-control"] == "public, max-age=300"
        assert "content-length" not in answer.headers
    head = asked.ask("HEAD", METADATA)
    assert (head.status, head.body) == (200, b"")
    assert int(head.headers["content-length"]) == len(asked.ask("GET", METADATA).body)


def test_servers_follow_a_rotation_and_an_emergency_without_a_restart(sts, tmp_path):
    token, (before, *_) = tmp_path / "token.xml", [key for key, state in sts.keys().items() if state == "active"]
    assert sts.client("request", "--applies-to", ORDERS, "--out", token).status == 0
    assert sts.operator("key", "create").status == 0
    assert sts.operator("key", "rotate").status == 0
    assert sts.keys()[before] == "retiring"
    (listed,) = [key for key in sts.operator("key", "list", "--json").json() if key["id"] == before]
    assert listed["needed_until"]
    assert all(sts.client("validate", token).status == 0 for _ in range(6)), "by either worker"
    for _ in range(6):
        assert sts.client("request", "--applies-to", ORDERS).status == 0
        assert sts.operator("explain", sts.events("-n", "1")[0]["correlation_id"], "--json").json()[0]["token"][
            "key_id"
        ] == next(key for key, state in sts.keys().items() if state == "active")
    refused = sts.operator("key", "retire", before)
    assert refused.status == 1
    assert "the last expires at" in refused.err
    assert "invalid now" in sts.operator("key", "retire", "--force", before).out
    assert all(sts.client("validate", token).status == 1 for _ in range(6)), "by either worker"
    event = sts.events("--operation", "Issue", "--since", "1h", "-n", "100")[0]
    assert "invalid: its key is retired" in sts.operator("explain", event["correlation_id"]).out
