"""Rows 13, 15 and 16 of the wire contract: what a request may ask, and what is refused by its proper code."""

from dataclasses import replace
from datetime import timedelta

import pytest
from lxml import etree

from tests import messages
from tests.conformance.client import PATHS, assert_sound
from tests.fakes import NOON
from tests.harness import RELYING_PARTY, STRICT_PARTY, Sts
from tests.messages import instant
from wstrust_sts import ns
from wstrust_sts.relying_parties import AppliesToRule, LifetimeRule

EMAIL = ns.CLAIM_EMAIL
ORCHESTRA = "http://claims.example.test/orchestra"
DEPARTMENT = "http://claims.example.test/department"
EVERYTHING = [EMAIL, DEPARTMENT, ORCHESTRA, ns.CLAIM_ROLE]
SECOND = "https://second.example.test/svc"


def lifetime(created: timedelta | None, expires: timedelta | None) -> str:
    """A wish, by its distance from noon."""
    begin = "" if created is None else f"<u:Created>{instant(NOON, created)}</u:Created>"
    end = "" if expires is None else f"<u:Expires>{instant(NOON, expires)}</u:Expires>"
    return f'<t:Lifetime xmlns:u="{ns.WSU}">{begin}{end}</t:Lifetime>'


def lifetime_of(client, answer) -> tuple[str, str]:
    found = client.rstr(answer).find(f"{{{client.trust}}}Lifetime")
    return found.findtext(f"{{{ns.WSU}}}Created"), found.findtext(f"{{{ns.WSU}}}Expires")


def minutes(number: float) -> timedelta:
    return timedelta(minutes=number)


def claims(*wishes: str, dialect: str = ns.IDENTITY) -> str:
    return f'<t:Claims Dialect="{dialect}">{"".join(wishes)}</t:Claims>'


def identity(uri: str, *, optional: str | None = None, inside: str = "") -> str:
    written = "" if optional is None else f' Optional="{optional}"'
    return f'<i:ClaimType xmlns:i="{ns.IDENTITY}" Uri="{uri}"{written}>{inside}</i:ClaimType>'


def attributes_of(answer) -> dict[str, list[str]]:
    """What a SAML 2.0 assertion states."""
    return {
        attribute.get("Name"): [value.text for value in attribute]
        for attribute in etree.fromstring(answer.assertion).iter(f"{{{ns.SAML20}}}Attribute")
    }


def reference(address: str) -> str:
    return f'<a:EndpointReference xmlns:a="{ns.WSA}"><a:Address>{address}</a:Address></a:EndpointReference>'


