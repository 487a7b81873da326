"""Row 8 of the wire contract: the Security header of a request, its UsernameToken and Timestamp."""

import base64
from datetime import timedelta

import pytest

from tests import messages
from tests.conformance.client import Client, assert_sound
from tests.digests import digest_of
from tests.fakes import NOON
from tests.harness import Sts, account, allowing_digests
from tests.messages import instant
from wstrust_sts import ns
from wstrust_sts.bindings.http import Request

TIMESTAMP = messages.timestamp(NOON)
TOKEN = messages.username_token()
OLD = timedelta(hours=1)


def send(client, security: str, *headers: str):
    """An Issue request with exactly this Security header."""
    envelope = messages.envelope(messages.issue(trust=client.trust), *headers, security, soap=client.soap)
    return client.sts.post(envelope, **client.how)


def username_token(*parts: str) -> str:
    return f'<o:UsernameToken xmlns:o="{ns.WSSE}" xmlns:u="{ns.WSU}">{"".join(parts)}</o:UsernameToken>'


def timestamp(created: str | None, expires: str | None = None) -> str:
    begin = "" if created is None else f"<u:Created>{created}</u:Created>"
    end = "" if expires is None else f"<u:Expires>{expires}</u:Expires>"
    return f'<u:Timestamp xmlns:u="{ns.WSU}">{begin}{end}</u:Timestamp>'


def nonce(octets: bytes, *, attributes: str = "") -> str:
    return f"<o:Nonce{attributes}>{base64.b64encode(octets).decode()}</o:Nonce>"


def with_digests(client: Client) -> Client:
    """The same client of an STS where alice's account allows digests."""
    sts = Sts()
    sts.stores.accounts.put(allowing_digests(account("alice"), "clarinet"))
    return Client(sts, client.versions)


USER = "<o:Username>alice</o:Username>"
PASSWORD = "<o:Password>clarinet</o:Password>"
CREATED = f"<u:Created>{instant(NOON)}</u:Created>"


class TestRow8Order:
    def test_row_8_children_of_the_security_header_come_in_any_order(self, client):
        assert send(client, messages.security(TIMESTAMP, TOKEN)).status == 200
        assert send(client, messages.security(TOKEN, TIMESTAMP)).status == 200
        assert send(client, messages.security(username_token(PASSWORD, USER), TIMESTAMP)).status == 200

    def test_row_8_the_security_header_may_stand_behind_the_others_and_need_not_be_mandatory(self, client):
        addressing = messages.addressing(f"{client.trust}/RST/Issue")
        optional = messages.security(TIMESTAMP, TOKEN).replace(' s:mustUnderstand="1"', "")
        assert send(client, optional, addressing).status == 200
        assert send(client, messages.security(TIMESTAMP, TOKEN).replace('="1"', '="true"')).status == 200

    def test_row_8_a_security_header_for_another_role_is_not_read(self, client):
        role = "actor" if client.soap == "1.1" else "role"
        other = messages.security("<x:Anything xmlns:x='urn:x'/>").replace(
            "<o:Security", f'<o:Security s:{role}="urn:x"'
        )
        assert send(client, messages.security(TIMESTAMP, TOKEN), other).status == 200
        assert send(client, "", other).fault == (ns.WSSE, "InvalidSecurity")


