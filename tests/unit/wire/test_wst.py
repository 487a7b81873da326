"""The RequestSecurityToken, read into the one request model."""

from dataclasses import replace

import pytest
from lxml import etree

from tests import messages
from tests.contexts import CONTEXT, Context
from tests.fakes import NOON
from wstrust_sts import ns
from wstrust_sts.errors import BadRequest, InvalidRequest
from wstrust_sts.model import KeyType, LifetimeWish, Operation, RequestedClaim, TrustVersion
from wstrust_sts.received_tokens import PresentedAssertion, PresentedContext, PresentedReference, UnknownToken
from wstrust_sts.wire.wst import read_rst, read_token

EACH_VERSION = pytest.mark.parametrize("version", TrustVersion, ids=lambda version: version.name)
ASSERTION = f'<saml2:Assertion xmlns:saml2="{ns.SAML20}" ID="_1"/>'


def read(*parts: str, version=TrustVersion.V13, action=None, operation="Issue", attributes=""):
    markup = messages.rst(operation, *parts, trust=version.namespace, attributes=attributes)
    return read_rst(etree.fromstring(markup), version=version, action=action)


def reference(inside: str) -> str:
    return f'<o:SecurityTokenReference xmlns:o="{ns.WSSE}">{inside}</o:SecurityTokenReference>'


def epr(address: str) -> str:
    return f'<a:EndpointReference xmlns:a="{ns.WSA}"><a:Address>{address}</a:Address></a:EndpointReference>'


@EACH_VERSION
def test_every_field_of_a_full_request_has_its_place(version):
    trust = version.namespace
    request = read(
        f"<t:TokenType>{ns.SAML20}</t:TokenType><t:KeyType>{trust}/Bearer</t:KeyType><t:KeySize>256</t:KeySize>",
        messages.applies_to(),
        f'<t:Lifetime xmlns:u="{ns.WSU}"><u:Created>2026-11-23T12:00:00Z</u:Created></t:Lifetime>',
        f'<t:Claims><i:ClaimType xmlns:i="{ns.IDENTITY}" Uri="urn:c"/></t:Claims>',
        f"<t:Participants><t:Primary>{epr('urn:p')}</t:Primary><t:Participant>{epr('urn:q')}</t:Participant>"
        "</t:Participants>",
        f'<t:Issuer><a:Address xmlns:a="{ns.WSA}">urn:issuer</a:Address></t:Issuer>',
        f"<t:SignatureAlgorithm>{ns.RSA_SHA256}</t:SignatureAlgorithm>",
        f"<t:CanonicalizationAlgorithm>{ns.EXC_C14N}</t:CanonicalizationAlgorithm>",
        "<t:EncryptionAlgorithm>urn:e</t:EncryptionAlgorithm>",
        '<t:Renewing Allow="false" OK="true"/>',
        version=version,
        attributes=' Context="urn:context"',
    )
    assert request.version is version
    assert request.operation is Operation.ISSUE
    assert request.context == "urn:context"
    assert request.token_type == ns.SAML20
    assert (request.key_type, request.key_type_uri, request.key_size) == (KeyType.BEARER, f"{trust}/Bearer", 256)
    assert request.applies_to.address == messages.RP
    assert request.lifetime == LifetimeWish(NOON, None)
    assert request.claims == (RequestedClaim("urn:c"),)
    assert request.participants == ("urn:p", "urn:q")
    assert request.issuer == "urn:issuer"
    assert request.signature_algorithm == ns.RSA_SHA256
    assert request.canonicalization_algorithm == ns.EXC_C14N
    assert request.encryption_algorithm == "urn:e"
    assert (request.renewing_allowed, request.renewing_after_expiry) == (False, True)
    assert request.target is None
    assert request.unsupported == ()


@EACH_VERSION
def test_a_bare_request_leaves_everything_open(version):
    request = read(version=version)
    assert request.token_type is request.key_type is request.applies_to is request.lifetime is request.context is None
    assert request.participants == request.claims == request.unsupported == ()
    assert (request.renewing_allowed, request.renewing_after_expiry) == (True, False)