class TestRow13AppliesTo:
    def test_row_13_without_applies_to_there_is_no_token(self, client):
        answer = client.ask(client.rst("Issue", f"<t:TokenType>{ns.SAML20}</t:TokenType>"))
        assert answer.fault == (client.trust, "InvalidScope")

    def test_row_13_an_endpoint_may_have_a_relying_party_for_requests_without_applies_to(self, sts):
        answer = sts.ask(messages.rst("Issue"), path="/no-applies-to")
        assert answer.status == 200
        assert answer.find(f".//{{{ns.SAML20}}}Audience").text == messages.RP
        assert answer.find(".//t:RequestSecurityTokenResponse/p:AppliesTo") is None

    def test_row_13_that_endpoint_still_refuses_an_unregistered_applies_to(self, sts):
        answer = sts.issue(path="/no-applies-to", address="https://nobody.example.test/")
        assert answer.code == "InvalidScope"

    @pytest.mark.parametrize(
        "address",
        [
            "https://nobody.example.test/svc",
            "https://rp.example.test/",
            "https://rp.example.test/svc/below",
            "https://rp.example.test/SVC",
            "http://rp.example.test/svc",
            "https://rp.example.test:8443/svc",
            "https://user@rp.example.test/svc",
            "https://rp.example.test/%73vc",
            "https://rp.example.test/x/../svc",
            "urn:x",
        ],
    )
    def test_row_13_an_address_that_is_not_exactly_registered_gets_no_token(self, client, address):
        answer = client.issue(address=address)
        assert (answer.status, answer.fault) == (500, (client.trust, "InvalidScope"))
        assert_sound(answer, soap=client.soap)

    def test_row_13_scheme_host_and_default_port_are_compared_as_urls_are(self, client):
        answer = client.issue(address="HTTPS://RP.example.test:443/svc")
        assert answer.status == 200
        assert etree.fromstring(answer.assertion).findtext(f".//{{{ns.SAML20}}}Audience") == messages.RP

    def test_row_13_a_disabled_relying_party_gets_no_token(self, client):
        sts = Sts(relying_parties=(replace(RELYING_PARTY, enabled=False),))
        assert replace(client, sts=sts).issue().fault == (client.trust, "InvalidScope")

    @pytest.mark.parametrize(
        "inside",
        [
            "",
            messages.RP,
            reference(messages.RP) * 2,
            f'<a:EndpointReference xmlns:a="{ns.WSA}"/>',
            f'<a:EndpointReference xmlns:a="{ns.WSA}"><a:Address> </a:Address></a:EndpointReference>',
            f'<a:EndpointReference xmlns:a="{ns.WSA}">{messages.RP}</a:EndpointReference>',
            f'<a:Address xmlns:a="{ns.WSA}">{messages.RP}</a:Address>',
            f'<p:URI xmlns:p="{ns.WSP04}">{messages.RP}</p:URI>',
            f'<x:EndpointReference xmlns:x="urn:x"><x:Address>{messages.RP}</x:Address></x:EndpointReference>',
        ],
    )
    def test_row_13_an_applies_to_that_cannot_be_read_is_refused(self, client, inside):
        answer = client.ask(client.rst("Issue", f'<p:AppliesTo xmlns:p="{ns.WSP04}">{inside}</p:AppliesTo>'))
        assert answer.fault == (client.trust, "InvalidRequest")

    def test_row_13_two_applies_to_in_different_versions_are_one_too_many(self, client):
        answer = client.issue(messages.applies_to(wsp=ns.WSP15))
        assert answer.fault == (client.trust, "InvalidRequest")


class TestRow13Context:
    @pytest.mark.parametrize("context", ["urn:uuid:1", "", "a&#10;b &lt;&amp;&quot;&#x9;é漢"])
    def test_row_13_the_context_is_echoed_octet_by_octet(self, client, context):
        sent = etree.fromstring(f'<a Context="{context}"/>').get("Context")
        for body in (
            messages.issue(trust=client.trust, attributes=f' Context="{context}"'),
            messages.validate(client.token(), trust=client.trust).replace(
                " xmlns:t", f' Context="{context}" xmlns:t', 1
            ),
            messages.cancel(client.token(), trust=client.trust).replace(" xmlns:t", f' Context="{context}" xmlns:t', 1),
        ):
            answer = client.ask(body)
            assert answer.status == 200
            assert client.rstr(answer).get("Context") == sent

    def test_row_13_without_a_context_there_is_none(self, client):
        assert client.rstr(client.issue()).get("Context") is None


