"""The metadata as text, and when it is written anew."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from lxml import etree

from tests.assertions import PROVIDERS, signing_key
from tests.fakes import NOON, REALM, FakeClock, FakeKeyring, FakeRealms
from tests.verifiers import signxml_verify, xmlsec_verify
from wstrust_sts import ns
from wstrust_sts.bindings.federation_metadata import (
    CLAIM_TYPES,
    Description,
    FederationMetadata,
    path_of,
    write_federation_metadata,
)
from wstrust_sts.bindings.http import Request
from wstrust_sts.errors import Busy, OnlyForReading, RequestFailed
from wstrust_sts.model import Endpoint, TokenType, TrustVersion

PATH = path_of("default")
DESCRIPTION = Description(
    issuer=REALM.issuer,
    valid_until=NOON,
    certificates=signing_key().certificates,
    protocols=(ns.WST13, ns.FED),
    token_types=(ns.SAML20,),
    addresses=("https://sts.example.test/trust",),
)
HOSTILE = 'https://sts.example.test/?a="b"&c=<d>\'\r\n\t]]>'


class CountedSigner:
    """Signs with a real key, and counts; before the first signature it waits for `free`."""

    def __init__(self, algorithm: str = "rsa-2048", copy: int = 0) -> None:
        self._signer = signing_key(algorithm, copy=copy)
        self.key_id, self.algorithm = self._signer.key_id, self._signer.algorithm
        self.digest_algorithm, self.certificates = self._signer.digest_algorithm, self._signer.certificates
        self.signatures = 0
        self.free = threading.Event()
        self.free.set()

    def sign(self, octets: bytes) -> bytes:
        self.free.wait(5)
        self.signatures += 1
        return self._signer.sign(octets)


class Served:
    """The face of one realm, over fakes that a test may change."""

    def __init__(self) -> None:
        self.signer = CountedSigner()
        self.clock, self.realms, self.keyring = FakeClock(), FakeRealms(), FakeKeyring()
        self.keyring.signers["default"] = [self.signer]
        self.face = FederationMetadata(
            [Endpoint(path="/trust", version=TrustVersion.V13)],
            public_url="https://sts.example.test/",
            token_types=[TokenType.SAML20],
            realms=self.realms,
            keyring=self.keyring,
            clock=self.clock,
        )

    def get(self, method: str = "GET", **headers: str):
        return self.face.handle(Request(method=method, path=PATH, headers=headers))


# -- the text ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("issuer", [REALM.issuer, HOSTILE, "urn:größe:\U0001f600"])
def test_what_is_written_is_what_is_said_and_its_signature_holds(issuer):
    signer = signing_key()
    described = Description(
        issuer=issuer,
        valid_until=NOON,
        certificates=signer.certificates,
        protocols=(ns.WST13,),
        token_types=(HOSTILE,),
        addresses=(HOSTILE,),
    )
    written = write_federation_metadata(described, signer)
    root = etree.fromstring(written.markup)
    assert root.get("entityID") == issuer
    assert root.get("ID") == written.name
    assert root.find(f".//{{{ns.FED}}}TokenType").get("Uri") == HOSTILE
    assert root.findtext(f".//{{{ns.WSA}}}Address") == HOSTILE
    xmlsec_verify(written.markup, signer.certificates[0])
    signxml_verify(written.markup, signer.certificates[0], "ID")


def test_the_text_is_canonical_but_for_the_one_prefix_that_only_a_value_uses():
    markup = write_federation_metadata(DESCRIPTION, signing_key()).markup
    canonical = etree.tostring(etree.fromstring(markup), method="c14n", exclusive=True, with_comments=False)
    declared = f'<RoleDescriptor xmlns:fed="{ns.FED}"'.encode()
    assert markup.count(declared) == 1
    assert canonical == markup.replace(declared, b"<RoleDescriptor")


def test_what_xml_cannot_carry_is_not_written():
    with pytest.raises(ValueError, match="cannot carry"):
        write_federation_metadata(
            Description(
                issuer="\x00",
                valid_until=NOON,
                certificates=(),
                protocols=(),
                token_types=(),
                addresses=(),
            ),
            signing_key(),
        )


def test_the_name_says_what_is_told_and_by_which_key_not_how_the_signature_came_out():
    one, two = (write_federation_metadata(DESCRIPTION, signing_key("ec-p256")) for _ in range(2))
    assert one.name == two.name
    assert one.markup != two.markup
    assert write_federation_metadata(DESCRIPTION, signing_key()).name != one.name


def test_no_claim_type_has_markup_in_its_names():
    for uri, name in CLAIM_TYPES.items():
        assert not set(uri + name) & set("<>&\"'")


def test_a_realm_has_a_path_of_its_own_whatever_its_name():
    assert path_of("default") == "/FederationMetadata/2007-06/FederationMetadata.xml"
    assert path_of("partners") == "/partners/FederationMetadata/2007-06/FederationMetadata.xml"
    assert path_of("../a b/ü?#").startswith("/..%2Fa%20b%2F%C3%BC%3F%23/Federation")


def test_every_type_of_assertion_has_a_spelling_and_a_security_context_is_not_for_federation():
    served = Served()
    offered = FederationMetadata(
        [Endpoint(path="/trust", version=TrustVersion.V13)],
        public_url="https://sts.example.test",
        token_types=list(TokenType),
        realms=served.realms,
        keyring=served.keyring,
        clock=served.clock,
    ).handle(Request(method="GET", path=PATH))
    assert offered.body.count(b"<fed:TokenType ") == len(PROVIDERS)


# -- when it is written ------------------------------------------------------------------------------------------------


def test_it_is_signed_once_for_as_many_as_ask():
    served = Served()
    bodies = {served.get().body for _ in range(20)}
    assert len(bodies) == 1
    assert served.signer.signatures == 1


def test_many_who_ask_at_once_wait_for_one_signature():
    served = Served()
    served.signer.free.clear()
    with ThreadPoolExecutor(8) as threads:
        asked = [threads.submit(served.get) for _ in range(8)]
        served.signer.free.set()
        assert len({each.result(5).body for each in asked}) == 1
    assert served.signer.signatures == 1


def test_it_is_signed_anew_when_a_key_the_issuer_or_the_day_changes():
    served = Served()
    seen = {served.get().body}
    served.realms.rows["default"] = type(REALM)(name="default", issuer="urn:new")
    seen.add(served.get().body)
    served.clock.advance(timedelta(hours=11))
    assert served.get().body in seen
    served.clock.advance(timedelta(hours=1))
    seen.add(served.get().body)
    served.keyring.signers["default"].append(signing_key("ec-p256"))
    seen.add(served.get().body)
    assert len(seen) == 4
    assert served.signer.signatures == 4


def test_a_rotation_in_the_middle_of_a_request_leaves_no_document_by_the_old_key():
    """The signer is read before the certificates: what is made of two states must not stay."""
    served = Served()
    successor = CountedSigner(copy=1)
    before, after = [served.signer, successor], [successor, served.signer]

    class Rotated(FakeKeyring):
        def certificates(self, realm):
            self.signers["default"] = after
            return super().certificates(realm)

    keyring = Rotated()
    keyring.signers["default"] = before
    face = FederationMetadata(
        [Endpoint(path="/trust", version=TrustVersion.V13)],
        public_url="https://sts.example.test",
        token_types=[TokenType.SAML20],
        realms=served.realms,
        keyring=keyring,
        clock=served.clock,
    )
    first, second = (face.handle(Request(method="GET", path=PATH)) for _ in range(2))
    xmlsec_verify(first.body, served.signer.certificates[0])
    xmlsec_verify(second.body, successor.certificates[0])
    assert first.headers[0] != second.headers[0]


def test_without_a_key_or_a_realm_there_is_no_document():
    served = Served()
    assert served.get().status == 200
    served.keyring.signers.clear()
    with pytest.raises(RequestFailed, match="no active signing key"):
        served.get()
    served.keyring.signers["default"] = [served.signer]
    served.realms.rows.clear()
    with pytest.raises(RequestFailed, match="no realm default"):
        served.get()


def test_with_the_database_away_the_answer_is_busy_and_not_an_old_document():
    class Away(FakeRealms):
        def get(self, name):
            raise Busy("the database is away")

    served = Served()
    face = FederationMetadata(
        [Endpoint(path="/trust", version=TrustVersion.V13)],
        public_url="https://sts.example.test",
        token_types=[],
        realms=Away(),
        keyring=served.keyring,
        clock=served.clock,
    )
    with pytest.raises(Busy):
        face.handle(Request(method="GET", path=PATH))


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "get", ""])
def test_it_can_only_be_read(method):
    served = Served()
    with pytest.raises(OnlyForReading):
        served.get(method)
    assert served.signer.signatures == 0