class TestOperation:
    @EACH_VERSION
    @pytest.mark.parametrize("operation", Operation)
    def test_request_type_or_action_is_enough(self, version, operation):
        assert read(version=version, operation=operation.value).operation is operation
        assert read(version=version, operation=operation.value, action=operation).operation is operation
        bare = etree.fromstring(f'<t:RequestSecurityToken xmlns:t="{version.namespace}"/>')
        assert read_rst(bare, version=version, action=operation).operation is operation

    def test_neither_is_an_invalid_request(self):
        with pytest.raises(InvalidRequest):
            read_rst(
                etree.fromstring(f'<t:RequestSecurityToken xmlns:t="{ns.WST13}"/>'),
                version=TrustVersion.V13,
                action=None,
            )

    def test_two_that_disagree_are_an_invalid_request(self):
        with pytest.raises(InvalidRequest):
            read(action=Operation.CANCEL)

    @pytest.mark.parametrize("unknown", ["BatchIssue", "issue", "Issue/", "KET", ""])
    def test_an_unknown_request_type_is_a_bad_request(self, unknown):
        with pytest.raises(BadRequest):
            read(operation=unknown)

    def test_the_request_type_of_the_other_version_is_a_bad_request(self):
        rst = messages.rst("Issue").replace(f"{ns.WST13}/Issue", f"{ns.WST05}/Issue")
        with pytest.raises(BadRequest):
            read_rst(etree.fromstring(rst), version=TrustVersion.V13, action=None)


class TestWhatIsNoRequest:
    @EACH_VERSION
    def test_a_collection_is_a_bad_request(self, version):
        collection = etree.fromstring(f'<t:RequestSecurityTokenCollection xmlns:t="{version.namespace}"/>')
        with pytest.raises(BadRequest):
            read_rst(collection, version=version, action=Operation.ISSUE)

    @pytest.mark.parametrize(
        "markup",
        [
            "<RequestSecurityToken/>",
            f'<t:RequestSecurityToken xmlns:t="{ns.WST05}"/>',
            f'<t:RequestSecurityToken xmlns:t="{ns.WST14}"/>',
            f'<t:RequestSecurityTokenResponse xmlns:t="{ns.WST13}"/>',
        ],
    )
    def test_anything_else_is_an_invalid_request(self, markup):
        with pytest.raises(InvalidRequest):
            read_rst(etree.fromstring(markup), version=TrustVersion.V13, action=Operation.ISSUE)


class TestChildren:
    @pytest.mark.parametrize(
        ("child", "name"),
        [
            ("<t:DelegateTo/>", "DelegateTo"),
            ("<t:Encryption/>", "Encryption"),
            ("<t:ProofEncryption/>", "ProofEncryption"),
            ("<t:BinaryExchange/>", "BinaryExchange"),
            (f'<x:InteractiveChallenge xmlns:x="{ns.WST14}"/>', "InteractiveChallenge"),
            ("<t:AuthenticationType/>", "AuthenticationType"),
            ("<t:Forwardable>1</t:Forwardable>", "Forwardable"),
            (f'<p:Policy xmlns:p="{ns.WSP15}"/>', "Policy"),
            (f'<p:PolicyReference xmlns:p="{ns.WSP04}"/>', "Policy"),
        ],
    )
    @pytest.mark.parametrize("nested", [False, True])
    def test_what_is_understood_and_not_offered_is_listed_for_the_policy(self, child, name, nested):
        request = read(f"<t:SecondaryParameters>{child}</t:SecondaryParameters>" if nested else child)
        assert request.unsupported == (name,)

    def test_several_are_listed_in_one_order(self):
        assert read("<t:ProofEncryption/><t:Encryption/><t:DelegateTo/>").unsupported == (
            "DelegateTo",
            "Encryption",
            "ProofEncryption",
        )

    @pytest.mark.parametrize(
        "child",
        [
            "<t:AllowPostdating/>",
            "<t:ComputedKeyAlgorithm/>",
            "<t:EncryptWith/>",
            f"<t:KeyType>{ns.WST13}/Bearer</t:KeyType><t:Entropy/>",
            "<t:KeyWrapAlgorithm/>",
            "<t:SignWith/>",
            "<t:SignChallenge/>",
            "<t:AdditionalContext/>",
            "<t:Delegatable>false</t:Delegatable>",
            "<t:Delegatable>true</t:Delegatable>",
            "<t:Forwardable>0</t:Forwardable>",
            "<x:Anything xmlns:x='urn:x'><x:Deep/></x:Anything>",
            "<NoNamespace xmlns=''/>",
        ],
    )
    def test_what_has_no_effect_on_a_bearer_token_is_passed_over(self, child):
        assert read(child).unsupported == ()

    @pytest.mark.parametrize(
        "child",
        [
            "<t:Unheard/>",
            "<t:RequestSecurityToken/>",
            "<t:TokenType/><t:TokenType/>",
            f'<t:KeySize>1</t:KeySize><x:KeySize xmlns:x="{ns.WST14}">1</x:KeySize>',
            messages.applies_to() + messages.applies_to(wsp=ns.WSP02),
            f'<x:TokenType xmlns:x="{ns.WST05}"/>',
            "<t:SecondaryParameters/><t:SecondaryParameters/>",
            "<t:SecondaryParameters><t:SecondaryParameters/></t:SecondaryParameters>",
            "<t:SecondaryParameters><t:Unheard/></t:SecondaryParameters>",
            f"<t:OnBehalfOf/><x:ActAs xmlns:x='{ns.WST14}'/>",
            "<t:TokenType><x/></t:TokenType>",
            "<t:TokenType>a<!-- -->b</t:TokenType>",
            f"<t:TokenType>{'x' * 2000}</t:TokenType>",
            "<t:Delegatable/>",
            "<t:Delegatable>perhaps</t:Delegatable>",
            '<t:Renewing Allow="perhaps"/>',
            '<t:Renewing OK=""/>',
            "<t:KeySize>-1</t:KeySize>",
            "<t:KeySize>1.5</t:KeySize>",
            "<t:KeySize>²</t:KeySize>",
            "<t:KeySize>1234567</t:KeySize>",
            "<t:Issuer/>",
            "text",
        ],
    )
    def test_what_is_unheard_of_doubled_or_unreadable_is_an_invalid_request(self, child):
        with pytest.raises(InvalidRequest):
            read(child)

    def test_a_context_is_bounded(self):
        with pytest.raises(InvalidRequest):
            read(attributes=f' Context="{"x" * 2000}"')

    def test_the_requests_own_children_win_over_secondary_parameters_one_by_one(self):
        request = read(
            "<t:SecondaryParameters><t:TokenType>urn:theirs</t:TokenType><t:KeySize>128</t:KeySize>"
            '<t:Renewing Allow="false"/></t:SecondaryParameters>',
            "<t:TokenType>urn:own</t:TokenType>",
        )
        assert (request.token_type, request.key_size, request.renewing_allowed) == ("urn:own", 128, False)