class TestRow13Lifetime:
    @pytest.mark.parametrize(
        ("wish", "granted"),
        [
            ("", 60),
            (lifetime(None, None), 60),
            (lifetime(minutes(0), None), 60),
            (lifetime(minutes(-3), None), 60),
            (lifetime(minutes(0), minutes(7)), 7),
            (lifetime(None, minutes(7)), 7),
            (lifetime(minutes(-30), minutes(7)), 7),
            (lifetime(minutes(4), minutes(64)), 64),
            (lifetime(minutes(0), minutes(480)), 480),
            (lifetime(minutes(0), minutes(481)), 480),
            (lifetime(minutes(0), timedelta(days=36500)), 480),
        ],
        ids=[
            "none",
            "empty",
            "Created",
            "Created earlier",
            "7",
            "7 by Expires",
            "begun",
            "4-64",
            "8 h",
            "over",
            "huge",
        ],
    )
    def test_row_13_a_wish_is_granted_inside_the_relying_partys_rule(self, client, wish, granted):
        answer = client.issue(wish)
        assert lifetime_of(client, answer) == (instant(NOON), instant(NOON, minutes(granted)))
        conditions = etree.fromstring(answer.assertion).find(f"{{{ns.SAML20}}}Conditions")
        assert (conditions.get("NotBefore"), conditions.get("NotOnOrAfter")) == lifetime_of(client, answer)

    @pytest.mark.parametrize(
        "wish",
        [
            lifetime(minutes(-60), minutes(-1)),
            lifetime(None, minutes(0)),
            lifetime(minutes(10), minutes(5)),
            lifetime(minutes(2), minutes(2)),
            lifetime(minutes(60), minutes(120)),
            lifetime(minutes(60), None),
            lifetime(timedelta(days=900), timedelta(days=901)),
        ],
        ids=["over", "ends now", "negative", "empty", "postdated", "postdated without end", "far away"],
    )
    def test_row_13_a_lifetime_that_cannot_be_is_an_invalid_time_range(self, client, wish):
        assert client.issue(wish).fault == (client.trust, "InvalidTimeRange")

    def test_row_13_a_wish_over_the_maximum_is_refused_where_the_rule_says_so(self, client):
        address = "https://strict.example.test/svc"
        assert client.issue(lifetime(minutes(0), minutes(11)), address=address).fault == (
            client.trust,
            "InvalidTimeRange",
        )
        answer = client.issue(lifetime(minutes(0), minutes(10)), address=address)
        assert lifetime_of(client, answer)[1] == instant(NOON, minutes(10))
        assert lifetime_of(client, client.issue(address=address))[1] == instant(NOON, minutes(5))

    @pytest.mark.parametrize(
        "inside",
        [
            "<u:Expires>tomorrow</u:Expires>",
            "<u:Expires>2026-11-23</u:Expires>",
            "<u:Expires>2026-13-23T12:00:00Z</u:Expires>",
            "<u:Expires>99999-01-01T00:00:00Z</u:Expires>",
            "<u:Expires>9999-12-31T23:59:59-14:00</u:Expires>",
            "<u:Expires/>",
            "<u:Expires>2026-11-23T12:30:00Z</u:Expires><u:Expires>2026-11-23T12:31:00Z</u:Expires>",
            "<u:Until>2026-11-23T12:30:00Z</u:Until>",
            "30 minutes",
        ],
    )
    def test_row_13_a_lifetime_that_cannot_be_read_is_an_invalid_request(self, client, inside):
        answer = client.issue(f'<t:Lifetime xmlns:u="{ns.WSU}">{inside}</t:Lifetime>')
        assert answer.fault == (client.trust, "InvalidRequest")

    @pytest.mark.parametrize("end", ["9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z"])
    def test_row_13_the_ends_of_the_calendar_do_no_harm(self, client, end):
        answer = client.issue(f'<t:Lifetime><u:Expires xmlns:u="{ns.WSU}">{end}</u:Expires></t:Lifetime>')
        assert answer.code in (None, "InvalidTimeRange")
        assert_sound(answer, soap=client.soap)

    @pytest.mark.parametrize(
        "written",
        ["2026-11-23T12:30:00Z", "2026-11-23T12:30:00.0000000Z", "2026-11-23T14:30:00.0+02:00", "2026-11-23T12:30:00"],
    )
    def test_row_13_a_lifetime_is_read_in_every_form_of_a_time(self, client, written):
        answer = client.issue(f'<t:Lifetime><u:Expires xmlns:u="{ns.WSU}">{written}</u:Expires></t:Lifetime>')
        assert lifetime_of(client, answer)[1] == "2026-11-23T12:30:00.000Z"