class TestRow8UsernameToken:
    @pytest.mark.parametrize(
        "token",
        [
            username_token(USER, PASSWORD),
            username_token(USER, f'<o:Password Type="{ns.PASSWORD_TEXT}">clarinet</o:Password>'),
            username_token(USER, PASSWORD, CREATED),
            username_token(USER, PASSWORD, "<u:Created>2026-11-23T11:58:00Z</u:Created>"),
        ],
        ids=["without Type", "PasswordText", "Created alone", "Created without fraction"],
    )
    def test_row_8_a_text_password_is_read_in_every_form(self, client, token):
        assert send(client, messages.security(TIMESTAMP, token)).status == 200

    def test_row_8_a_nonce_may_come_with_or_without_created_and_encoding_type(self, client):
        encoding = f' EncodingType="{ns.BASE64_BINARY}"'
        kind = str(client.versions).encode()
        for token in (
            username_token(USER, PASSWORD, nonce(b"1" + kind)),
            username_token(USER, PASSWORD, nonce(b"2" + kind, attributes=encoding), CREATED),
            username_token(nonce(b"3" + kind), CREATED, PASSWORD, USER),
        ):
            assert send(client, messages.security(TIMESTAMP, token)).status == 200

    def test_row_8_a_password_digest_of_an_account_without_digest_secret_is_a_failed_authentication(self, client):
        digest = f'<o:Password Type="{ns.PASSWORD_DIGEST}">KvUmnzC7ErgaBs1SEw+me5MxQ3Q=</o:Password>'
        token = username_token(USER, digest, nonce(b"digest" + str(client.versions).encode()), CREATED)
        assert send(client, messages.security(TIMESTAMP, token)).fault == (ns.WSSE, "FailedAuthentication")

    def test_row_8_a_password_digest_of_an_account_that_allows_it_gets_a_token_once(self, client):
        client = with_digests(client)
        octets, created = b"right digest" + str(client.versions).encode(), messages.instant(NOON)
        password = f'<o:Password Type="{ns.PASSWORD_DIGEST}">{digest_of(octets, created, "clarinet")}</o:Password>'
        token = username_token(USER, password, nonce(octets), CREATED)
        assert send(client, messages.security(TIMESTAMP, token)).status == 200
        assert send(client, messages.security(TIMESTAMP, token)).fault == (ns.WSSE, "FailedAuthentication")

    def test_row_8_a_password_digest_without_nonce_or_created_is_a_failed_authentication(self, client):
        client = with_digests(client)
        octets, created = b"half" + str(client.versions).encode(), messages.instant(NOON)
        for parts, digested in (
            ([nonce(octets)], digest_of(octets, "", "clarinet")),
            ([CREATED], digest_of(b"", created, "clarinet")),
            ([], digest_of(b"", "", "clarinet")),
        ):
            password = f'<o:Password Type="{ns.PASSWORD_DIGEST}">{digested}</o:Password>'
            token = username_token(USER, password, *parts)
            assert send(client, messages.security(TIMESTAMP, token)).fault == (ns.WSSE, "FailedAuthentication")

    def test_row_8_white_space_in_user_and_password_is_theirs(self, client):
        for token in (
            messages.username_token(" alice", "clarinet"),
            messages.username_token("alice", "clarinet\n"),
            messages.username_token("Alice", "clarinet"),
        ):
            assert send(client, messages.security(TIMESTAMP, token)).fault == (ns.WSSE, "FailedAuthentication")

    @pytest.mark.parametrize(
        ("token", "code"),
        [
            (username_token(PASSWORD), "InvalidSecurity"),
            (username_token(USER), "FailedAuthentication"),
            (username_token(USER, "<o:Password/>"), "FailedAuthentication"),
            (username_token(USER, USER, PASSWORD), "InvalidSecurity"),
            (username_token(USER, PASSWORD, PASSWORD), "InvalidSecurity"),
            (username_token(USER, '<o:Password Type="urn:x">clarinet</o:Password>'), "UnsupportedSecurityToken"),
            (username_token(USER, PASSWORD, "<o:Salt>AAAA</o:Salt>"), "UnsupportedSecurityToken"),
            (username_token(USER, PASSWORD, "<o:Nonce>not base64!</o:Nonce>"), "InvalidSecurity"),
            (username_token(USER, PASSWORD, nonce(b"n", attributes=' EncodingType="urn:hex"')), "InvalidSecurity"),
            (username_token(USER, PASSWORD, nonce(b"n" * 257)), "InvalidSecurity"),
            (username_token(USER, PASSWORD, "<u:Created>noon</u:Created>"), "InvalidSecurity"),
            (username_token(USER, PASSWORD, f"<u:Created>{instant(NOON, -OLD)}</u:Created>"), "MessageExpired"),
            (username_token(USER, PASSWORD, f"<u:Created>{instant(NOON, OLD)}</u:Created>"), "MessageExpired"),
            (username_token("<o:Username>al<!-- -->ice</o:Username>", PASSWORD), "InvalidSecurity"),
            (username_token(USER, "<o:Password>clar<x xmlns=''/>inet</o:Password>"), "InvalidSecurity"),
            (username_token(USER, "alice", PASSWORD), "InvalidSecurity"),
            (messages.username_token("a" * 600), "InvalidSecurity"),
            (messages.username_token(password="p" * 2000), "InvalidSecurity"),
        ],
        ids=[
            "no user",
            "no password",
            "empty password",
            "two users",
            "two passwords",
            "unknown password type",
            "derived key",
            "nonce not base64",
            "nonce not base64 by type",
            "long nonce",
            "unreadable Created",
            "old Created",
            "future Created",
            "comment in the user",
            "element in the password",
            "text between",
            "long user",
            "long password",
        ],
    )
    def test_row_8_a_token_that_cannot_be_read_or_believed_is_refused(self, client, token, code):
        answer = send(client, messages.security(TIMESTAMP, token))
        assert (answer.status, answer.fault) == (500, (ns.WSSE, code))
        assert_sound(answer, soap=client.soap)

    def test_row_8_a_nonce_is_known_by_its_octets_and_not_by_its_spelling(self, client):
        octets = b"\xfb\xff spelled twice " + str(client.versions).encode()
        plain = base64.b64encode(octets).decode()
        spaced = "\n ".join(plain[i : i + 4] for i in range(0, len(plain), 4))
        tokens = [username_token(USER, PASSWORD, f"<o:Nonce>{text}</o:Nonce>", CREATED) for text in (plain, spaced)]
        assert send(client, messages.security(TIMESTAMP, tokens[0])).status == 200
        for token in tokens:
            assert send(client, messages.security(TIMESTAMP, token)).fault == (ns.WSSE, "FailedAuthentication")

    def test_row_8_the_same_message_without_a_nonce_may_be_repeated(self, client):
        """Some clients repeat a request that got HTTP 500."""
        security = messages.security(TIMESTAMP, TOKEN)
        assert [send(client, security).status for _ in range(2)] == [200, 200]


