"""Security context tokens (WS-SecureConversation 1.3 and 2005/02, section 3): the name of a context's key.

Such a token says nothing and is not signed. Who has the key that it names, and for whom, is in the register.
"""

import hashlib

from wstrust_sts.errors import RequestFailed
from wstrust_sts.model import IssuedToken, KeyType, TokenDescriptor, TokenType
from wstrust_sts.ports import Signer
from wstrust_sts.proof_keys import SymmetricProof
from wstrust_sts.wire.contexts import name_context, write_context_token

_UNSIGNED = ""  # no key's id


class SctProvider:
    """Writes SecurityContextTokens of both versions. A `TokenProvider`."""

    token_types = frozenset({TokenType.SCT})

    def issue(self, descriptor: TokenDescriptor, signer: Signer) -> IssuedToken:
        """Raises RequestFailed: a context without its secret; policy should not have let it come to this."""
        if descriptor.key_type is not KeyType.SYMMETRIC or not isinstance(descriptor.proof, SymmetricProof):
            raise RequestFailed("a security context without its secret")
        markup = write_context_token(name_context(descriptor)).encode()
        return IssuedToken(
            descriptor=descriptor, markup=markup, digest=hashlib.sha256(markup).digest(), key_id=_UNSIGNED
        )
