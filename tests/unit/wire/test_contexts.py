"""The name of a security context in a message, and its key among the message's keys."""

from dataclasses import replace

import pytest
from lxml import etree

from tests.contexts import CONTEXT, Context
from tests.fakes import NOON
from tests.protected import Draft, draft, p_sha1, protect
from tests.unit.wire.test_sealing import MESSAGE, NOW, envelope, methods, text
from wstrust_sts import ns
from wstrust_sts.errors import BadContextToken, FailedCheck, InvalidSecurity, SecurityTokenUnavailable, StsError
from wstrust_sts.wire.contexts import ContextSecret, read_context_token
from wstrust_sts.wire.keyinfo import ByContext, ByUri, read_token_reference
from wstrust_sts.wire.opening import DerivedKey
from wstrust_sts.wire.sealing import SymmetricSeal
from wstrust_sts.wire.symmetric import SymmetricMessage, open_symmetric
from wstrust_sts.wire.xml import parse

each_version = pytest.mark.parametrize("namespace", [ns.WSC13, ns.WSC05])


def name_of(context: Context = CONTEXT) -> ByContext:
    return ByContext(context.namespace, context.identifier, context.instance)


class TestTheToken:
    @each_version
    def test_it_names_a_context_and_the_key_of_it_that_is_meant(self, namespace):
        for context in (Context(namespace=namespace), Context(namespace=namespace, instance="urn:uuid:2")):
            assert read_context_token(parse(context.token().encode())) == name_of(context)

    @pytest.mark.parametrize(
        "inside",
        [
            "",
            "<c:Identifier/>",
            "<c:Identifier> </c:Identifier>",
            f"<c:Identifier>{'x' * 257}</c:Identifier>",
            "<c:Identifier>a<x/></c:Identifier>",
            "<c:Identifier>a<!-- -->b</c:Identifier>",
            "<c:Identifier>a</c:Identifier><c:Identifier>a</c:Identifier>",
            "<c:Identifier>a</c:Identifier><c:Identifier>b</c:Identifier>",
            "<c:Identifier>a</c:Identifier><c:Instance/>",
            "<c:Identifier>a</c:Identifier><c:Instance>1</c:Instance><c:Instance>2</c:Instance>",
            "<c:Identifier>a</c:Identifier><x/>",
            "<c:Identifier>a</c:Identifier><c:Cookie>AAAA</c:Cookie>",
            f'<o:Identifier xmlns:o="{ns.WSC05}">a</o:Identifier>',
            "<c:Identifier>a</c:Identifier>text",
        ],
    )
    def test_anything_else_is_invalid_security(self, inside):
        token = f'<c:SecurityContextToken xmlns:c="{ns.WSC13}">{inside}</c:SecurityContextToken>'
        with pytest.raises(InvalidSecurity):
            read_context_token(etree.fromstring(token))


class TestTheReference:
    @each_version
    def test_it_names_the_context_without_its_token(self, namespace):
        for context in (Context(namespace=namespace), Context(namespace=namespace, instance="urn:uuid:2")):
            assert read_token_reference(parse(context.reference().encode())) == name_of(context)

    def test_another_value_type_is_no_context(self):
        reference = CONTEXT.reference().replace(f"{ns.WSC13}/sct", "urn:x")
        assert read_token_reference(parse(reference.encode())) == ByUri(CONTEXT.identifier)

    @pytest.mark.parametrize("uri", ["", "x" * 257])
    def test_what_names_nothing_or_too_much_is_unavailable(self, uri):
        reference = CONTEXT.reference().replace(CONTEXT.identifier, uri)
        with pytest.raises(SecurityTokenUnavailable):
            read_token_reference(parse(reference.encode()))

    @pytest.mark.parametrize("instance", ["", "x" * 257])
    def test_an_instance_that_names_nothing_or_too_much_is_invalid(self, instance):
        reference = replace(CONTEXT, instance="one").reference().replace("one", instance)
        with pytest.raises(InvalidSecurity):
            read_token_reference(parse(reference.encode()))


def known(*contexts: Context):
    """Finds the keys of these contexts."""

    def find(name: ByContext) -> ContextSecret:
        for context in contexts:
            if (context.identifier, context.instance) == (name.identifier, name.instance):
                return ContextSecret(context.secret, name)
        raise BadContextToken

    return find


def opened(octets: bytes, *contexts: Context) -> SymmetricMessage:
    return open_symmetric(envelope(octets), decrypters=(), find_context=known(*(contexts or (CONTEXT,))), **NOW)


