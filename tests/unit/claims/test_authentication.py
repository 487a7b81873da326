import pytest

from tests.fakes import NOON
from wstrust_sts import ns
from wstrust_sts.claims.authentication import AuthenticationClaims
from wstrust_sts.model import Account, AuthenticationMethod, Principal
from wstrust_sts.relying_parties import RelyingParty

PARTY = RelyingParty(id="r1", realm="default", name="shop", applies_to=())
ACCOUNT = Account(id="a1", realm="default", name="alice", version=1)
BASE = "http://schemas.microsoft.com/ws/2008/06/identity/authenticationmethod/"


def told(*methods: AuthenticationMethod) -> dict[str, tuple[str, ...]]:
    subject = Principal(realm="default", account=ACCOUNT, methods=methods, instant=NOON)
    return {claim.type: claim.values for claim in AuthenticationClaims().claims_for(subject, PARTY, ())}


def test_both_claims_say_how_the_subject_proved_itself() -> None:
    values = (f"{BASE}password", f"{BASE}tlsclient")
    assert told(AuthenticationMethod.PASSWORD_OVER_TLS, AuthenticationMethod.TLS_CLIENT) == {
        "http://schemas.microsoft.com/ws/2008/06/identity/claims/authenticationmethod": values,
        "http://schemas.microsoft.com/claims/authnmethodsreferences": values,
    }


def test_one_way_is_told_once() -> None:
    both = told(AuthenticationMethod.PASSWORD, AuthenticationMethod.PASSWORD_DIGEST_OVER_TLS)
    assert set(both.values()) == {(f"{BASE}password",)}


@pytest.mark.parametrize("method", AuthenticationMethod)
def test_every_method_has_a_word_and_only_unspecified_has_that_one(method: AuthenticationMethod) -> None:
    (value,) = told(method)[ns.CLAIM_AUTHENTICATION_REFERENCES]
    assert value.startswith(BASE)
    assert (value == ns.MS_AM_UNSPECIFIED) == (method is AuthenticationMethod.UNSPECIFIED)


def test_no_number_of_methods_is_told_to_be_a_second_factor() -> None:
    values = [value for values in told(*AuthenticationMethod).values() for value in values]
    assert not any("multipleauthn" in value for value in values)
