"""What the token client takes from a WSDL: of every endpoint of ours, and of documents that say nothing to it."""

import pytest

from tests.unit.bindings.test_metadata import PUBLIC_URL
from wstrust_sts.bindings.metadata import render_wsdl
from wstrust_sts.cli.bindings import BINDINGS
from wstrust_sts.cli.output import Refusal
from wstrust_sts.cli.published import Published, read_wsdl
from wstrust_sts.model import Endpoint, Operation, TrustVersion
from wstrust_sts.registry import POLICIES

VERSIONS = {TrustVersion.V13: "1.3", TrustVersion.V2005: "2005"}
ONE_BINDING = {"issuedtokenmixedsymmetricbasic256", "issuedtokenmixedasymmetricbasic256"}
BOOTSTRAPPED = {"secureconversation": b"AsymmetricBinding", "secureconversationmixed": b"UsernameToken"}
ALTERNATIVES = {"vmware"}


def published(policy: str, version: TrustVersion) -> bytes:
    return render_wsdl(Endpoint(path="/sts", version=version, policy=policy), PUBLIC_URL, tuple(Operation))


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("policy", sorted(POLICIES.keys() - ALTERNATIVES))
def test_the_binding_of_every_endpoint_is_told_by_its_wsdl(policy, version):
    expected = "issuedtokenmixed" if policy in ONE_BINDING else policy
    assert expected in BINDINGS
    told = read_wsdl(published(policy, version), url="https://another.example.test/sts")
    assert told == Published(binding=expected, trust=VERSIONS[version], soap="1.2")


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(("policy", "bootstrap"), BOOTSTRAPPED.items())
def test_a_bootstrap_policy_that_is_not_spoken_is_not_passed_over(policy, bootstrap, version):
    wsdl = published(policy, version).replace(bootstrap, b"Kerberos")
    with pytest.raises(Refusal, match=r"not spoken here: .*SecureConversationToken.*, after"):
        read_wsdl(wsdl, url="https://another.example.test/sts")


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("policy", sorted(BOOTSTRAPPED))
def test_a_bootstrap_policy_is_not_taken_for_the_endpoint_s(policy, version):
    wsdl = published(policy, version).replace(b"SecureConversationToken", b"Unknown")
    with pytest.raises(Refusal, match="not spoken here"):
        read_wsdl(wsdl, url="https://another.example.test/sts")


@pytest.mark.parametrize("version", VERSIONS)
def test_what_is_asked_for_beside_a_context_is_not_passed_over(version):
    """A password in every message, as well as the context's signature."""
    beside = b"<sp:SignedSupportingTokens><wsp:Policy><sp:UsernameToken/></wsp:Policy></sp:SignedSupportingTokens>"
    wsdl = published("secureconversationmixed", version).replace(b"<sp:Endorsing", beside + b"<sp:Endorsing", 1)
    with pytest.raises(Refusal, match="SecureConversationToken, UsernameToken, after"):
        read_wsdl(wsdl, url="https://another.example.test/sts")


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("policy", sorted(ALTERNATIVES))
def test_of_several_alternatives_none_is_chosen_for_the_caller(policy, version):
    with pytest.raises(Refusal, match="not spoken here"):
        read_wsdl(published(policy, version), url="https://another.example.test/sts")


def test_where_only_soap_11_is_offered_that_is_spoken():
    octets = published("usernamemixed", TrustVersion.V13).replace(b"soap12:address", b"soap12:nothing")
    assert read_wsdl(octets, url="https://sts.example.test/sts").soap == "1.1"


WSDL = published("usernamemixed", TrustVersion.V13)
BAD = {
    "nothing": (b"", "no WSDL"),
    "a page": (b"<html/>", "no WSDL"),
    "an entity": (b'<!DOCTYPE d [<!ENTITY e "x">]>' + WSDL.partition(b"?>")[2], "no WSDL"),
    "another endpoint": (WSDL.replace(b"/sts", b"/other"), "no port at /sts"),
    "no policy": (WSDL.replace(b"PolicyReference", b"Nothing"), "nothing known"),
    "an unknown credential": (WSDL.replace(b"UsernameToken", b"KerberosToken"), "not spoken here: TransportBinding"),
    "a stranger's prefixes": (WSDL.replace(b"securitypolicy/200702", b"securitypolicy/2"), "nothing known"),
}


@pytest.mark.parametrize(("octets", "told"), BAD.values(), ids=BAD)
def test_a_document_that_says_nothing_that_can_be_spoken_is_refused(octets, told):
    with pytest.raises(Refusal, match=told):
        read_wsdl(octets, url="https://sts.example.test/sts")