class TestRow8Timestamp:
    @pytest.mark.parametrize("fraction", ["", ".1", ".12", ".123", ".1234", ".12345", ".123456", ".1234567"])
    def test_row_8_times_have_0_to_7_fraction_digits(self, client, fraction):
        stamp = timestamp(f"2026-11-23T11:59:59{fraction}Z", f"2026-11-23T12:04:59{fraction}Z")
        assert send(client, messages.security(stamp, TOKEN)).status == 200

    @pytest.mark.parametrize(
        ("created", "expires"),
        [
            ("2026-11-23T12:00:00Z", None),
            ("2026-11-23T14:00:00+02:00", "2026-11-23T14:05:00+02:00"),
            ("2026-11-23T12:00:00", "2026-11-23T12:05:00"),
            ("\n 2026-11-23T12:00:00Z ", "\t2026-11-23T12:05:00Z"),
            ("2026-11-23T12:04:59Z", "2026-11-23T12:09:59Z"),
            ("2026-11-23T11:50:01Z", "2026-11-23T11:55:01Z"),
            ("2026-11-23T12:00:00Z", "2026-11-24T12:00:00Z"),
        ],
        ids=["no Expires", "offset", "no zone", "white space", "4:59 early", "expired 4:59 ago", "long"],
    )
    def test_row_8_clocks_may_differ_by_five_minutes(self, client, created, expires):
        assert send(client, messages.security(timestamp(created, expires), TOKEN)).status == 200

    @pytest.mark.parametrize(
        ("stamps", "code"),
        [
            ("", "InvalidSecurity"),
            (TIMESTAMP * 2, "InvalidSecurity"),
            (timestamp(None), "InvalidSecurity"),
            (timestamp(None, instant(NOON, OLD)), "InvalidSecurity"),
            (timestamp("noon"), "InvalidSecurity"),
            (timestamp("2026-11-23T12:00:00.12345678Z"), "InvalidSecurity"),
            (timestamp(instant(NOON), "2026-11-23T11:59:00Z"), "InvalidSecurity"),
            (timestamp(instant(NOON) + "<!-- -->"), "InvalidSecurity"),
            (timestamp(f"{instant(NOON)}</u:Created><u:Created>{instant(NOON)}"), "InvalidSecurity"),
            (timestamp(instant(NOON)).replace("</u:Timestamp>", "<x/></u:Timestamp>"), "InvalidSecurity"),
            (timestamp("2026-11-23T11:44:59Z"), "MessageExpired"),
            (timestamp("2026-11-23T11:50:00Z", "2026-11-23T11:55:00Z"), "MessageExpired"),
            (timestamp("2026-11-23T11:00:00Z", "2026-11-23T13:00:00Z"), "MessageExpired"),
            (timestamp("2026-11-23T12:05:01Z", "2026-11-23T12:10:01Z"), "MessageExpired"),
        ],
        ids=[
            "missing",
            "doubled",
            "empty",
            "no Created",
            "unreadable",
            "8 fraction digits",
            "ends before it begins",
            "comment",
            "two Created",
            "something else inside",
            "too old",
            "expired",
            "too old though not expired",
            "in the future",
        ],
    )
    def test_row_8_a_timestamp_that_proves_no_freshness_is_refused(self, client, stamps, code):
        answer = send(client, messages.security(stamps, TOKEN))
        assert (answer.status, answer.fault) == (500, (ns.WSSE, code))
        assert_sound(answer, soap=client.soap)

    def test_row_8_only_a_tolerant_endpoint_does_without_a_timestamp(self, sts):
        envelope = messages.envelope(messages.issue(), messages.security(TOKEN))
        assert sts.post(envelope, path="/gsoap").status == 200
        assert sts.post(envelope).fault == (ns.WSSE, "InvalidSecurity")

    def test_row_8_a_tolerant_endpoint_still_refuses_a_bad_timestamp(self, sts):
        for stamps, code in ((TIMESTAMP * 2, "InvalidSecurity"), (timestamp(instant(NOON, -OLD)), "MessageExpired")):
            envelope = messages.envelope(messages.issue(), messages.security(stamps, TOKEN))
            assert sts.post(envelope, path="/gsoap").fault == (ns.WSSE, code)


