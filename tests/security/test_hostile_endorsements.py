"""Endorsing signatures that prove nothing: over other parts, by other keys, wrapped, stolen, repeated, ill-chosen."""

import base64
import hashlib
import hmac
from dataclasses import replace

import pytest
from cryptography import x509
from lxml import etree

from tests import certificates as corpus
from tests import messages
from tests.attack import assert_token_of_alice, demand_sound
from tests.cases import dashed, each_of
from tests.endorsed import BY_TOKEN, OVER, TO, Party, by_x509_data, endorse, party, request, to, token
from tests.fakes import NOON
from tests.harness import CERTIFICATE_ENDPOINTS, PASSWORDS, Sts
from wstrust_sts import ns
from wstrust_sts.bindings.http import Request
from wstrust_sts.config import EndpointSection
from wstrust_sts.model import TrustVersion

ALICE, MALLORY = party("alice"), party("mallory")
PASSWORD = messages.username_token()
SIGNED = tuple(row for row in CERTIFICATE_ENDPOINTS if row.policy != "certificatetransport")


@pytest.fixture
def sts() -> Sts:
    sts = Sts(endpoints=CERTIFICATE_ENDPOINTS)
    sts.map_certificate(ALICE.certificate)
    return sts


row = each_of(SIGNED, ids=dashed)


class Attack:
    """Writes requests for one endpoint, with the password where the policy has one."""

    def __init__(self, sts: Sts, row: EndpointSection, soap: str) -> None:
        self.sts = sts
        self.row = row
        self.soap = soap
        self.password = (PASSWORD,) if row.policy.startswith("username") else ()

    def write(self, signer: Party = ALICE, **how) -> str:
        how["more"] = (*how.get("more", ()), *self.password)
        return request(signer, trust=self.row.trust.namespace, soap=self.soap, **how)

    def send(self, message: str):
        answer = self.sts.post(message, path=self.row.path, soap=self.soap)
        demand_sound(answer)
        return answer

    def code(self, message: str) -> str | None:
        answer = self.send(message)
        if answer.status == 200:
            assert_token_of_alice(answer)
        return answer.code


@pytest.fixture
def attack(sts, row, soap) -> Attack:
    return Attack(sts, row, soap)


def test_good_endorsements_get_a_token(attack):
    for message in (
        attack.write(),
        attack.write(address=None),  # no wsa:To: the Timestamp alone
        attack.write(shown="", key_info=by_x509_data(ALICE.certificate)),
        attack.write(over=("u:Timestamp", "a:To", "a:Action", "s:Body")),  # more than the policy asks for
    ):
        assert attack.code(message) is None
    elliptic = party("alice", "ec")
    attack.sts.map_certificate(elliptic.certificate)
    assert attack.code(attack.write(elliptic)) is None


@pytest.mark.parametrize("wsa", [ns.WSA, ns.WSA04])
def test_a_destination_that_is_not_signed_is_refused(attack, wsa):
    unsigned = messages.envelope(
        messages.issue(trust=attack.row.trust.namespace),
        to(wsa=wsa),
        messages.security(messages.timestamp(NOON), *attack.password),
        soap=attack.soap,
    )
    assert attack.code(endorse(unsigned, ALICE, over=("u:Timestamp",))) == "InvalidSecurity"


def test_a_timestamp_that_is_not_signed_or_missing_is_refused(attack):
    assert attack.code(attack.write(over=("a:To",))) == "InvalidSecurity"
    assert attack.code(attack.write(over=("s:Body",))) == "InvalidSecurity"
    without = attack.write()
    start, end = without.index("<u:Timestamp"), without.index("</u:Timestamp>") + len("</u:Timestamp>")
    assert attack.code(without[:start] + without[end:]) == "InvalidSecurity"


