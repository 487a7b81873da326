"""`wstrust-sts token` and security contexts, against a real server process over TLS."""

import base64
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from lxml import etree

from tests.answering import KEYS
from tests.holders import RECIPIENT, RECIPIENT_KEY
from tests.running import STATE, Prepared, call_token, command, prepare, serving
from wstrust_sts import ns
from wstrust_sts.cli.proof_files import read_proof_key

BOOTSTRAPS = ("usernamemixed", "certificatemixed", "usernamecertificatemixed", "certificatetransport")
SEALED = ("username", "certificate", "certificatesigned")
CONVERSATIONS = ("secureconversationmixed", "secureconversation")
ENDPOINTS = "".join(
    f'[[endpoint]]\npath = "/{path}/{policy}"\ntrust = "{trust}"\npolicy = "{policy}"\n'
    for path, trust in (("13", "1.3"), ("2005", "2005"))
    for policy in (*BOOTSTRAPS, *SEALED, *CONVERSATIONS)
)
SHARED = """
[[relying_party]]
name = "service"
applies_to = ["urn:service"]
token_types = ["saml20", "sct"]
key_types = ["symmetric"]
validators = ["bob"]
[relying_party.encryption]
file = "rp.der"
"""
ADDRESS = "https://rp.example.test/svc"
VERSIONS = (("13", "1.3"), ("2005", "2005"))
NAMESPACES = {"13": ns.WSC13, "2005": ns.WSC05}
WORKS_ALONE = "A security context was established for this, and is cancelled."


