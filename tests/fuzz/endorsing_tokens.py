"""Targets: messages that a token of this STS endorses, by its secret and by its public key."""

from functools import cache

from tests import messages
from tests.endorsed import party
from tests.fakes import NOON
from tests.fuzz import mutations
from tests.fuzz.target import Target, refusing
from tests.holders import key_info, key_info_of, key_value
from tests.issued import Holder, Secret, by_reference, embedded, request
from tests.terms import over_tls
from wstrust_sts import ns
from wstrust_sts.errors import StsError
from wstrust_sts.received_tokens import EndorsingAssertion
from wstrust_sts.wire.algorithms import BASIC256SHA256
from wstrust_sts.wire.issued_token import read_token_with_public_key, read_token_with_secret
from wstrust_sts.wire.soap import SoapVersion, read_envelope
from wstrust_sts.wire.terms import SecurityReader
from wstrust_sts.wire.xml import parse

_ID = "_token"
_SECRET = b"a-token's-secret-of-32-octets!!!"


def _read(octets: bytes, reader: SecurityReader) -> EndorsingAssertion:
    terms = over_tls(
        algorithms=BASIC256SHA256,
        signer=lambda: None,
        secret_of=lambda token_id: _SECRET if token_id == _ID else None,
    )
    proved = reader(read_envelope(parse(octets), expected=SoapVersion.SOAP12), terms).proved
    assert proved.created == NOON
    (credential,) = proved.credentials
    assert isinstance(credential, EndorsingAssertion)
    return credential


def _by_secret(octets: bytes) -> None:
    """Nobody here can sign: what is accepted is endorsed by the one token, whatever else that says now."""
    credential = _read(octets, read_token_with_secret)
    assert (credential.token_id, credential.key) == (_ID, None)


def _by_public_key(octets: bytes) -> None:
    """The token may be anybody's yet; its key is the one that signed."""
    key = _read(octets, read_token_with_public_key).key
    assert key is not None
    assert key.key_info == key_info_of(_holder().key.certificate)


def _assertion(data: str = "") -> str:
    return (
        f'<saml2:Assertion xmlns:saml2="{ns.SAML20}" ID="{_ID}" Version="2.0"><saml2:Subject>'
        f"<saml2:SubjectConfirmation><saml2:SubjectConfirmationData>{data}</saml2:SubjectConfirmationData>"
        "</saml2:SubjectConfirmation></saml2:Subject></saml2:Assertion>"
    )


@cache
def _holder() -> Holder:
    key = party("holder")
    return Holder(_assertion(key_info(key_value(key.certificate))), key)


@cache
def _secret_messages() -> tuple[bytes, ...]:
    holder = Holder(_assertion(), Secret(_SECRET))
    derived, implied = holder.derived(), holder.implied()
    written = (
        request(holder),
        request(holder, address=None, body=messages.renew(holder.token)),
        request(holder, more=(), name=embedded(holder.token)),
        request(holder, more=(holder.token, derived.markup), name=by_reference("DK"), key=derived.key),
        request(holder, name=implied.markup, key=implied.key),
    )
    return tuple(message.encode() for message in written)


@cache
def _key_messages() -> tuple[bytes, ...]:
    holder = _holder()
    return (request(holder).encode(), request(holder, name=by_reference(_ID)).encode())


ENDORSING_TOKENS = (
    Target(
        name="tokensecret", run=refusing(StsError)(_by_secret), seeds=_secret_messages, mutate=mutations.xml, share=2
    ),
    Target(name="tokenkey", run=refusing(StsError)(_by_public_key), seeds=_key_messages, mutate=mutations.xml, share=1),
)
