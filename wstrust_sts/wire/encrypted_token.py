"""A token of this STS in the Security header that was encrypted for it: saml2:EncryptedAssertion, or a bare
xenc:EncryptedData (WSS SAML Token Profile 1.1 section 3.3, as WCF and CXF send it), each with its one EncryptedKey.

What comes to light is a token only if a key of the STS's signed it, and that is looked at before anything is read from
it. From the use of the private key until the message's signature is verified there is one fault, whatever is wrong.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from wstrust_sts import ns
from wstrust_sts.errors import FailedCheck, InvalidSecurity, StsError
from wstrust_sts.wire import xenc
from wstrust_sts.wire.opening import meant_by, unwrap
from wstrust_sts.wire.saml import demand_signed, id_of
from wstrust_sts.wire.terms import Terms
from wstrust_sts.wire.xml import Element, children, parse

_ENCRYPTED_ASSERTION = f"{{{ns.SAML20}}}EncryptedAssertion"
ENCRYPTED_TOKENS = frozenset({_ENCRYPTED_ASSERTION, xenc.ENCRYPTED_DATA})


class EncryptedToken:
    """Finds the token of one message that is encrypted. At most one is opened, with one use of a private key."""

    def __init__(self, terms: Terms) -> None:
        self._terms = terms
        self._opened = False

    @contextmanager
    def one_fault(self) -> Iterator[None]:
        """Raises FailedCheck for whatever is raised inside once a private key was used."""
        try:
            yield
        except StsError as refusal:
            if self._opened:
                raise FailedCheck(f"with an encrypted token: {refusal.detail}") from None
            raise

    @staticmethod
    def is_among(parts: Mapping[str, Element]) -> bool:
        return not ENCRYPTED_TOKENS.isdisjoint(parts)

    def take(self, identifier: str, parts: dict[str, Element]) -> Element:
        """The assertion with this id, as a document of its own: what the one encrypted part of `parts` holds, which is
        taken out of them. Inside of `one_fault`.

        Raises InvalidSecurity, UnsupportedAlgorithm, and what `Terms.decrypters` does, before a key is used.
        """
        first, *others = ENCRYPTED_TOKENS & parts.keys()
        if others:
            raise InvalidSecurity("several encrypted tokens")
        assertion = self._open(parts.pop(first))
        demand_signed(assertion, keys=self._terms.own_keys())
        if id_of(assertion) != identifier:
            raise FailedCheck("another token than the one that is named")
        return assertion

    def _open(self, element: Element) -> Element:
        data = xenc.read_encrypted_data(_data_of(element))
        self._terms.algorithms.demand_encryption(data.algorithm)
        keys = [] if data.key_info is None else children(data.key_info)
        if data.content or len(keys) != 1 or keys[0].tag != xenc.ENCRYPTED_KEY:
            raise InvalidSecurity("an encrypted token without exactly one EncryptedKey in it")
        encrypted = xenc.read_encrypted_key(keys[0])
        if encrypted.data:
            raise InvalidSecurity("the EncryptedKey of a token that is for something else, too")
        decrypter = meant_by(encrypted, self._terms.decrypters())
        self._opened = True
        secret = unwrap(encrypted, decrypter).secret
        return parse(xenc.decrypt(data.ciphertext, key=secret, algorithm=data.algorithm))


def _data_of(element: Element) -> Element:
    if element.tag == xenc.ENCRYPTED_DATA:
        return element
    held = children(element)
    if len(held) != 1 or held[0].tag != xenc.ENCRYPTED_DATA:
        raise InvalidSecurity("an EncryptedAssertion that does not hold exactly one EncryptedData")
    return held[0]