class TestRow13Participants:
    PARTIES = (
        RELYING_PARTY,
        replace(
            STRICT_PARTY,
            id="second",
            name="second",
            applies_to=(AppliesToRule(address=SECOND),),
            audiences=("urn:second",),
            lifetime=LifetimeRule(),
        ),
    )

    @pytest.fixture
    def client(self, client):
        return replace(client, sts=Sts(relying_parties=self.PARTIES))

    def test_row_13_participants_are_audiences_of_one_restriction(self, client):
        answer = client.issue(
            f"<t:Participants><t:Primary>{reference(messages.RP)}</t:Primary>"
            f"<t:Participant>{reference(SECOND)}</t:Participant></t:Participants>"
        )
        (restriction,) = etree.fromstring(answer.assertion).iter(f"{{{ns.SAML20}}}AudienceRestriction")
        assert [audience.text for audience in restriction] == [messages.RP, "urn:second"]

    def test_row_13_a_token_for_several_says_only_what_each_of_them_may_be_told(self, client):
        answer = client.issue(f"<t:Participants><t:Participant>{reference(SECOND)}</t:Participant></t:Participants>")
        assert attributes_of(answer) == {EMAIL: ["alice@example.test"]}

    def test_row_13_an_unregistered_participant_is_refused(self, client):
        answer = client.issue(
            f"<t:Participants><t:Participant>{reference('https://nobody.example.test/')}</t:Participant></t:Participants>"
        )
        assert answer.fault == (client.trust, "InvalidScope")

    @pytest.mark.parametrize("inside", ["<t:Participant/>", "<t:Nobody/>", f"<t:Primary>{messages.RP}</t:Primary>"])
    def test_row_13_participants_that_cannot_be_read_are_refused(self, client, inside):
        assert client.issue(f"<t:Participants>{inside}</t:Participants>").fault == (client.trust, "InvalidRequest")


