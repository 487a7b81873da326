"""What `relying-party snippet` prints, run as it stands: clients get tokens, services believe those and no others."""

import importlib.util
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import pytest
from lxml import etree

from tests.messages import RP
from tests.running import change, command
from wstrust_sts import ns

PARTIES = """
[[relying_party]]
name = "snippet11"
applies_to = ["https://saml11.example.test/svc"]
token_types = ["saml11"]
[[relying_party.claim]]
release = "department"
[[relying_party.claim]]
group = "players"
as = "http://schemas.microsoft.com/ws/2008/06/identity/claims/role"

[[relying_party]]
name = "snippet20"
applies_to = ["https://saml20.example.test/svc"]
token_types = ["saml20"]
recipient = "https://saml20.example.test/token"
[[relying_party.claim]]
release = "department"
[[relying_party.claim]]
group = "players"
as = "http://schemas.microsoft.com/ws/2008/06/identity/claims/role"
"""
each_party = pytest.mark.parametrize("name", ["snippet11", "snippet20"])
each_endpoint = pytest.mark.parametrize("path", ["/trust/13/usernamemixed", "/trust/2005/usernamemixed"])


@dataclass(frozen=True)
class Verdict:
    """What a service's side made of a token."""

    name: str
    attributes: dict[str, list[str]]
    refused: str = ""


@pytest.fixture(scope="module", autouse=True)
def parties(sts) -> None:
    change(sts, PARTIES)


@pytest.fixture(scope="module")
def snippet(sts):
    """Prints one."""

    @cache
    def print_(name: str, language: str, *options: str) -> str:
        arguments = ("relying-party", "snippet", name, "--for", language, "--config", str(sts.config), *options)
        return command(*arguments, directory=sts.directory)

    return print_


