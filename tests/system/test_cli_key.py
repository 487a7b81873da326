"""`wstrust-sts key`: keys that sign tokens, and keys of messages."""

import contextlib
import json

from cryptography import x509

from tests.system.operating import faults


def test_the_exported_certificate_is_the_signing_keys(sts):

    pem = sts("key", "list", "--pem").out
    (certificate,) = x509.load_pem_x509_certificates(pem.encode())
    (key,) = sts("key", "list", "--json").json()
    assert certificate.serial_number == x509.load_pem_x509_certificate(key["pem"].encode()).serial_number
    assert "PRIVATE" not in pem + json.dumps(key)
    assert sts("key", "list").status == 0


def states(sts) -> dict[str, str]:
    return {key["id"]: key["state"] for key in sts("key", "list", "--json").json()}


def test_a_next_key_is_published_and_signs_only_after_a_rotation(sts):
    (first,) = states(sts)
    assert sts("key", "create", "--realm", "nowhere").status == 1
    made = sts("key", "create", "--algorithm", "ec-p256")
    assert "does not sign yet" in made.out
    (second,) = states(sts).keys() - {first}
    assert states(sts) == {first: "active", second: "next"}
    assert f"# token next ec-p256 {second}" in sts("key", "list", "--pem").out
    again = sts("key", "create")
    assert (again.status, second in again.err) == (1, True)
    rotated = sts("key", "rotate")
    assert (rotated.status, rotated.err) == (0, "")
    assert f"signs with {second} (ec-p256) now" in rotated.out
    assert f"key retire {first}" in rotated.out
    assert states(sts) == {first: "retiring", second: "active"}
    assert sts("key", "retire", first).status == 0
    assert states(sts) == {second: "active"}


def test_a_rotation_without_a_next_key_makes_one_and_warns_that_nobody_has_seen_it(sts):
    (first,) = states(sts)
    done = sts("key", "rotate")
    assert done.status == 0
    assert "WARNING" in done.err
    assert "no relying party has its certificate" in done.err
    (second,) = states(sts).keys() - {first}
    assert states(sts) == {first: "retiring", second: "active"}
    assert sts("key", "rotate", "--realm", "nowhere").status == 1


def test_a_next_key_that_does_not_open_never_gets_to_sign(sts, directory):
    import sqlite3

    (first,) = states(sts)
    assert sts("key", "create").status == 0
    with contextlib.closing(sqlite3.connect(directory / "sts.db")) as database:
        database.execute("UPDATE signing_key SET wrapped_private_key = x'01' WHERE state = 'next'")
        database.commit()
    assert sts("key", "rotate").status == 1
    assert states(sts)[first] == "active"


def test_the_active_key_does_not_retire_and_a_next_one_can_be_discarded(sts):
    (first,) = states(sts)
    for how in ([], ["--force"]):
        done = sts("key", "retire", first, *how)
        assert done.status == 1
        assert "key rotate" in done.err
    assert sts("key", "create").status == 0
    (second,) = states(sts).keys() - {first}
    assert sts("key", "retire", second).status == 0
    assert states(sts) == {first: "active"}
    for unknown in (second, "nonsense", "\x1b[2J"):
        done = sts("key", "retire", unknown)
        assert (done.status, "\x1b" in done.err) == (1, False)


def test_check_warns_of_a_retiring_key_that_nothing_needs(sts):
    (first,) = states(sts)
    assert sts("key", "rotate").status == 0
    (warning,) = [row for row in json.loads(sts("check", "--json").out)["warnings"] if "retiring key" in row["where"]]
    assert first in warning["where"]
    assert warning["fix"] == f"wstrust-sts key retire --realm default {first}"


def message_states(sts) -> dict[str, str]:
    return {key["id"]: key["state"] for key in sts("key", "list", "--use", "message", "--json").json()}


def without_message_key(directory) -> None:
    """The database as one from before there were message keys."""
    import sqlite3

    with contextlib.closing(sqlite3.connect(directory / "sts.db")) as database:
        database.execute("DELETE FROM signing_key WHERE \"use\" = 'message'")
        database.commit()