def test_what_was_changed_after_it_was_signed_is_refused(attack):
    good = attack.write()
    assert attack.code(good.replace("2026-11-23T12:05:00.000Z", "2026-11-23T12:06:00.000Z", 1)) == "FailedCheck"
    assert attack.code(good.replace(TO, "https://elsewhere.example.test/", 1)) == "FailedCheck"


def test_a_signature_of_another_message_is_refused(attack):
    """Over a Timestamp of its own, which is not the one that counts."""
    stolen, other = (etree.fromstring(attack.write(identifier="_0", now=now)) for now in (NOON, NOON.replace(minute=1)))
    for name in (f"{{{ns.WSSE}}}BinarySecurityToken", f"{{{ns.DS}}}Signature"):
        (mine,), (theirs,) = other.iter(name), stolen.iter(name)
        mine.getparent().replace(mine, theirs)
    assert attack.code(etree.tostring(other, encoding="unicode")) == "FailedCheck"


@pytest.mark.parametrize("where", ["header", "body", "security", "signature"])
def test_the_signed_part_moved_elsewhere_does_not_count(attack, where):
    """Wrapping: the signed Timestamp keeps its id, and a fresh one without signature stands in its place."""
    root = etree.fromstring(attack.write())
    (timestamp,) = root.iter(f"{{{ns.WSU}}}Timestamp")
    security = timestamp.getparent()
    fresh = etree.fromstring(messages.timestamp(NOON).replace('u:Id="_0"', 'u:Id="fresh"'))
    security.replace(timestamp, fresh)
    if where == "header":
        wrapper = etree.SubElement(security.getparent(), "{urn:x}Wrapper")
    elif where == "body":
        (wrapper,) = root.iter(f"{{{attack.row.trust.namespace}}}RequestSecurityToken")
    elif where == "security":
        wrapper = etree.SubElement(security, "{urn:x}Wrapper")
    else:
        (signature,) = root.iter(f"{{{ns.DS}}}Signature")
        wrapper = etree.SubElement(signature, f"{{{ns.DS}}}Object")
    wrapper.append(timestamp)
    assert attack.code(etree.tostring(root, encoding="unicode")) in (
        "InvalidSecurity",
        "FailedCheck",
        "UnsupportedSecurityToken",
        "InvalidRequest",
    )


def test_an_id_that_occurs_twice_is_refused(attack):
    good = attack.write(identifier="_0")
    doubled = good.replace("<t:RequestType>", '<t:RequestType Id="_0">', 1)
    assert doubled != good
    assert attack.code(doubled) == "FailedCheck"


def test_the_destination_wrapped_and_another_one_in_its_place_is_refused(attack):
    root = etree.fromstring(attack.write())
    (address,) = root.iter(f"{{{ns.WSA}}}To")
    header = address.getparent()
    header.replace(address, etree.fromstring(to("https://elsewhere.example.test/")))
    etree.SubElement(header, "{urn:x}Wrapper").append(address)
    assert attack.code(etree.tostring(root, encoding="unicode")) == "InvalidSecurity"


@pytest.mark.parametrize("name", ["To", "Body"])
def test_what_was_signed_for_another_service_is_not_put_where_nobody_reads_it(soap, name):
    """Its operator has the message, and would be alice here: a strict endpoint asks who it was for, if that is told."""
    rows = tuple(replace(row, strict_to=name == "To") for row in CERTIFICATE_ENDPOINTS)
    sts = Sts(endpoints=rows)
    sts.map_certificate(ALICE.certificate)
    attack = Attack(sts, next(row for row in rows if row.policy == "certificatemixed"), soap)
    elsewhere = "https://shop.example.test/"
    root = etree.fromstring(attack.write(address=elsewhere if name == "To" else None, over=(*OVER, "s:Body")))
    if name == "To":
        assert attack.code(etree.tostring(root, encoding="unicode")) == "DestinationUnreachable"
        for header in ("Action", "MessageID"):
            root[0].remove(root[0].find(f"{{{ns.WSA}}}{header}"))
    signed = root[0].find(f"{{{ns.WSA}}}To") if name == "To" else root[1]
    if name == "Body":
        body = etree.fromstring(etree.tostring(signed))
        del body.attrib[f"{{{ns.WSU}}}Id"]
        root.append(body)
    etree.SubElement(root[0], "{urn:x}Wrapper").append(signed)
    assert attack.code(etree.tostring(root, encoding="unicode")) == "InvalidSecurity"


