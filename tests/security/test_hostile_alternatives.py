"""The policy `vmware`: exactly one alternative, in full, with nothing beside it; and nothing of it anywhere else."""

from collections.abc import Callable

import pytest
from lxml import etree

from tests import messages
from tests.attack import demand_sound
from tests.endorsed import token
from tests.issued import Holder, by_key_identifier
from tests.vmware import (
    ALICE,
    ELSEWHERE,
    MALLORY,
    OVER,
    PATH,
    VmwareSts,
    bearer,
    body,
    by_password,
    by_token,
    holder_of,
    signed,
    use_key,
)
from wstrust_sts import ns

PASSWORD = messages.username_token()


@pytest.fixture
def sts() -> VmwareSts:
    return VmwareSts()


def refused(sts: VmwareSts, message: str, **how) -> tuple[str, str]:
    """The fault's code. Nothing comes of it."""
    before = dict(sts.stores.issued_tokens.rows)
    answer = sts.get(message, **how)
    demand_sound(answer, bare_faults=how.get("path", PATH) == PATH)
    assert answer.status == 500, answer.body
    assert sts.stores.issued_tokens.rows == before
    return answer.fault


def signed_by_nobody(sts: VmwareSts, *parts: str) -> str:
    """A message whose Security header has a Timestamp and these parts."""
    return messages.envelope(body(), messages.security(messages.timestamp(sts.clock.now), *parts), soap="1.1")


def moved(message: str, *, into: str) -> str:
    """The signed Body goes `into` the header, and another Body takes its place."""
    root = etree.fromstring(message)
    header, signed_body = root
    wrapper = etree.SubElement(header, into)
    root.remove(signed_body)
    wrapper.append(signed_body)
    root.append(etree.fromstring(messages.envelope(body(use_key(), key="PublicKey"), soap="1.1"))[1])
    return etree.tostring(root, encoding="unicode")


MIXTURES: dict[str, tuple[str, Callable[[VmwareSts], str]]] = {
    "a password, and her own signature": ("UnsupportedSecurityToken", lambda sts: signed(more=(PASSWORD,))),
    "a password, and a stranger's signature": (
        "UnsupportedSecurityToken",
        lambda sts: signed(MALLORY, more=(PASSWORD,)),
    ),
    "a password, and a certificate that signed nothing": (
        "UnsupportedSecurityToken",
        lambda sts: signed_by_nobody(sts, PASSWORD, token(ALICE.certificate)),
    ),
    "a password, and a bearer token": (
        "UnsupportedSecurityToken",
        lambda sts: signed_by_nobody(sts, PASSWORD, bearer(sts)),
    ),
    "two passwords": ("InvalidSecurity", lambda sts: signed_by_nobody(sts, PASSWORD, PASSWORD)),
    "a bearer token alone": ("UnsupportedSecurityToken", lambda sts: signed_by_nobody(sts, bearer(sts))),
    "a token with a key, and no signature": (
        "UnsupportedSecurityToken",
        lambda sts: signed_by_nobody(sts, holder_of(sts).token),
    ),
    "a bearer token, and a signature that says it is by its key": (
        "InvalidSecurityToken",
        lambda sts: by_token(Holder(bearer(sts), MALLORY)),
    ),
    "a bearer token, and her certificate's signature": ("InvalidSecurity", lambda sts: signed(more=(bearer(sts),))),
    "a token with a key, and the certificate's own signature": (
        "InvalidSecurity",
        lambda sts: signed(more=(holder_of(sts).token,)),
    ),
    "a token with a key, its signature, and a certificate": (
        "UnsupportedSecurityToken",
        lambda sts: with_more(holder_of(sts), token(MALLORY.certificate)),
    ),
    "a token with a key, its signature, and a password": (
        "UnsupportedSecurityToken",
        lambda sts: with_more(holder_of(sts), PASSWORD),
    ),
    "a token with a key, and a stranger's signature": (
        "FailedCheck",
        lambda sts: by_token(holder_of(sts), key=MALLORY),
    ),
    "a token for somebody else": ("InvalidSecurityToken", lambda sts: by_token(holder_of(sts, address=ELSEWHERE))),
    "a token that is named and not shown": (
        "SecurityTokenUnavailable",
        lambda sts: signed(key_info=by_key_identifier(holder_of(sts).id), shown=""),
    ),
    "a stranger's certificate": ("FailedAuthentication", lambda sts: signed(MALLORY)),
    "nothing": ("InvalidSecurity", lambda sts: signed_by_nobody(sts)),
}