def test_init_makes_a_message_key_and_lists_say_what_each_certificate_is_for(sts):
    (token,), (message,) = states(sts), message_states(sts)
    assert token != message
    assert f"# token active rsa-2048 {token}" in sts("key", "list", "--pem").out
    assert message not in sts("key", "list", "--pem").out
    pem = sts("key", "list", "--use", "message", "--pem").out
    assert pem.startswith(f"# message active rsa-2048 {message}\n-----BEGIN CERTIFICATE-----")
    assert "PRIVATE" not in pem
    (row,) = sts("key", "list", "--use", "message", "--json").json()
    assert (row["use"], row["needed_until"]) == ("message", None)
    assert "message" in sts("key", "list", "--use", "message").out
    assert sts("key", "list", "--use", "tls").status == 2


def test_a_message_key_is_rotated_and_retired_without_touching_the_token_key(sts):
    token, (first,) = states(sts), message_states(sts)
    made = sts("key", "create", "--use", "message", "--algorithm", "rsa-3072")
    assert "wstrust-sts key list --use message --pem" in made.out
    assert "wstrust-sts key rotate --use message" in made.out
    (second,) = message_states(sts).keys() - {first}
    assert message_states(sts) == {first: "active", second: "next"}
    again = sts("key", "create", "--use", "message")
    assert (again.status, f"key retire --use message {second}" in again.err) == (1, True)
    rotated = sts("key", "rotate", "--use", "message")
    assert (rotated.status, rotated.err) == (0, "")
    assert f"signs answers and opens messages with {second} (rsa-3072) now" in rotated.out
    assert f"key retire --use message {first}" in rotated.out
    assert message_states(sts) == {first: "retiring", second: "active"}
    retired = sts("key", "retire", "--use", "message", first)
    assert (retired.status, "refused now" in retired.out) == (0, True)
    assert message_states(sts) == {second: "active"}
    assert states(sts) == token


def test_a_key_is_retired_only_as_what_it_is(sts):
    (token,), (message,) = states(sts), message_states(sts)
    assert sts("key", "retire", message).status == 1
    assert sts("key", "retire", "--use", "message", token).status == 1
    done = sts("key", "retire", "--use", "message", message)
    assert (done.status, "key rotate --use message" in done.err) == (1, True)


def test_a_message_key_is_rsa(sts):
    for algorithm in ("ec-p256", "nonsense"):
        done = sts("key", "create", "--use", "message", "--algorithm", algorithm)
        assert done.status == 2
        assert "use one of rsa-2048, rsa-3072" in " ".join(done.err.split())
    assert len(message_states(sts)) == 1


def test_a_rotation_to_a_message_key_that_no_client_has_seen_warns(sts):
    done = sts("key", "rotate", "--use", "message")
    assert done.status == 0
    assert "no client has its certificate" in done.err
    assert sorted(message_states(sts).values()) == ["active", "retiring"]


def test_check_tells_an_endpoint_that_needs_a_message_key_and_how_to_make_one(sts, directory):
    without_message_key(directory)
    assert faults(sts("check", "--json")) == []
    endpoint = '\n[[endpoint]]\npath = "/trust/13/username"\ntrust = "1.3"\npolicy = "username"\n'
    with (directory / "sts.toml").open("a") as config:
        config.write(endpoint)
    (fault,) = json.loads(sts("check", "--json").out)["faults"]
    assert "no active message key" in fault["what"]
    assert "wstrust-sts key create --use message --realm default" in fault["fix"]
    made = sts("key", "create", "--use", "message")
    assert "signs answers and opens messages" in made.out
    assert faults(sts("check", "--json")) == []


def test_check_tells_a_message_key_that_does_not_open_and_one_that_clients_should_have_left(sts, directory):
    import sqlite3

    (first,) = message_states(sts)
    assert sts("key", "rotate", "--use", "message").status == 0
    assert not [row for row in json.loads(sts("check", "--json").out)["warnings"] if "message key" in row["where"]]
    with contextlib.closing(sqlite3.connect(directory / "sts.db")) as database:
        database.execute("UPDATE signing_key SET created_at = created_at - 31 * 86400 * 1000000")
        database.commit()
    (warning,) = [row for row in json.loads(sts("check", "--json").out)["warnings"] if "message key" in row["where"]]
    assert warning["fix"].endswith(f"wstrust-sts key retire --use message --realm default {first}")
    with contextlib.closing(sqlite3.connect(directory / "sts.db")) as database:
        database.execute("UPDATE signing_key SET wrapped_private_key = x'01' WHERE key_id = ?", [first])
        database.commit()
    (fault,) = faults(sts("check", "--json"))
    assert f"retiring message key {first}" in fault