def test_a_second_destination_or_signature_or_token_is_refused(attack):
    root = etree.fromstring(attack.write())
    (address,) = root.iter(f"{{{ns.WSA}}}To")
    address.getparent().append(etree.fromstring(to()))
    assert attack.code(etree.tostring(root, encoding="unicode")) == "InvalidRequest"
    assert attack.code(endorse(attack.write(), MALLORY, shown="")) == "InvalidSecurity"
    assert attack.code(attack.write(shown=token(ALICE.certificate), more=(token(MALLORY.certificate),))) in (
        "InvalidSecurity",
        "FailedCheck",
    )


def test_a_certificate_that_is_nobody_s_gets_nothing(attack):
    assert attack.code(attack.write(MALLORY)) == "FailedAuthentication"


def test_a_certificate_without_its_key_gets_nothing(attack):
    impostor = Party(MALLORY.key, ALICE.certificate)
    assert attack.code(attack.write(impostor)) == "FailedCheck"
    shown = attack.write(MALLORY, shown=token(ALICE.certificate))
    assert attack.code(shown) == "FailedCheck"
    beside = attack.write(MALLORY, shown=token(ALICE.certificate), key_info=by_x509_data(MALLORY.certificate))
    assert attack.code(beside) == "InvalidSecurity"  # a token that signed nothing


def test_a_certificate_that_is_shown_without_a_signature_gets_nothing(attack):
    message = messages.envelope(
        messages.issue(trust=attack.row.trust.namespace),
        messages.security(messages.timestamp(NOON), token(ALICE.certificate), *attack.password),
        soap=attack.soap,
    )
    assert attack.code(message) == "InvalidSecurity"


def test_the_public_key_is_no_secret_to_sign_with(attack):
    """HMAC keyed by what everybody knows."""

    def mac(octets: bytes) -> bytes:
        return hmac.digest(ALICE.certificate, octets, hashlib.sha256)

    assert attack.code(attack.write(method=ns.HMAC_SHA256, sign=mac)) == "UnsupportedAlgorithm"


def test_sha_1_and_short_values_are_refused_by_default(attack):
    assert attack.code(attack.write(method=ns.RSA_SHA1)) == "UnsupportedAlgorithm"
    assert attack.code(attack.write(digest=ns.SHA1)) == "UnsupportedAlgorithm"
    for value in (b"", b"\0", b"\0" * 256, b"\xff" * 256, b"\0" * 10_000):
        assert attack.code(attack.write(sign=lambda _, value=value: value)) in ("FailedCheck", "InvalidSecurity")


def test_a_message_counts_once(attack):
    message = attack.write()
    assert attack.code(message) is None
    assert attack.code(message) == "FailedAuthentication"
    other_body = message.replace(messages.RP, "https://strict.example.test/svc")
    assert attack.code(other_body) == "FailedAuthentication"


def test_another_value_for_the_same_octets_is_a_replay(attack):
    """Of one ECDSA signature anybody makes a second one that verifies: (r, n - s)."""
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551  # of P-256
    elliptic = party("alice", "ec")
    attack.sts.map_certificate(elliptic.certificate)
    made = []

    def twin(octets: bytes) -> bytes:
        value = elliptic.sign(octets, ns.ECDSA_SHA256)
        made.append((value, value[:32] + (order - int.from_bytes(value[32:])).to_bytes(32)))
        return value

    message = attack.write(elliptic, sign=twin)
    ((value, other),) = made
    changed = message.replace(base64.b64encode(value).decode(), base64.b64encode(other).decode())
    assert changed != message
    assert attack.code(message) is None
    assert attack.code(changed) == "FailedAuthentication"
    fresh = attack.write(elliptic, sign=twin)
    value, other = made[1]
    assert attack.code(fresh.replace(base64.b64encode(value).decode(), base64.b64encode(other).decode())) is None