def with_more(holder: Holder, part: str) -> str:
    return by_token(holder, more=(holder.token, part))


@pytest.mark.parametrize("name", MIXTURES)
def test_a_mixture_fits_no_alternative(sts, name):
    code, write = MIXTURES[name]
    assert refused(sts, write(sts)) == (ns.WSSE, code)


UNSIGNED: dict[str, tuple[str, Callable[[str], str]]] = {
    "the Body": ("InvalidSecurity", lambda _: signed(over=OVER[:1])),
    "the Timestamp": ("InvalidSecurity", lambda _: signed(over=OVER[1:])),
    "wsa:To": ("InvalidSecurity", lambda _: signed(address="https://sts.example.test/sts/STSService")),
    "what is the Body now": ("InvalidSecurity", lambda good: moved(good, into="{urn:x}Wrapper")),
    "what the Body became": (
        "FailedCheck",
        lambda good: good.replace("/Bearer", "/Other").replace("PublicKey", "Bearer"),
    ),
}


@pytest.mark.parametrize("name", UNSIGNED)
@pytest.mark.parametrize("by", ["certificate", "token"])
def test_a_signature_covers_timestamp_body_and_address(sts, name, by):
    code, spoil = UNSIGNED[name]
    good = signed() if by == "certificate" else by_token(holder_of(sts))
    message = spoil(good)
    assert refused(sts, message) in {(ns.WSSE, code), (ns.WSSE, "InvalidSecurity")}


@pytest.mark.parametrize("named", ["_another", "", "x509"])
def test_use_key_names_the_signature_of_this_message(sts, named):
    assert refused(sts, signed(asked=body(use_key(named), key="PublicKey"))) == (ns.WST13, "InvalidRequest")


def test_use_key_without_a_signature_proves_nothing(sts):
    assert refused(sts, by_password(sts, use_key(), key="PublicKey")) == (ns.WST13, "InvalidRequest")


def test_one_signature_counts_once(sts):
    for message in (signed(), by_token(holder_of(sts))):
        assert sts.get(message).status == 200
        assert refused(sts, message) == (ns.WSSE, "FailedAuthentication")


@pytest.mark.parametrize("method", [ns.RSA_SHA1, ns.RSA_SHA256])
def test_sha_1_is_refused_where_the_algorithms_do_not_name_it(sts, method):
    message = signed(method=method, digest=ns.SHA1)
    assert refused(sts, message) == (ns.WSSE, "UnsupportedAlgorithm")


def test_a_certificate_of_tls_is_no_alternative(sts):
    answer = sts.get(messages.envelope(body(), messages.security(messages.timestamp(sts.clock.now)), soap="1.1"))
    assert answer.fault == (ns.WSSE, "InvalidSecurity")


# -- elsewhere ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("write", [lambda sts: signed(), lambda sts: by_token(holder_of(sts))], ids=["x509", "token"])
def test_another_endpoint_takes_none_of_it(sts, write):
    code = refused(sts, write(sts), path="/trust/13/usernamemixed")
    assert code == (ns.WSSE, "UnsupportedSecurityToken")


def test_another_endpoint_has_no_relying_party_by_default(sts):
    assert refused(sts, by_password(sts), path="/trust/13/usernamemixed") == (ns.WST13, "InvalidScope")


def test_tokens_of_another_endpoint_are_as_they_were(sts):
    assertion = etree.fromstring(sts.issue().assertion)
    assert not assertion.findall(".//{*}Attribute[@FriendlyName]")
    assert assertion.find(".//{*}SubjectConfirmationData").get("NotOnOrAfter")
