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
CONVERSATIONS = {"secureconversation", "secureconversationmixed"}


def published(policy: str, version: TrustVersion) -> bytes:
    return render_wsdl(Endpoint(path="/sts", version=version, policy=policy), PUBLIC_URL, tuple(Operation))


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("policy", sorted(POLICIES.keys() - CONVERSATIONS))
def test_the_binding_of_every_endpoint_is_told_by_its_wsdl(policy, version):
    expected = "issuedtokenmixed" if policy in ONE_BINDING else policy
    assert expected in BINDINGS
    told = read_wsdl(published(policy, version), url="https://another.example.test/sts")
    assert told == Published(binding=expected, trust=VERSIONS[version], soap="1.2")


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("policy", sorted(CONVERSATIONS))
def test_a_bootstrap_policy_is_not_taken_for_the_endpoint_s(policy, version):
    with pytest.raises(Refusal, match=r"not spoken here: .*SecureConversationToken"):
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