def test_nobody_tries_passwords_without_the_certificate(sts, soap):
    attack = Attack(sts, SIGNED[1], soap)
    for password in ("clarinet", "wrong"):
        attack.password = (messages.username_token("alice", password),)
        assert attack.code(attack.write(MALLORY)) == "FailedAuthentication"
        assert attack.code(attack.write(Party(MALLORY.key, ALICE.certificate))) == "FailedCheck"


def test_equal_signatures_count_each_where_the_endpoint_tolerates_them(soap):
    """WCF signs the same octets again within one tick of its clock."""
    row = replace(SIGNED[0], tolerances=("repeated-signature",))
    attack = Attack(Sts(endpoints=(row,)), row, soap)
    attack.sts.map_certificate(ALICE.certificate)
    for _ in range(2):
        assert attack.code(attack.write(identifier="_0")) is None


def test_what_one_endpoint_accepted_is_a_replay_at_every_other_whatever_that_tolerates(soap):
    strict = SIGNED[0]
    tolerant = [
        replace(strict, path=path, tolerances=("repeated-signature",)) for path in ("/trust/13/one", "/trust/13/other")
    ]
    attacks = [Attack(Sts(endpoints=(strict, *tolerant)), strict, soap)]
    attacks[0].sts.map_certificate(ALICE.certificate)
    attacks += [Attack(attacks[0].sts, row, soap) for row in tolerant]
    for first in attacks:
        message = first.write()
        assert first.code(message) is None
        for other in attacks:
            expected = None if other is first and other.row.tolerances else "FailedAuthentication"
            assert other.code(message) == expected, (first.row.path, other.row.path)


def test_an_old_or_future_message_is_refused(attack):
    for minute in (hour_off(-1), hour_off(1)):
        assert attack.code(attack.write(now=minute)) == "MessageExpired"


def hour_off(hours: int):
    return NOON.replace(hour=NOON.hour + hours)


def test_what_the_policy_does_not_have_is_refused(sts, soap):
    """A password where none is asked for, none where one is, and tokens of other kinds."""
    one, both = Attack(sts, SIGNED[0], soap), Attack(sts, SIGNED[1], soap)
    assert (one.row.policy, both.row.policy) == ("certificatemixed", "usernamecertificatemixed")
    one.password = (PASSWORD,)
    assert one.code(one.write()) == "UnsupportedSecurityToken"
    both.password = ()
    assert both.code(both.write()) == "InvalidSecurity"
    alone = messages.envelope(messages.issue(), messages.security(messages.timestamp(NOON), PASSWORD), soap=soap)
    for attack in (one, both):
        assert attack.code(alone) == "InvalidSecurity"


def test_two_proofs_of_two_accounts_are_a_contradiction(sts, soap):
    attack = Attack(sts, SIGNED[1], soap)
    attack.password = (messages.username_token("bob", PASSWORDS["bob"]),)
    assert attack.code(attack.write()) == "InvalidSecurity"
    attack.password = (messages.username_token("alice", "wrong"),)
    assert attack.code(attack.write()) == "FailedAuthentication"
    attack.password = (PASSWORD,)
    assert attack.code(attack.write(MALLORY)) == "FailedAuthentication"


def test_two_proofs_of_one_account_are_both_named_the_stronger_first(sts, soap):
    attack = Attack(sts, SIGNED[1], soap)
    answer = attack.send(attack.write())
    classes = [element.text for element in answer.root.iter(f"{{{ns.SAML20}}}AuthnContextClassRef")]
    assert classes == [ns.SAML20_AC_X509, ns.SAML20_AC_PASSWORD_PROTECTED]
    answer = attack.send(attack.write(body=messages.issue(token_type=ns.SAML11), now=NOON.replace(second=1)))
    statements = answer.root.iter(f"{{{ns.SAML11}}}AuthenticationStatement")
    assert [statement.get("AuthenticationMethod") for statement in statements] == [
        ns.SAML11_AM_X509,
        ns.SAML11_AM_PASSWORD,
    ]