def request(**how) -> Draft:
    return draft("secureconversation", "<x>clear text</x>", now=NOON, **how)


class TestOpening:
    @each_version
    @pytest.mark.parametrize("derives", [None, ns.WSC13, ns.WSC05])
    def test_a_context_s_key_opens_and_verifies_by_itself_and_through_derived_keys(self, namespace, derives):
        context = Context(namespace=namespace, instance="urn:uuid:2")
        message = opened(protect(request(context=context, derives=derives)), CONTEXT, context)
        assert text(message) == "clear text"
        key = message.signing_key
        assert isinstance(key, DerivedKey) == (derives is not None)
        base = key.base if isinstance(key, DerivedKey) else key
        assert base == ContextSecret(context.secret, name_of(context))
        message.protected.demand_nothing_else()

    def test_a_context_may_be_named_without_its_token(self):
        outside = request(key_markup="")
        outside.to_base = lambda: CONTEXT.reference()
        assert text(opened(protect(outside))) == "clear text"

    def test_an_implied_derivation_names_it_too(self):
        nonce = "AAAAAAAAAAAAAAAAAAAAAA=="
        implied = request()
        declared = f'xmlns:c="{ns.WSC13}"'
        base = CONTEXT.reference("#EK").replace(declared, f'{declared} c:Nonce="{nonce}" c:Length="32"')
        key = p_sha1(CONTEXT.secret, b"WS-SecureConversation" * 2 + b"\0" * 16, 32)
        implied.key_for = lambda octets, identifier: (key, base)
        assert text(opened(protect(implied))) == "clear text"

    def test_another_context_s_key_opens_nothing(self):
        other = replace(CONTEXT, secret=b"t" * 32)
        with pytest.raises(FailedCheck):
            opened(protect(request()), other)

    def test_a_context_that_is_not_known_is_told_before_anything_is_opened(self):
        def spoil(draft: Draft) -> None:
            for value in draft.root.iter(f"{{{ns.XENC}}}CipherValue"):
                value.text = "AAAA"

        stranger = replace(CONTEXT, identifier="urn:uuid:0")
        for spoilt in (lambda draft: None, spoil):
            with pytest.raises(BadContextToken):
                opened(protect(request(), sealed=spoilt), stranger)

    @pytest.mark.parametrize(
        "markup",
        [
            "",
            CONTEXT.token() * 2,
            CONTEXT.token() + CONTEXT.token(identifier="again"),
            CONTEXT.token() + replace(CONTEXT, identifier="urn:uuid:0").token(identifier="other"),
            CONTEXT.token() + replace(CONTEXT, namespace=ns.WSC05).token(identifier="other"),
        ],
        ids=["none", "one id", "twice", "two", "two versions"],
    )
    def test_a_message_is_about_exactly_one_context(self, markup):
        with pytest.raises(StsError) as refused:
            opened(protect(request(key_markup=markup)))
        assert refused.value.code in ("InvalidSecurity", "FailedCheck")

    def test_a_binding_without_contexts_does_not_look_at_them(self):
        """The token is then one that nobody asked for."""
        with pytest.raises(InvalidSecurity):
            open_symmetric(envelope(protect(request())), decrypters=(), **NOW)


class TestSealing:
    @each_version
    @pytest.mark.parametrize("derivation", [None, ns.WSC13, ns.WSC05])
    @pytest.mark.parametrize("instance", [None, "urn:uuid:2"])
    def test_an_answer_names_the_context_and_does_not_bring_its_token(self, namespace, derivation, instance):
        secret = ContextSecret(CONTEXT.secret, ByContext(namespace, CONTEXT.identifier, instance))
        seal = SymmetricSeal(secret=secret, methods=methods(signature=ns.HMAC_SHA1), derivation=derivation)
        octets = seal.protect(MESSAGE)
        assert b"SecurityContextToken" not in octets
        message = open_symmetric(envelope(octets), decrypters=(), known=(secret,), **NOW)
        assert text(message) == "clear text"
        other = ContextSecret(CONTEXT.secret, ByContext(namespace, CONTEXT.identifier, "another"))
        with pytest.raises(FailedCheck):
            open_symmetric(envelope(octets), decrypters=(), known=(other,), **NOW)

    def test_nothing_of_the_key_is_shown(self):
        assert "octets" not in repr(ContextSecret(CONTEXT.secret, name_of()))