def run_node(directory: Path, sts, *arguments: str, given: str) -> dict:
    done = subprocess.run(
        ["node", str(directory / "snippet.js"), *arguments],
        input=given,
        capture_output=True,
        text=True,
        env=os.environ | {"NODE_EXTRA_CA_CERTS": str(sts.ca)},
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(params=["python", "node"])
def verify(request, snippet, sts, tmp_path):
    """Verifies a token with a relying party's snippet."""
    language = request.param

    def by_python(name: str, token: str, now: datetime | None = None) -> Verdict:
        file = tmp_path / f"{name}_tokens.py"
        file.write_text(snippet(name, "python"))
        loaded = importlib.util.spec_from_file_location(file.stem, file)
        module = importlib.util.module_from_spec(loaded)
        sys.modules[file.stem] = module  # as an import does; dataclasses look there
        try:
            loaded.loader.exec_module(module)
            subject = module.verify_token(token.encode(), now=now)
        except module.Refused as refused:
            return Verdict("", {}, str(refused))
        finally:
            del sys.modules[file.stem]
        return Verdict(subject.name, subject.attributes)

    def by_node(name: str, token: str, now: datetime | None = None) -> Verdict:
        directory = request.getfixturevalue("node")
        file = directory / f"{name}.js"
        file.write_text(snippet(name, "node"))
        at = [now.isoformat()] if now else []
        said = run_node(directory, sts, str(file), "verify", "nobody", *at, given=token)
        return Verdict(said.get("name", ""), said.get("attributes", {}), said.get("refused", ""))

    return {"python": by_python, "node": by_node}[language]


@pytest.fixture(scope="module")
def token(sts):
    """Gets one for a relying party, with the program's own client."""

    @cache
    def get(name: str) -> str:
        password = sts.directory.parent / "password"
        password.write_text("clarinet\n")
        address = RP if name == "rp" else f"https://{name.replace('snippet', 'saml')}.example.test/svc"
        arguments = ("--url", f"{sts.url}/trust/13/usernamemixed", "--user", "alice", "--applies-to", address)
        trust = ("--password-file", str(password), "--ca", str(sts.ca), "--out", "-")
        return command("token", "request", *arguments, *trust, directory=sts.directory).strip()

    return get


# -- clients -----------------------------------------------------------------------------------------------------------


@each_party
@each_endpoint
def test_zeep_gets_a_token_that_the_python_snippet_believes(sts, snippet, tmp_path, name, path):
    client, service = tmp_path / "get_token.py", tmp_path / "tokens.py"
    client.write_text(snippet(name, "zeep", "--endpoint", path))
    service.write_text(snippet(name, "python"))
    environment = os.environ | {"REQUESTS_CA_BUNDLE": str(sts.ca)}
    got = subprocess.run(
        [sys.executable, client, "alice"], input=b"clarinet\n", capture_output=True, env=environment, check=True
    )
    said = subprocess.run([sys.executable, service], input=got.stdout, capture_output=True, check=True).stdout.decode()
    assert said.splitlines()[0] == "alice"
    assert f"  {ns.CLAIM_ROLE}: players" in said.splitlines()


def test_zeep_tells_that_the_password_is_wrong(sts, snippet, tmp_path):
    client = tmp_path / "get_token.py"
    client.write_text(snippet("snippet20", "zeep"))
    environment = os.environ | {"REQUESTS_CA_BUNDLE": str(sts.ca)}
    done = subprocess.run(
        [sys.executable, client, "alice"], input="trumpet\n", capture_output=True, text=True, env=environment
    )
    assert done.returncode != 0
    assert done.stdout == ""
    assert "zeep.exceptions.Fault" in done.stderr


@each_party
@each_endpoint
def test_node_gets_a_token_that_it_believes(sts, snippet, node, name, path):
    file = node / f"{name}-{path.replace('/', '-')}.js"
    file.write_text(snippet(name, "node", "--endpoint", path))
    token = run_node(node, sts, str(file), "get", "alice", given="clarinet")["token"]
    said = run_node(node, sts, str(file), "verify", given=token)
    assert said.get("name") == "alice", said
    assert "refused" in run_node(node, sts, str(file), "get", "alice", given="trumpet")


# -- services ----------------------------------------------------------------------------------------------------------


@each_party
def test_a_service_reads_who_it_is_and_what_is_said_of_him(verify, token, name):
    verdict = verify(name, token(name))
    assert not verdict.refused
    assert verdict.name == "alice"
    assert verdict.attributes[ns.CLAIM_ROLE] == ["players"]
    assert ["music", "brass"] in verdict.attributes.values()


@each_party
@pytest.mark.parametrize(
    ("after", "refused"),
    [
        (timedelta(minutes=-10), True),
        (timedelta(minutes=64), False),
        (timedelta(minutes=66), True),
        (timedelta(days=3650), True),
    ],
)
def test_a_service_believes_a_token_for_its_time(verify, token, name, after, refused):
    assert ("expired" in verify(name, token(name), datetime.now(UTC) + after).refused) is refused


@each_party
def test_a_service_refuses_a_token_for_another(verify, token, name):
    assert "somebody else" in verify(name, token("rp")).refused


@each_party
def test_a_service_refuses_what_was_changed_and_what_is_not_signed(verify, token, name):
    good = token(name)
    for changed in (good.replace(">alice<", ">admin<"), good.replace("players", "Players"), good[:-20], "", "<a/>"):
        assert changed != good
        assert verify(name, changed).refused
    root = etree.fromstring(good)
    root.remove(root.find(f"{{{ns.DS}}}Signature"))
    assert verify(name, etree.tostring(root).decode()).refused


@each_party
def test_a_service_refuses_a_token_that_another_key_signed(verify, token, name, sts, tmp_path):
    command("init", str(tmp_path / "other"), "--demo", directory=tmp_path)
    other = command(
        "relying-party", "snippet", "orders", "--for", "python", "--config", str(tmp_path / "other"), directory=tmp_path
    )
    file = tmp_path / "tokens.py"
    file.write_text(other)
    done = subprocess.run([sys.executable, file], input=token(name), capture_output=True, text=True)
    assert done.returncode != 0
    assert "not signed by one of our certificates" in done.stderr


@each_party
def test_a_service_reads_the_signed_assertion_and_not_one_that_is_wrapped_around_it(verify, token, name):
    """Signature wrapping: an assertion of one's own making on the outside, the signed one somewhere inside of it."""
    good = token(name)
    inner = etree.fromstring(good)
    identifier = "ID" if name == "snippet20" else "AssertionID"
    for place in ("child", "in the signature", "same id"):
        outer = etree.fromstring(good.replace(">alice<", ">admin<"))
        signature = outer.find(f"{{{ns.DS}}}Signature")
        if place != "same id":
            outer.set(identifier, "_forged")
        target = etree.SubElement(signature, f"{{{ns.DS}}}Object") if place == "in the signature" else outer
        target.append(etree.fromstring(etree.tostring(inner)))
        verdict = verify(name, etree.tostring(outer).decode())
        assert verdict.refused, place
        assert verdict.name != "admin"


@each_party
def test_a_comment_in_a_name_does_not_cut_it(verify, token, name):
    verdict = verify(name, token(name).replace(">alice<", ">al<!-- -->ice<"))
    assert verdict.refused or verdict.name == "alice"


@each_party
def test_a_document_type_is_refused(verify, token, name):
    declared = f'<!DOCTYPE x [<!ENTITY who "admin">]>{token(name)}'
    verdict = verify(name, declared.replace(">alice<", ">&who;<"))
    assert verdict.refused