class TestRow13Others:
    @pytest.mark.parametrize(
        "wish",
        [
            "<t:Renewing/>",
            '<t:Renewing Allow="false"/>',
            '<t:Renewing Allow="true" OK="false"/>',
            "<t:AllowPostdating/>",
            "<t:ComputedKeyAlgorithm>{trust}/CK/PSHA1</t:ComputedKeyAlgorithm>",
            f"<t:KeyWrapAlgorithm>{ns.XENC}rsa-oaep-mgf1p</t:KeyWrapAlgorithm>",
            f"<t:CanonicalizationAlgorithm>{ns.EXC_C14N}</t:CanonicalizationAlgorithm>",
            f"<t:EncryptionAlgorithm>{ns.XENC}aes256-cbc</t:EncryptionAlgorithm>",
            f"<t:EncryptionAlgorithm>{ns.XENC11}aes256-gcm</t:EncryptionAlgorithm>",
            f"<t:SignatureAlgorithm>{ns.RSA_SHA256}</t:SignatureAlgorithm>",
            f"<t:SignWith>{ns.DS}hmac-sha1</t:SignWith>",
            f"<t:EncryptWith>{ns.XENC}aes256-cbc</t:EncryptWith>",
            "<t:Delegatable>false</t:Delegatable><t:Forwardable>0</t:Forwardable>",
            "<t:Delegatable>true</t:Delegatable>",
            f'<t:Issuer><a:Address xmlns:a="{ns.WSA}">https://sts.example.test/trust</a:Address></t:Issuer>',
            f'<t:AdditionalContext xmlns:t="{ns.WST14}"/>',
            '<x:Extension xmlns:x="urn:x">of somebody else</x:Extension>',
        ],
    )
    def test_row_13_what_asks_for_nothing_else_than_is_given_is_no_obstacle(self, client, wish):
        assert client.issue(wish.format(trust=client.trust)).status == 200

    @pytest.mark.parametrize(
        "wish",
        [
            f"<t:CanonicalizationAlgorithm>{ns.EXC_C14N}WithComments</t:CanonicalizationAlgorithm>",
            f"<t:EncryptionAlgorithm>{ns.XENC}tripledes-cbc</t:EncryptionAlgorithm>",
            f"<t:SignatureAlgorithm>{ns.DS}rsa-sha1</t:SignatureAlgorithm>",
            f"<t:SignatureAlgorithm>{ns.ECDSA_SHA256}</t:SignatureAlgorithm>",
            "<t:Forwardable>1</t:Forwardable>",
            "<t:DelegateTo/>",
            "<t:Encryption/>",
            "<t:ProofEncryption/>",
            f'<t:Issuer><a:Address xmlns:a="{ns.WSA}">https://other.example.test/</a:Address></t:Issuer>',
            f'<p:Policy xmlns:p="{ns.WSP04}"/>',
            f'<p:PolicyReference xmlns:p="{ns.WSP15}" URI="#x"/>',
            f'<t:InteractiveChallenge xmlns:t="{ns.WST14}"/>',
            "<t:BinaryExchange/>",
            '<t:UseKey Sig="#sig"/>',
        ],
    )
    def test_row_13_what_is_known_and_not_offered_is_refused_and_never_replaced(self, client, wish):
        assert client.issue(wish).fault == (client.trust, "BadRequest")

    @pytest.mark.parametrize(
        "wish",
        [
            "<t:Nonsense/>",
            "<t:Delegatable>perhaps</t:Delegatable>",
            '<t:Renewing Allow="perhaps"/>',
            "<t:KeyType/><t:KeyType/>",
            f"<t:TokenType>{ns.SAML20}</t:TokenType>",
            "text",
        ],
    )
    def test_row_13_what_cannot_be_read_or_is_doubled_is_an_invalid_request(self, client, wish):
        assert client.issue(wish).fault == (client.trust, "InvalidRequest")

    def test_row_13_renewing_is_recorded_as_asked(self, sts):
        for written, allowed in (("", True), ("<t:Renewing/>", True), ('<t:Renewing Allow="false"/>', False)):
            identifier = etree.fromstring(sts.issue(written).assertion).get("ID")
            assert sts.stores.issued_tokens.find("default", identifier).renewing_allowed is allowed


