"""The policy `vmware`: exactly one alternative, in full, with nothing beside it; and nothing of it anywhere else."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from lxml import etree

from tests import messages
from tests.attack import demand_sound
from tests.endorsed import token
from tests.harness import VMWARE_ENDPOINTS
from tests.issued import Holder, by_key_identifier
from tests.vmware import (
    ALICE,
    ELSEWHERE,
    MALLORY,
    OVER,
    PATH,
    SIGNATURE_ID,
    VmwareSts,
    bearer,
    beside,
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
    "a wrong password, and her own signature": (
        "FailedAuthentication",
        lambda sts: signed(more=(messages.username_token(password="wrong"),)),
    ),
    "a password, and a signature by another key than the certificate's": (
        "FailedCheck",
        lambda sts: signed(MALLORY, shown=token(ALICE.certificate), more=(PASSWORD,)),
    ),
    "two passwords, and a signature": ("InvalidSecurity", lambda sts: signed(more=(PASSWORD, PASSWORD))),
    "a password, a signature, and two certificates": (
        "InvalidSecurity",
        lambda sts: signed(more=(PASSWORD, token(MALLORY.certificate))),
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


@pytest.mark.parametrize(
    "how", [{"over": OVER[:1]}, {"over": OVER[1:]}, {"address": "https://sts.example.test/sts/STSService"}]
)
def test_it_does_so_beside_a_password_too(sts, how):
    assert refused(sts, signed(MALLORY, more=(PASSWORD,), **how)) == (ns.WSSE, "InvalidSecurity")


def test_beside_a_password_use_key_names_the_key_that_signed_and_no_other(sts):
    other = body(f"<t:UseKey>{token(ALICE.certificate, identifier='hers')}</t:UseKey>", key="PublicKey")
    assert refused(sts, signed(MALLORY, other, more=(PASSWORD,))) == (ns.WST13, "InvalidRequest")


@pytest.mark.parametrize(
    "follower",
    [
        f'<t:UseKey xmlns:t="{ns.WST13}" Sig="_another"/>',
        f'<t:UseKey xmlns:t="{ns.WST13}" Sig="{SIGNATURE_ID}"/>' * 2,
        f'<t:UseKey xmlns:t="{ns.WST05}" Sig="{SIGNATURE_ID}"/>',
        f'<t:TokenType xmlns:t="{ns.WST13}">{ns.SAML20}</t:TokenType>',
        body(),
    ],
)
def test_behind_a_request_nothing_stands_but_its_use_key(sts, follower):
    assert refused(sts, signed(asked=body(key="PublicKey") + follower)) == (ns.WST13, "InvalidRequest")


def test_use_key_stands_within_a_request_or_behind_it_and_not_in_both_places(sts):
    twice = body(use_key(), key="PublicKey") + beside()
    assert refused(sts, signed(asked=twice)) == (ns.WST13, "InvalidRequest")


def test_a_use_key_behind_a_request_is_signed_with_it(sts):
    added = signed(asked=body(key="PublicKey")).replace("</s:Body>", f"{beside()}</s:Body>")
    assert refused(sts, added) == (ns.WSSE, "FailedCheck")


def test_without_the_tolerance_a_body_has_one_child(sts):
    sts = VmwareSts(endpoints=(replace(VMWARE_ENDPOINTS[0], tolerances=("no-applies-to",)),))
    assert refused(sts, signed(asked=body(key="PublicKey") + beside())) == (ns.WST13, "InvalidRequest")


@pytest.mark.parametrize("named", ["_another", "", "x509"])
def test_use_key_names_the_signature_of_this_message(sts, named):
    assert refused(sts, signed(asked=body(use_key(named), key="PublicKey"))) == (ns.WST13, "InvalidRequest")


def test_use_key_without_a_signature_proves_nothing(sts):
    assert refused(sts, by_password(sts, use_key(), key="PublicKey")) == (ns.WST13, "InvalidRequest")


def test_one_signature_counts_once(sts):
    for message in (signed(), signed(more=(PASSWORD,)), by_token(holder_of(sts))):
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
