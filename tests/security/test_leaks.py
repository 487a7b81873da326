"""What must not get out: secrets into the log, and anything of ours or of an attacker's into an answer."""

import base64
from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests import messages
from tests.attack import CANARY, ENTRANCES, Attack, InProcess, demand_no_leak, in_process, without_correlation
from tests.digests import digest_of
from tests.fakes import NOON
from tests.harness import PASSWORDS, account, allowing_digests, hashed
from wstrust_sts import ns
from wstrust_sts.bindings.http import Request, Response
from wstrust_sts.errors import Busy, FailedAuthentication, NotWellFormed, RequestFailed
from wstrust_sts.received_tokens import UsernamePassword

SECRET = "q7!secret-of-the-store"


@pytest.fixture
def alone() -> Iterator[tuple[Attack, InProcess]]:
    with in_process() as target:
        yield Attack(target, ENTRANCES[0]), target


# -- answers -----------------------------------------------------------------------------------------------------


def digest(user: str, password: str, *, nonce: bytes = b"n" * 16, without: str = "") -> str:
    """A UsernameToken with a PasswordDigest, or one that lacks a part of it."""
    created = messages.instant(NOON)
    token = messages.username_token(user, digest_of(nonce, created, password), more="{Nonce}{Created}")
    parts = {
        "Nonce": f"<o:Nonce>{base64.b64encode(nonce).decode()}</o:Nonce>",
        "Created": f"<u:Created>{created}</u:Created>",
    }
    written = token.replace("{Nonce}{Created}", "".join(part for name, part in parts.items() if name != without))
    return written.replace(ns.PASSWORD_TEXT, ns.PASSWORD_DIGEST)


def test_every_failed_authentication_has_the_same_answer(alone: tuple[Attack, InProcess]) -> None:
    attack, target = alone
    accounts = target.sts.stores.accounts
    for name, change in {
        "locked": {"enabled": False},
        "expired": {"expires_at": NOON},
        "certificate": {"password_hash": None},
        "unreadable": {"password_hash": "$argon2id$v=19$m=7168,t=5,p=1$AAAA"},
    }.items():
        accounts.put(replace(account("alice"), id=name, name=name, password_hash=hashed("clarinet")))
        accounts.put(replace(accounts.find("default", name), **change))
    accounts.put(allowing_digests(account("alice"), "clarinet"))
    accounts.put(replace(accounts.find("default", "alice"), id="moved", name="moved"))
    spent_digest = digest("alice", "clarinet", nonce=b"spent")
    attack.issued(attack.with_credential(spent_digest))
    spent = messages.username_token(more="<o:Nonce>AAAA</o:Nonce>")
    attack.issued(attack.with_credential(spent))
    credentials = [
        messages.username_token("alice", "oboe"),
        messages.username_token("mallory", "clarinet"),
        messages.username_token("locked"),
        messages.username_token("expired"),
        messages.username_token("certificate"),
        messages.username_token("unreadable"),
        messages.username_token().replace(ns.PASSWORD_TEXT, ns.PASSWORD_DIGEST),
        digest("bob", "trombone"),
        digest("mallory", "clarinet"),
        digest("alice", "oboe"),
        digest("alice", "clarinet", without="Nonce"),
        digest("alice", "clarinet", without="Created"),
        digest("moved", "clarinet"),
        spent_digest,
        spent,
    ]
    answers = [attack.refused(attack.with_credential(each), FailedAuthentication) for each in credentials]
    assert len({without_correlation(answer.body) for answer in answers}) == 1
    assert len({answer.correlation_id for answer in answers}) == len(answers)


class Failing:
    """A part that fails in an unexpected way, with a text that must stay inside."""

    def __getattr__(self, name: str) -> object:
        raise LookupError(f"{SECRET} /var/lib/sts.db line 7")


def break_store(store: object) -> None:
    """Whatever is looked up in it fails so, from now on."""
    for question in ("get", "find", "find_by_id"):
        if hasattr(store, question):
            setattr(store, question, lambda *_: Failing().rows)


@pytest.mark.parametrize("part", ["accounts", "relying_parties", "issued_tokens", "claims", "realms"])
@pytest.mark.parametrize("operation", ["Issue", "Validate"])
def test_an_unexpected_failure_tells_nobody_anything(
    alone: tuple[Attack, InProcess], part: str, operation: str
) -> None:
    attack, target = alone
    token = attack.issued(attack.message()).assertion.decode()
    if part == "claims":
        target.sts.application._binding._service._factory._claims = Failing()
    else:
        break_store(getattr(target.sts.stores, part))
    target.logged()
    body = attack.rst() if operation == "Issue" else messages.validate(token, trust=attack.trust)
    answer = attack.send(attack.message(body))
    logged = target.logged()
    if answer.code is None:
        assert (part, operation) in {("claims", "Validate"), ("issued_tokens", "Issue")}
        return
    assert attack.is_refusal(answer, RequestFailed)
    demand_no_leak(answer.body.decode())
    assert SECRET not in answer.body.decode()
    assert SECRET not in logged
    assert "LookupError" in logged
    assert answer.correlation_id in logged
    for secret in PASSWORDS.values():
        assert secret not in logged


def test_a_failure_outside_of_soap_tells_nobody_anything(alone: tuple[Attack, InProcess]) -> None:
    attack, target = alone
    target.sts.application._endpoints = Failing()
    answer = target.send(b"x", path="/x", content_type=None, method="POST", headers={})
    assert answer.status == 500
    assert answer.body == b"The request failed.\n"
    assert SECRET not in target.logged()
    assert attack.entrance.path