class TestRow15:
    def test_row_15_without_claims_all_that_the_rules_release_goes_out(self, client):
        assert list(attributes_of(client.issue())) == EVERYTHING

    def test_row_15_with_claims_only_what_was_asked_for_goes_out(self, client):
        answer = client.issue(claims(identity(ORCHESTRA), identity(EMAIL, optional="true")))
        assert attributes_of(answer) == {EMAIL: ["alice@example.test"], ORCHESTRA: ["philharmonic"]}

    @pytest.mark.parametrize("optional", [None, "false", "0"])
    @pytest.mark.parametrize("uri", ["urn:unknown", ns.CLAIM_SURNAME, "department"])
    def test_row_15_a_mandatory_claim_that_cannot_go_out_refuses_the_whole_request(self, client, uri, optional):
        answer = client.issue(claims(identity(EMAIL), identity(uri, optional=optional)))
        assert answer.fault == (client.trust, "InvalidRequest")

    @pytest.mark.parametrize("optional", ["true", "1", " true "])
    def test_row_15_an_optional_claim_that_cannot_go_out_is_left_out(self, client, optional):
        answer = client.issue(claims(identity(EMAIL), identity("urn:unknown", optional=optional)))
        assert list(attributes_of(answer)) == [EMAIL]

    @pytest.mark.parametrize(
        ("dialect", "wish"),
        [
            (ns.IDENTITY, identity(EMAIL)),
            (ns.AUTHCLAIMS, f'<x:ClaimType xmlns:x="{ns.AUTHORIZATION}" Uri="{EMAIL}" Optional="false"/>'),
            (
                "urn:oasis:names:tc:SAML:2.0:assertion:AttributeStatementType",
                f'<s2:Attribute xmlns:s2="{ns.SAML20}" Name="{EMAIL}"/>',
            ),
        ],
        ids=["identity", "authclaims", "SAML 2.0"],
    )
    def test_row_15_claims_are_read_in_each_dialect(self, client, dialect, wish):
        assert list(attributes_of(client.issue(claims(wish, dialect=dialect)))) == [EMAIL]
        unknown = wish.replace(EMAIL, "urn:unknown")
        assert client.issue(claims(unknown, dialect=dialect)).code == "InvalidRequest"

    @pytest.mark.parametrize(
        "wish",
        [
            f'<i:ClaimValue xmlns:i="{ns.IDENTITY}" Uri="{DEPARTMENT}"><i:Value>brass</i:Value></i:ClaimValue>',
            f'<x:ClaimType xmlns:x="{ns.AUTHORIZATION}" Uri="{DEPARTMENT}"><x:Value>brass</x:Value></x:ClaimType>',
            f'<s2:Attribute xmlns:s2="{ns.SAML20}" Name="{DEPARTMENT}"><s2:AttributeValue>brass</s2:AttributeValue>'
            "</s2:Attribute>",
        ],
        ids=["identity", "authclaims", "SAML 2.0"],
    )
    def test_row_15_a_claim_asked_for_with_a_value_goes_out_with_that_value_or_not_at_all(self, client, wish):
        assert attributes_of(client.issue(claims(wish))) == {DEPARTMENT: ["brass"]}
        assert client.issue(claims(wish.replace("brass", "strings"))).code == "InvalidRequest"

    @pytest.mark.parametrize(
        "wish",
        [
            '<x:ClaimType xmlns:x="urn:x" Uri="urn:y" Optional="true"/>',
            f'<i:ClaimType xmlns:i="{ns.IDENTITY}" Optional="true"/>',
            f'<i:ClaimType xmlns:i="{ns.IDENTITY}" Uri=" " Optional="true"/>',
            identity(EMAIL, optional="perhaps"),
            identity(EMAIL, inside="<x/>"),
            identity(EMAIL, inside="text"),
            "text",
        ],
    )
    def test_row_15_a_claim_that_cannot_be_read_might_be_mandatory_and_is_refused(self, client, wish):
        assert client.issue(claims(wish)).fault == (client.trust, "InvalidRequest")

    def test_row_15_a_refused_request_leaves_no_token_in_the_register(self, client):
        sts = Sts()
        replace(client, sts=sts).issue(claims(identity("urn:unknown")))
        assert sts.stores.issued_tokens.rows == {}


class TestRow16:
    def test_row_16_a_collection_is_refused_and_not_answered_in_part(self, client):
        one = messages.issue(trust=client.trust)
        for requests in (one, one * 2, ""):
            body = (
                f'<t:RequestSecurityTokenCollection xmlns:t="{client.trust}">{requests}'
                "</t:RequestSecurityTokenCollection>"
            )
            assert client.ask(body).fault == (client.trust, "BadRequest")

    @pytest.mark.parametrize("operation", ["BatchIssue", "BatchValidate"])
    def test_row_16_a_batch_request_type_is_refused(self, client, operation):
        assert client.ask(client.rst(operation)).fault == (client.trust, "BadRequest")

    def test_row_16_a_challenge_leg_is_no_request(self, client):
        body = f'<t:RequestSecurityTokenResponse xmlns:t="{client.trust}"/>'
        assert client.ask(body).fault == (client.trust, "InvalidRequest")


def test_row_13_refusals_name_no_detail(client):
    answer = client.issue(claims(identity("urn:secret-claim-type")), path=PATHS[client.trust])
    assert b"secret-claim-type" not in answer.body
