from datetime import timedelta

import pytest

from tests.assertions import PROVIDERS, TOKEN_ID, descriptor, issue, signing_key, verification_key
from tests.fakes import NOON, REALM, FakeKeyring
from wstrust_sts import ports
from wstrust_sts.authenticators.saml import SamlAuthenticator
from wstrust_sts.errors import InvalidSecurityToken
from wstrust_sts.model import AuthenticationMethod, Realm
from wstrust_sts.received_tokens import PresentedAssertion, PresentedReference, UnknownToken, UsernamePassword
from wstrust_sts.wire.xml import parse

SKEW = timedelta(minutes=5)


@pytest.fixture
def authenticator() -> ports.Authenticator:
    keyring = FakeKeyring()
    keyring.verifiers[REALM.name] = [verification_key(signing_key())]
    keyring.verifiers["other"] = [verification_key(signing_key(copy=1))]
    return SamlAuthenticator(keyring, SKEW)


def presented(token):
    root = parse(b"<message>" + token.markup + b"</message>")
    return PresentedAssertion(root[0], root)


@pytest.mark.parametrize("token_type", PROVIDERS)
def test_an_assertion_of_ours_is_accepted_and_proved(authenticator, token_type):
    token = issue(descriptor(token_type))
    target = presented(token)
    assert authenticator.accepts(target)
    proved = authenticator.authenticate(target, realm=REALM, now=NOON)
    assert proved.account is None
    assert proved.method is AuthenticationMethod.UNSPECIFIED
    assert proved.instant == NOON
    assert proved.token is not None
    assert proved.token.token_id == TOKEN_ID
    assert proved.token.digest == token.digest


@pytest.mark.parametrize(
    "other", [UsernamePassword("alice", "secret", "text"), PresentedReference(TOKEN_ID), UnknownToken("{urn:x}Token")]
)
def test_no_other_credential_is_accepted(authenticator, other):
    assert not authenticator.accepts(other)
    with pytest.raises(InvalidSecurityToken):
        authenticator.authenticate(other, realm=REALM, now=NOON)


def test_the_skew_is_granted_and_no_more(authenticator):
    target = presented(issue(descriptor()))
    end = NOON + timedelta(hours=1)
    assert authenticator.authenticate(target, realm=REALM, now=end + SKEW - timedelta(seconds=1))
    with pytest.raises(InvalidSecurityToken, match="expired"):
        authenticator.authenticate(target, realm=REALM, now=end + SKEW)


def test_the_keys_of_one_realm_say_nothing_in_another(authenticator):
    other = Realm(name="other", issuer=REALM.issuer)
    with pytest.raises(InvalidSecurityToken, match="not by a known key"):
        authenticator.authenticate(presented(issue(descriptor())), realm=other, now=NOON)


def test_the_issuer_must_be_the_realms(authenticator):
    renamed = Realm(name=REALM.name, issuer="https://elsewhere.example.test/")
    with pytest.raises(InvalidSecurityToken, match="another issuer"):
        authenticator.authenticate(presented(issue(descriptor())), realm=renamed, now=NOON)


def test_the_callers_idea_of_the_root_is_not_trusted(authenticator):
    """Ids are checked over the tree that the element really is in."""
    token = issue(descriptor())
    root = parse(b"<m>" + token.markup + f'<decoy Id="{TOKEN_ID}"/></m>'.encode())
    with pytest.raises(InvalidSecurityToken, match="an id occurs twice"):
        authenticator.authenticate(PresentedAssertion(root[0], root[0]), realm=REALM, now=NOON)