UGLY = {
    "expired": corpus.leaf("alice", kind="rsa-2048", ends=NOON - corpus.DAY / 2),
    "not yet valid": corpus.leaf("alice", kind="rsa-2048", begins=NOON + corpus.DAY / 2),
    "for servers": corpus.leaf("alice", kind="rsa-2048", extensions=corpus.purposes(corpus.SERVER)),
    "not for signatures": corpus.leaf(
        "alice", kind="rsa-2048", extensions=((corpus.usage(key_encipherment=True), True),)
    ),
    "short key": corpus.leaf("alice", kind="rsa-1024"),
    "odd curve": corpus.leaf("alice", kind="ec-k1"),
    "huge": corpus.leaf("alice", kind="rsa-2048") + b"\0" * 20_000,
    "empty": b"",
    "cut": corpus.leaf("alice", kind="rsa-2048")[:-7],
    "a text": b"-----BEGIN CERTIFICATE-----",
    "a name that the library raises something else for": corpus.leaf(
        "alice", kind="rsa-2048", extensions=corpus.alternative(x509.DNSName("odd.test"))
    ).replace(b"\x82\x08odd.test", b"\xa3\x08\x30\x06\x0c\x04test"),  # x400Address
}


@pytest.mark.parametrize("name", UGLY)
def test_a_certificate_that_does_not_suit_gets_nothing_though_it_is_mapped(attack, name):
    certificate = UGLY[name]
    attack.sts.map_certificate(certificate)
    kind = {"short key": "rsa-1024", "odd curve": "ec-k1"}.get(name, "rsa-2048")
    signer = Party(corpus.key("alice", kind), certificate)
    assert attack.code(attack.write(signer)) in ("FailedAuthentication", "InvalidSecurityToken", "InvalidSecurity")


def test_a_token_of_another_kind_is_refused(attack):
    other = token(ALICE.certificate, value_type=ns.X509V3.replace("X509v3", "PKCS7"))
    assert attack.code(attack.write(shown=other)) == "UnsupportedSecurityToken"
    no_path = token(ALICE.certificate, value_type=ns.X509_PKI_PATH)
    assert attack.code(attack.write(shown=no_path)) == "InvalidSecurityToken"
    garbage = token(ALICE.certificate).replace(base64.b64encode(ALICE.certificate).decode(), "!!!!")
    assert attack.code(attack.write(shown=garbage)) == "InvalidSecurity"


def test_an_alien_key_name_leads_nowhere(attack):
    thumbprint = base64.b64encode(hashlib.sha1(ALICE.certificate).digest()).decode()
    named = BY_TOKEN.replace(
        f'<o:Reference URI="#x509" ValueType="{ns.X509V3}"/>',
        f'<o:KeyIdentifier ValueType="{ns.THUMBPRINT_SHA1}">{thumbprint}</o:KeyIdentifier>',
    )
    assert attack.code(attack.write(shown="", key_info=named)) == "SecurityTokenUnavailable"
    assert attack.code(attack.write(shown="")) == "SecurityTokenUnavailable"


def test_without_tls_there_is_nothing_to_endorse():
    server_in_the_open = Sts(endpoints=(EndpointSection(path="/x", trust=TrustVersion.V13, policy="certificatemixed"),))
    server_in_the_open.map_certificate(ALICE.certificate)
    fields = {"content-type": messages.content_type("1.2")}
    plain = Request(method="POST", path="/x", headers=fields, body=request(ALICE).encode(), tls=False)
    assert server_in_the_open.request(plain).code == "InvalidSecurity"