class TestRow8Header:
    @pytest.mark.parametrize(
        ("parts", "code"),
        [
            ((TIMESTAMP,), "InvalidSecurity"),
            ((TIMESTAMP, TOKEN, TOKEN), "InvalidSecurity"),
            ((TIMESTAMP, TOKEN, "text"), "InvalidSecurity"),
            ((TIMESTAMP, TOKEN, f'<o:BinarySecurityToken xmlns:o="{ns.WSSE}"/>'), "UnsupportedSecurityToken"),
            ((TIMESTAMP, TOKEN, f'<d:Signature xmlns:d="{ns.DS}"/>'), "UnsupportedSecurityToken"),
            ((TIMESTAMP, TOKEN, f'<k:SignatureConfirmation xmlns:k="{ns.WSSE11}"/>'), "UnsupportedSecurityToken"),
            ((TIMESTAMP, f'<e:EncryptedData xmlns:e="{ns.XENC}"/>'), "UnsupportedSecurityToken"),
            ((TIMESTAMP, f'<s2:Assertion xmlns:s2="{ns.SAML20}"/>'), "UnsupportedSecurityToken"),
        ],
    )
    def test_row_8_what_the_endpoint_does_not_ask_for_is_refused_rather_than_passed_over(self, client, parts, code):
        assert send(client, messages.security(*parts)).fault == (ns.WSSE, code)

    def test_row_8_there_is_exactly_one_security_header_for_us(self, client):
        good = messages.security(TIMESTAMP, TOKEN)
        assert send(client, good, good).fault == (ns.WSSE, "InvalidSecurity")
        assert send(client, "").fault == (ns.WSSE, "InvalidSecurity")
        headerless = (
            f'<s:Envelope xmlns:s="{messages.SOAP[client.soap]}"><s:Body>{messages.issue()}</s:Body></s:Envelope>'
        )
        assert client.sts.post(headerless, **client.how).fault == (ns.WSSE, "InvalidSecurity")

    def test_row_8_a_password_counts_only_over_tls(self, client):
        body = messages.envelope(
            messages.issue(trust=client.trust), messages.security(TIMESTAMP, TOKEN), soap=client.soap
        ).encode()
        headers = {"content-type": messages.content_type(client.soap)}
        answer = client.sts.request(
            Request(method="POST", path=client.how["path"], headers=headers, body=body, tls=False)
        )
        assert answer.fault == (ns.WSSE, "InvalidSecurity")


def test_row_8_a_replayed_nonce_is_refused_with_a_fresh_timestamp_and_created():
    sts = Sts()
    for age, status in ((0, 200), (2, 500), (9, 500)):
        sts.clock.now = NOON + timedelta(minutes=age)
        created = f"<u:Created>{instant(sts.clock.now)}</u:Created>"
        token = username_token(USER, PASSWORD, nonce(b"one nonce"), created)
        envelope = messages.envelope(messages.issue(), messages.security(messages.timestamp(sts.clock.now), token))
        assert sts.post(envelope).status == status