def test_what_is_not_stored_is_not_told(alone: tuple[Attack, InProcess]) -> None:
    """The register is away: no token, and no reason why."""
    attack, target = alone
    target.sts.stores.journal.away = True
    answer = attack.refused(attack.message(), Busy)
    assert answer.headers["retry-after"] == "1"
    assert b"Assertion" not in answer.body
    assert b"journal" not in answer.body


def test_hostile_text_comes_back_from_nowhere(attack: Attack) -> None:
    """Names, values, types, paths, media types and headers of an attacker; what the contract echoes is not here."""
    marks = [
        attack.rst(f"<{CANARY}/>", f"<t:{CANARY}/>"),
        attack.rst(f"<t:KeyType>{CANARY}</t:KeyType>"),
        attack.rst(address=f"https://{CANARY}/"),
        attack.rst(f'<t:Claims><i:ClaimType xmlns:i="{ns.IDENTITY}" Uri="{CANARY}"/></t:Claims>'),
        attack.rst(f"<t:Lifetime>{CANARY}</t:Lifetime>"),
        f'<{CANARY} xmlns="urn:{CANARY}"/>',
        f"<x>&{CANARY};</x>",
        f"<{CANARY}>",
    ]
    for body in marks:
        assert attack.send(attack.message(body)).status != 200
    for message in (
        attack.with_credential(messages.username_token(CANARY, CANARY)),
        attack.with_credential(f"<{CANARY}/>"),
        attack.with_timestamp(attack.timestamp_of(CANARY, CANARY)),
        f"<{CANARY}/>",
        CANARY,
    ):
        assert attack.send(message).status != 200
    assert attack.send(attack.message(), content_type=f"text/{CANARY}").status == 415
    assert attack.send(attack.message(), path=f"/{CANARY}").status == 404
    assert attack.send(attack.message(), method=CANARY).status == 405
    assert attack.send(attack.message(), soapaction=CANARY).status == 500


def test_the_server_chooses_the_correlation_id(attack: Attack) -> None:
    chosen = "0" * 32
    headers = {"x-correlation-id": chosen, "x-request-id": chosen, "traceparent": f"00-{chosen}-{'0' * 16}-01"}
    answer = attack.send("<x", **{name.replace("-", "_"): value for name, value in headers.items()} | headers)
    assert answer.correlation_id != chosen


# -- the log -----------------------------------------------------------------------------------------------------

UNESCAPED = [
    "hunter2&swordfish;x",
    "hunter2&#swordfish;",
    "hunter2<swordfish hunter2",
    "hunter2<swordfish",
    "hunter2<swordfish='hunter2'>",
    "hunter2</swordfish>",
    "hunter2<swordfish hunter2='1' hunter2='2'/>",
    "hunter2<hunter2:swordfish/>",
    "hunter2]]>swordfish",
    "hunter2<!swordfish",
]


@pytest.mark.parametrize("password", UNESCAPED)
def test_a_password_that_breaks_the_document_is_not_in_the_log(attack: Attack, password: str) -> None:
    """A client that forgets to escape: the parser's complaint would quote half of the password."""
    attack.target.logged()
    attack.refused(attack.with_credential(messages.username_token("alice", password)), NotWellFormed)
    logged = attack.target.logged()
    assert "NotWellFormed" in logged
    assert "swordfish" not in logged
    assert "hunter2" not in logged


def test_a_password_in_the_wrong_place_is_not_in_the_log(attack: Attack) -> None:
    attack.target.logged()
    for user, password in (
        ("swordfish", "alice"),
        ("alice", "swordfish"),
        ("alice", "swordfish" * 200),
        ("swordfish" * 200, "x"),
    ):
        assert attack.send(attack.with_credential(messages.username_token(user, password))).code is not None
    swordfish = "<o:Password>swordfish</o:Password>"
    for credential in (
        messages.username_token(more=swordfish),
        messages.username_token(more="<o:Nonce>swordfish!</o:Nonce>"),
        messages.username_token(more="<u:Created>swordfish</u:Created>"),
        messages.username_token(password="sword<!-- -->fish"),
        f'<o:UsernameToken xmlns:o="{ns.WSSE}">{swordfish}</o:UsernameToken>',
    ):
        assert attack.send(attack.with_credential(credential)).code is not None
    assert "swordfish" not in attack.target.logged()


def test_what_is_logged_of_a_hostile_message_is_one_line(attack: Attack) -> None:
    attack.target.logged()
    forged = "&#10;{&quot;level&quot;:&quot;info&quot;,&quot;outcome&quot;:&quot;issued&quot;}"
    assert attack.send(attack.message(attack.rst(address=f"urn:x{forged}"))).code == "InvalidScope"
    assert len(attack.target.logged().splitlines()) == 1


def test_what_holds_secrets_does_not_show_them() -> None:
    credential = UsernamePassword("alice", SECRET, ns.PASSWORD_TEXT)
    request = Request(method="POST", path="/", headers={"authorization": SECRET}, body=SECRET.encode())
    response = Response(status=200, body=SECRET.encode())
    alice = account("alice")
    secretive = [replace(alice, password_hash=SECRET), replace(alice, sealed_digest_password=SECRET.encode())]
    for value in (credential, request, response, alice, *secretive):
        assert SECRET not in repr(value)
        assert "argon2" not in repr(value)