class TestKeyType:
    @EACH_VERSION
    @pytest.mark.parametrize("key_type", KeyType)
    def test_each_has_its_uri_in_each_version(self, version, key_type):
        uri = f"{version.namespace}/{key_type.value}"
        request = read(f"<t:KeyType> {uri} </t:KeyType>", version=version)
        assert (request.key_type, request.key_type_uri) == (key_type, uri)

    @EACH_VERSION
    def test_no_proof_key_is_bearer(self, version):
        assert read(f"<t:KeyType>{ns.NO_PROOF_KEY}</t:KeyType>", version=version).key_type is KeyType.BEARER

    @pytest.mark.parametrize("uri", [f"{ns.WST13}/bearer", "Bearer", f"{ns.WST05}/SymmetricKey", f"{ns.WST13}/"])
    def test_an_unknown_one_is_a_bad_request(self, uri):
        with pytest.raises(BadRequest):
            read(f"<t:KeyType>{uri}</t:KeyType>")

    def test_an_empty_one_is_none(self):
        request = read("<t:KeyType/><t:TokenType> </t:TokenType>")
        assert request.key_type is request.key_type_uri is request.token_type is None


class TestTargets:
    @EACH_VERSION
    @pytest.mark.parametrize("operation", ["Validate", "Cancel", "Renew"])
    def test_each_operation_has_its_target(self, version, operation):
        target = read(
            f"<t:{operation}Target> {ASSERTION} </t:{operation}Target>", version=version, operation=operation
        ).target
        assert isinstance(target, PresentedAssertion)
        assert target.element.get("ID") == "_1"
        assert etree.QName(target.root).localname == "RequestSecurityToken"

    def test_the_root_of_a_target_is_that_of_the_whole_message(self):
        markup = messages.envelope(messages.validate(ASSERTION))
        root = etree.fromstring(markup)
        rst = root.find(f".//{{{ns.WST13}}}RequestSecurityToken")
        assert read_rst(rst, version=TrustVersion.V13, action=None).target.root is root

    def test_validate_may_carry_its_token_without_a_target(self):
        assert isinstance(read(ASSERTION, operation="Validate").target, PresentedAssertion)

    @pytest.mark.parametrize(
        ("operation", "parts"),
        [
            ("Issue", f"<t:ValidateTarget>{ASSERTION}</t:ValidateTarget>"),
            ("Issue", ASSERTION),
            ("Cancel", ASSERTION),
            ("Cancel", f"<t:ValidateTarget>{ASSERTION}</t:ValidateTarget>"),
            ("Validate", f"<t:CancelTarget>{ASSERTION}</t:CancelTarget>"),
            ("Validate", f"<t:ValidateTarget>{ASSERTION}</t:ValidateTarget>{ASSERTION}"),
            ("Validate", f"<t:ValidateTarget>{ASSERTION * 2}</t:ValidateTarget>"),
            ("Validate", "<t:ValidateTarget/>"),
            ("Validate", ASSERTION * 2),
            ("Validate", ASSERTION + reference("")),
            ("Validate", f"<t:ValidateTarget>{reference('')}</t:ValidateTarget>"),
        ],
    )
    def test_any_other_number_or_kind_of_target_is_an_invalid_request(self, operation, parts):
        with pytest.raises(InvalidRequest):
            read(parts, operation=operation)

    def token(self, markup: str):
        element = etree.fromstring(markup)
        return read_token(element, element)

    @pytest.mark.parametrize("value_type", [ns.SAML11_KEY_IDENTIFIER, ns.SAML20_KEY_IDENTIFIER])
    def test_a_key_identifier_names_an_assertion_by_its_id(self, value_type):
        named = f'<o:KeyIdentifier ValueType="{value_type}"> _1 </o:KeyIdentifier>'
        assert self.token(reference(named)) == PresentedReference("_1")

    @pytest.mark.parametrize("uri", ["_1", "#_1"])
    def test_a_direct_reference_does_so_too(self, uri):
        assert self.token(reference(f'<o:Reference URI="{uri}"/>')) == PresentedReference("_1")

    def test_an_embedded_assertion_is_an_assertion(self):
        assert isinstance(self.token(reference(f"<o:Embedded>{ASSERTION}</o:Embedded>")), PresentedAssertion)

    @pytest.mark.parametrize("namespace", [ns.WSC13, ns.WSC05])
    @pytest.mark.parametrize("instance", [None, "urn:uuid:2"])
    def test_a_context_is_named_by_its_token_by_its_reference_and_by_an_embedded_token(self, namespace, instance):
        context = Context(identifier="urn:uuid:1", instance=instance, namespace=namespace)
        embedded = reference(f"<o:Embedded>{context.token()}</o:Embedded>")
        for markup in (context.token(), context.reference(), embedded):
            assert self.token(markup) == PresentedContext("urn:uuid:1", instance)

    @pytest.mark.parametrize(
        "markup",
        [
            Context(identifier="").token(),
            Context(instance="").token(),
            Context(identifier="urn:" + "x" * 253).token(),
            CONTEXT.token(more="<c:Instance>1</c:Instance>" * 2),
            CONTEXT.token(more="<x/>"),
            Context(identifier="urn:" + "x" * 253).reference(),
            Context(instance="x" * 257).reference(),
            replace(CONTEXT, instance="1").reference().replace(" c:", f' xmlns:b="{ns.WSC05}" b:Instance="1" c:'),
        ],
    )
    def test_what_is_no_name_of_one_context_is_an_invalid_request(self, markup):
        with pytest.raises(InvalidRequest):
            self.token(markup)

    @pytest.mark.parametrize("operation", ["Renew", "Cancel"])
    def test_an_action_of_contexts_is_about_a_context(self, operation):
        def read_of_context(target: str, *more: str):
            rst = messages.rst(operation, f"<t:{operation}Target>{target}</t:{operation}Target>", *more)
            return read_rst(etree.fromstring(rst), version=TrustVersion.V13, action=None, of_context=True)

        assert read_of_context(CONTEXT.token()).of_context
        with pytest.raises(InvalidRequest):
            read_of_context(ASSERTION)
        with pytest.raises(InvalidRequest):
            read_of_context(CONTEXT.token(), f"<t:TokenType>{ns.SAML20}</t:TokenType>")

    @pytest.mark.parametrize(
        "markup",
        [
            "<x/>",
            messages.username_token(),
            reference("<o:KeyIdentifier>_1</o:KeyIdentifier>"),
            reference('<o:KeyIdentifier ValueType="urn:x">_1</o:KeyIdentifier>'),
            reference("<o:Embedded><x/></o:Embedded>"),
            reference(f"<o:Embedded>{ASSERTION * 2}</o:Embedded>"),
            reference(f"<o:Embedded>{reference('')}</o:Embedded>"),
            reference("<o:Nonsense/>"),
        ],
    )
    def test_anything_else_is_an_unknown_token(self, markup):
        assert isinstance(self.token(markup), UnknownToken)


class TestLifetimeAndParticipants:
    @pytest.mark.parametrize(
        "inside",
        [
            "<u:Created>x</u:Created>",
            "<u:Created>2026-11-23T12:00:00Z</u:Created>" * 2,
            "<Created>2026-11-23T12:00:00Z</Created>",
            "<u:Nonce/>",
            "now",
        ],
    )
    def test_a_lifetime_that_cannot_be_read_is_an_invalid_request(self, inside):
        with pytest.raises(InvalidRequest):
            read(f'<t:Lifetime xmlns:u="{ns.WSU}">{inside}</t:Lifetime>')

    def test_an_empty_lifetime_is_a_wish_for_nothing(self):
        assert read("<t:Lifetime/>").lifetime == LifetimeWish(None, None)

    @pytest.mark.parametrize("inside", ["<t:Participant/>", "<x/>", f"<t:Primary>{epr('a') * 2}</t:Primary>", "text"])
    def test_participants_that_cannot_be_read_are_an_invalid_request(self, inside):
        with pytest.raises(InvalidRequest):
            read(f"<t:Participants>{inside}</t:Participants>")
