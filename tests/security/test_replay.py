"""A nonce is good once: by its octets, for its account, at every endpoint, for as long as its message could live."""

import base64
import secrets
import threading
from datetime import timedelta

import pytest

from tests import messages
from tests.attack import ENTRANCES, Attack
from tests.fakes import NOON
from tests.harness import PASSWORDS
from wstrust_sts import ns
from wstrust_sts.errors import FailedAuthentication, MessageExpired


def fresh() -> str:
    return base64.b64encode(secrets.token_bytes(16)).decode()


def nonce(text: str) -> str:
    return f'<o:Nonce EncodingType="{ns.BASE64_BINARY}">{text}</o:Nonce>'


def created(moment: str) -> str:
    return f"<u:Created>{moment}</u:Created>"


def with_nonce(attack: Attack, text: str, *, user: str = "alice", password: str | None = None, more: str = "") -> str:
    secret = PASSWORDS[user] if password is None else password
    return attack.with_credential(messages.username_token(user, secret, more=nonce(text) + more))


def test_a_message_sent_twice_is_refused(attack: Attack) -> None:
    message = with_nonce(attack, fresh())
    attack.issued(message)
    for _ in range(3):
        attack.refused(message, FailedAuthentication)


def test_a_nonce_in_another_spelling_is_the_same(attack: Attack) -> None:
    octets = b"\xfb\xff" + secrets.token_bytes(14)
    text = base64.b64encode(octets).decode()
    attack.issued(with_nonce(attack, text))
    last = text.rstrip("=")[-1]
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    idle_bits = text.rstrip("=")[:-1] + alphabet[alphabet.index(last) | 0x0F] + "=="
    for spelling in (
        f" {text} ",
        f"\n\t{text}\r\n",
        " ".join(text),
        "\n".join(text[start : start + 4] for start in range(0, len(text), 4)),
        "".join(f"&#{ord(character)};" for character in text),
        idle_bits,
    ):
        attack.refused(with_nonce(attack, spelling), FailedAuthentication)


def test_a_nonce_is_not_renewed_by_other_circumstances(attack: Attack) -> None:
    """Another Created, another request, another endpoint, another version of SOAP."""
    text = fresh()
    moment = messages.instant(attack.now)
    attack.issued(with_nonce(attack, text, more=created(moment)))
    attack.refused(with_nonce(attack, text), FailedAuthentication)
    for offset in (-60, -1, 1, 60):
        later = messages.instant(attack.now, timedelta(seconds=offset))
        attack.refused(with_nonce(attack, text, more=created(later)), FailedAuthentication)
    for entrance in ENTRANCES:
        elsewhere = Attack(attack.target, entrance)
        elsewhere.refused(with_nonce(elsewhere, text), FailedAuthentication)


def test_nobody_spends_a_nonce_of_somebody_else(attack: Attack) -> None:
    """Neither with the wrong password nor with an own account."""
    text = fresh()
    attack.refused(with_nonce(attack, text, password="oboe"), FailedAuthentication)
    attack.refused(with_nonce(attack, text, user="bob", password=PASSWORDS["alice"]), FailedAuthentication)
    answer = attack.send(with_nonce(attack, text, user="bob"))
    assert answer.code is None
    attack.issued(with_nonce(attack, text))
    attack.refused(with_nonce(attack, text), FailedAuthentication)


def test_an_empty_nonce_is_a_nonce(attack: Attack) -> None:
    text = "" if attack.send(with_nonce(attack, "")).code is None else " "
    attack.refused(with_nonce(attack, text), FailedAuthentication)


def test_a_refused_request_spends_its_nonce_too(attack: Attack) -> None:
    """Once the password is proved, the message was used, whatever becomes of the request."""
    credential = messages.username_token(more=nonce(fresh()))
    protection = attack.security(attack.timestamp(), credential)
    answer = attack.send(attack.message(attack.rst(address="urn:nobody"), security=protection))
    assert answer.code == "InvalidScope"
    attack.refused(attack.message(security=protection), FailedAuthentication)


# -- with a clock ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("offset", [-14, -5, 0, 5])
def test_a_nonce_is_remembered_for_as_long_as_its_message_is_fresh(own: Attack, offset: int) -> None:
    """Whenever the message is tried again, it is either a replay or stale."""
    born = NOON + timedelta(minutes=offset)
    stamp = messages.timestamp(born, life=timedelta(hours=2))
    tokens = [
        messages.username_token(more=nonce(fresh()) + created(messages.instant(born))),
        messages.username_token(more=nonce(fresh())),
    ]
    written = [own.message(security=own.security(stamp, token)) for token in tokens]
    for message in written:
        own.issued(message)
    for seconds in range(0, 3600, 100):
        own.target.sts.clock.now = NOON + timedelta(seconds=seconds)
        for message in written:
            own.refused(message, FailedAuthentication, MessageExpired)


def test_of_many_at_once_exactly_one_wins(own: Attack) -> None:
    own.issued(own.message())
    octets = with_nonce(own, fresh()).encode()
    codes: list[str | None] = []
    start = threading.Barrier(8)

    def send() -> None:
        start.wait()
        answer = own.target.send(
            octets,
            path=own.entrance.path,
            content_type=messages.content_type(own.entrance.soap),
            method="POST",
            headers={},
        )
        codes.append(answer.code)

    threads = [threading.Thread(target=send) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(codes, key=str) == ["FailedAuthentication"] * 7 + [None]