@dataclass(frozen=True)
class Live:
    """A running STS, and what its operator gives to clients."""

    prepared: Prepared
    directory: Path

    def ask(self, binding: str, verb: str, *arguments: str | Path, path: str = "13", user: str = "alice"):
        """By what the binding, or its bootstrap, asks for."""
        how: list[str | Path] = []
        if binding.startswith("username") or binding == "secureconversationmixed":
            how += ["--user", user, "--password-file", self.directory / f"{user}.password"]
        if "certificate" in binding or binding == "secureconversation":
            how += ["--certificate", KEYS / "alice.pem", "--key", KEYS / "alice.key"]
        if binding in SEALED or binding == "secureconversation":
            how += ["--sts-certificate", self.directory / "message.pem"]
        return self.alone(binding, verb, *arguments, *how, path=path)

    def alone(self, binding: str, verb: str, *arguments: str | Path, path: str = "13"):
        """By what a context proves, if its files are among the arguments."""
        trust = dict(VERSIONS)[path]
        how = ("--trust", trust, "--binding", binding) if "--wsdl" not in arguments else ()
        return call_token(self.prepared, verb, *arguments, *how, path=f"/{path}/{binding}")

    def establish(self, context: Path, *arguments: str | Path, binding: str = "usernamemixed", **how) -> None:
        done = self.ask(binding, "request", "--token-type", "sct", "--out", context, *arguments, **how)
        assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    directory = tmp_path_factory.mktemp("context-client")
    (directory / "rp.der").write_bytes(RECIPIENT)
    (directory / "rp.key").write_bytes(RECIPIENT_KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    prepared = prepare(directory, state=STATE + SHARED)
    authorities = prepared.directory / "clients.pem"
    authorities.write_bytes((KEYS / "alice.pem").read_bytes())
    text = prepared.config.read_text().replace("[server]\n", '[server]\nclient_authorities = "clients.pem"\n', 1)
    prepared.config.write_text(text + "\n" + ENDPOINTS)
    (directory / "alice.password").write_text("clarinet\n")
    (directory / "bob.password").write_text("trombone\n")
    mapped = ("certificate", "map", "alice", str(KEYS / "alice.pem"), "--config", str(prepared.config))
    command(*mapped, directory=directory)
    listed = ("key", "list", "--use", "message", "--pem", "--config", str(prepared.config))
    (directory / "message.pem").write_text(command(*listed, directory=directory))
    with serving(prepared):
        yield Live(prepared, directory)


def own(context: Path) -> tuple[str | Path, ...]:
    return ("--with-context", context, "--proof-key", context.with_suffix(".key"))


def key_of(context: Path) -> bytes:
    return read_proof_key(context.with_suffix(".key")).octets


# -- a context that is kept --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("binding", [*BOOTSTRAPS, *SEALED, *CONVERSATIONS])
@pytest.mark.parametrize(("path", "trust"), VERSIONS)
def test_a_context_is_established_by_every_binding_and_works(live, tmp_path, binding, path, trust):
    context = tmp_path / "context.xml"
    done = live.ask(binding, "request", "--token-type", "sct", "--out", context, path=path)
    assert done.returncode == 0, done.stderr
    assert "security context token" in done.stdout
    assert f"--with-context {context} --proof-key {tmp_path / 'context.key'}" in done.stdout
    assert "cancelled" not in done.stderr
    assert {file.stat().st_mode & 0o777 for file in tmp_path.iterdir()} == {0o600}
    assert len(key_of(context)) == 32
    assert base64.b64encode(key_of(context)).decode() not in done.stdout + done.stderr
    assert etree.parse(context).getroot().tag == f"{{{NAMESPACES[path]}}}SecurityContextToken"
    for conversation in CONVERSATIONS:
        used = live.alone(conversation, "request", *own(context), "--applies-to", ADDRESS, path=path)
        assert used.returncode == 0, used.stderr
        assert "alice@example.test" in used.stdout
        assert "security context" not in used.stderr


@pytest.mark.parametrize("soap", ["1.1", "1.2"])
@pytest.mark.parametrize(("path", "trust"), VERSIONS)
@pytest.mark.parametrize("binding", CONVERSATIONS)
def test_a_context_protects_every_operation_on_tokens_and_its_own(live, tmp_path, binding, path, trust, soap):
    context, token = tmp_path / "context.xml", tmp_path / "token.xml"
    live.establish(context, "--soap", soap, binding=binding, path=path)

    def ask(verb: str, *arguments: str | Path):
        return live.alone(binding, verb, *arguments, "--soap", soap, path=path)

    asked = ask("request", *own(context), "--applies-to", ADDRESS, "--out", token)
    assert asked.returncode == 0, asked.stderr
    assert ask("validate", token, *own(context)).stdout.startswith("valid")
    assert ask("renew", token, *own(context), "--out", token).returncode == 0
    assert ask("cancel", token, *own(context)).returncode == 0
    assert ask("validate", token, *own(context)).returncode == 1

    key = ("--proof-key", context.with_suffix(".key"))
    assert ask("validate", context, *key).stdout.startswith("valid")
    renewed = tmp_path / "renewed.xml"
    done = ask("renew", context, *key, "--out", renewed)
    assert done.returncode == 0, done.stderr
    first, second = live_card(live, context), live_card(live, renewed)
    assert first["id"] == second["id"]
    assert (first["instance"], bool(second["instance"])) == (None, True)
    assert key_of(renewed) != key_of(context)
    done = ask("cancel", renewed, "--proof-key", renewed.with_suffix(".key"))
    assert (done.returncode, done.stdout) == (0, "The security context is cancelled.\n")
    for ended in (context, renewed):
        refused = ask("request", *own(ended), "--applies-to", ADDRESS)
        assert (refused.returncode, "BadContextToken" in refused.stderr) == (1, True)


def live_card(live: Live, token: Path) -> dict:
    return json.loads(command("token", "inspect", str(token), "--json", directory=live.directory))


def test_a_context_is_shown_with_its_name_and_its_end(live, tmp_path):
    context = tmp_path / "context.xml"
    told = json.loads(live.ask("usernamemixed", "request", "--token-type", "sct", "--out", context, "--json").stdout)
    assert (told["type"], told["version"]) == ("security context token", "WS-SecureConversation 1.3")
    assert told["id"].startswith("urn:uuid:")
    assert told["not_on_or_after"]
    assert (told["token_file"], told["key_file"]) == (str(context), str(tmp_path / "context.key"))
    assert live_card(live, context) == {name: told[name] for name in ("type", "version", "id", "instance")}
    shown = command("token", "inspect", str(context), directory=tmp_path)
    assert told["id"] in shown


@pytest.mark.parametrize("secret", ["--entropy", "--no-entropy"])
@pytest.mark.parametrize("size", [128, 512])
def test_the_key_is_as_long_as_asked_and_made_by_both_sides_or_the_sts(live, tmp_path, secret, size):
    context = tmp_path / "context.xml"
    live.establish(context, secret, "--key-size", str(size))
    assert 8 * len(key_of(context)) == size
    for conversation in CONVERSATIONS:
        used = live.alone(conversation, "request", *own(context), "--applies-to", ADDRESS)
        assert used.returncode == 0, used.stderr


@pytest.mark.parametrize(
    "options",
    [
        ("--no-derived-keys",),
        ("--no-derived-keys", "--mac", "hmac-sha256", "--encryption", "aes256-gcm"),
        ("--secure-conversation", "2005", "--encryption", "aes128-gcm", "--digest", "sha512"),
    ],
)
def test_how_a_context_protects_is_the_callers_choice(live, tmp_path, options):
    context = tmp_path / "context.xml"
    live.establish(context)
    used = live.alone("secureconversation", "request", *own(context), "--applies-to", ADDRESS, *options)
    assert used.returncode == 0, used.stderr


def test_a_service_learns_the_key_of_a_context_from_a_token_made_of_it(live, tmp_path):
    context, made = tmp_path / "context.xml", tmp_path / "made.xml"
    live.establish(context, "--applies-to", "urn:service")
    status = live.ask("usernamemixed", "validate", context, user="bob")
    assert (status.returncode, status.stdout.split(":")[0]) == (0, "valid")
    asked = live.ask("usernamemixed", "validate", context, "--token-type", "saml20", "--out", made, user="bob")
    assert asked.returncode == 0, asked.stderr
    opened = command(
        "token", "inspect", str(made), "--key", str(live.directory / "rp.key"), "--json", directory=tmp_path
    )
    card = json.loads(opened)
    assert (card["subject"], card["key_type"]) == ("alice", "symmetric")
    assert card["key_sha256"] == hashlib.sha256(key_of(context)).hexdigest()
    alone = live.ask("usernamemixed", "validate", context)  # its subject, where there are validators
    assert (alone.returncode, "The STS refused" in alone.stderr) == (1, True)


def test_a_context_is_cancelled_by_nobody_without_its_key(live, tmp_path):
    context = tmp_path / "context.xml"
    live.establish(context)
    for verb in ("cancel", "renew"):
        refused = live.ask("usernamemixed", verb, context)
        assert (refused.returncode, "The STS refused" in refused.stderr) == (1, True)
    assert live.ask("usernamemixed", "validate", context).returncode == 0


def test_a_context_does_not_protect_under_another_key(live, tmp_path):
    context, other = tmp_path / "context.xml", tmp_path / "other.xml"
    live.establish(context)
    live.establish(other)
    for conversation in CONVERSATIONS:
        mixed = ("--with-context", context, "--proof-key", other.with_suffix(".key"))
        refused = live.alone(conversation, "request", *mixed, "--applies-to", ADDRESS)
        assert (refused.returncode, "The STS refused" in refused.stderr) == (1, True)


# -- a context for one command -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("soap", ["1.1", "1.2"])
@pytest.mark.parametrize(("path", "trust"), VERSIONS)
@pytest.mark.parametrize("binding", CONVERSATIONS)
def test_without_a_context_one_is_established_and_cancelled(live, tmp_path, binding, path, trust, soap):
    token, trace = tmp_path / "token.xml", tmp_path / "trace.xml"
    wish = ("--applies-to", ADDRESS, "--out", token, "--soap", soap)
    done = live.ask(binding, "request", *wish, "--trace", trace, path=path)
    assert done.returncode == 0, done.stderr
    assert "alice@example.test" in done.stdout
    assert done.stderr == f"{WORKS_ALONE}\n"
    assert sorted(tmp_path.iterdir()) == [token, trace]
    assert [message.get("direction") for message in etree.parse(trace).getroot()] == ["request", "answer"] * 3
    assert trace.read_text().count("RequestedTokenCancelled") == 1
    assert "clarinet" not in trace.read_text()
    for verb in ("validate", "renew", "cancel"):
        again = live.ask(binding, verb, token, "--soap", soap, path=path)
        assert (again.returncode, again.stderr) == (0, f"{WORKS_ALONE}\n")
    ended = live.ask(binding, "validate", token, "--soap", soap, path=path)
    assert (ended.returncode, ended.stderr) == (1, f"{WORKS_ALONE}\n")


@pytest.mark.parametrize("binding", CONVERSATIONS)
def test_what_programs_read_has_nothing_of_the_context_in_it(live, binding):
    told = live.ask(binding, "request", "--applies-to", ADDRESS, "--json")
    assert json.loads(told.stdout)["subject"] == "alice"
    token = live.ask(binding, "request", "--applies-to", ADDRESS, "--out", "-")
    assert etree.fromstring(token.stdout).get("ID")
    assert told.stderr == token.stderr == f"{WORKS_ALONE}\n"


@pytest.mark.parametrize("binding", CONVERSATIONS)
def test_a_context_is_cancelled_after_a_refusal_too(live, binding):
    refused = live.ask(binding, "request", "--applies-to", "urn:nobody")
    assert (refused.returncode, "The STS refused" in refused.stderr) == (1, True)
    assert WORKS_ALONE in refused.stderr


def test_a_wrong_password_establishes_nothing(live):
    wrong = ("--user", "alice", "--password-file", live.directory / "bob.password")
    refused = live.alone("secureconversationmixed", "request", *wrong, "--applies-to", ADDRESS)
    assert (refused.returncode, "FailedAuthentication" in refused.stderr) == (1, True)
    assert "security context" not in refused.stderr


@pytest.mark.parametrize("path", ["13", "2005"])
@pytest.mark.parametrize("binding", CONVERSATIONS)
def test_the_wsdl_says_that_a_context_protects_messages(live, binding, path):
    done = live.ask(binding, "request", "--applies-to", ADDRESS, "--wsdl", path=path)
    assert done.returncode == 0, done.stderr
    assert done.stderr == f"{WORKS_ALONE}\n"


WRONG_USE = {
    "a context without its key": (["--with-context", KEYS / "alice.pem"], "needs --proof-key"),
    "a key without its context": (["--proof-key", KEYS / "alice.key"], "is the key of --with-context"),
    "a password beside a context": (
        ["--with-context", KEYS / "alice.pem", "--proof-key", KEYS / "alice.key", "--user", "alice"],
        "does not use --user in a security context that is there",
    ),
    "a bearer context": (["--token-type", "sct", "--key-type", "bearer"], "leave out --key-type bearer"),
    "neither context nor password": ([], "needs --user"),
}


@pytest.mark.parametrize(("options", "told"), WRONG_USE.values(), ids=WRONG_USE)
def test_wrong_use_is_told(live, options, told):
    done = live.alone("secureconversationmixed", "request", *options)
    assert (done.returncode, told in done.stderr) == (2, True), done.stderr


def test_files_that_are_not_a_context_and_its_key_are_told(live, tmp_path):
    context, token = tmp_path / "context.xml", tmp_path / "token.xml"
    live.establish(context)
    assert live.ask("usernamemixed", "request", "--applies-to", ADDRESS, "--out", token).returncode == 0
    key = context.with_suffix(".key")
    for files, told in (
        (("--with-context", token, "--proof-key", key), "no security context"),
        (("--with-context", key, "--proof-key", key), "not a token in XML"),
        (("--with-context", context, "--proof-key", KEYS / "alice.key"), "is a private key"),
    ):
        done = live.alone("secureconversation", "request", *files, "--applies-to", ADDRESS)
        assert (done.returncode, told in done.stderr) == (1, True), done.stderr
    again = live.alone("secureconversation", "request", *own(context), "--token-type", "sct")
    assert (again.returncode, "without another one" in again.stderr) == (2, True)
    other = live.alone("usernamemixed", "request", "--with-context", context)
    assert (other.returncode, "does not use --with-context" in other.stderr) == (2, True)
    short = tmp_path / "short.xml"
    live.establish(short, "--key-size", "128")
    done = live.alone("secureconversation", "request", *own(short), "--applies-to", ADDRESS, "--no-derived-keys")
    assert (done.returncode, "has 128 bits" in done.stderr) == (2, True)
