"""One address for several kinds of credential: what the Security header holds says which policy it is read by.

Policy `vmware`, the alternatives of vCenter Single Sign-On (WS-Policy 1.5 section 4.3.3). A message is read by exactly
one of them, and has to be all that this one asks for and nothing beside: a mixture fits none and is refused.
"""

from wstrust_sts.wire.issued_token import ASSERTIONS, read_token_whose_public_key_endorses
from wstrust_sts.wire.signature_parts import SIGNATURE
from wstrust_sts.wire.soap import Envelope
from wstrust_sts.wire.terms import SecuredMessage, Terms
from wstrust_sts.wire.transport import (
    read_certificate_that_endorses,
    read_username_over_tls,
    read_username_with_key_of_its_own,
)
from wstrust_sts.wire.wsse import USERNAME_TOKEN, in_security_header, once, security_header


def read_vmware(envelope: Envelope, terms: Terms) -> SecuredMessage:
    """Without a signature a UsernameToken; with one, over Timestamp and Body, the assertion whose public key made it;
    without such an assertion a UsernameToken, for which the signature proves the key that the token is to be bound to;
    without either the certificate whose key signed. A Timestamp in each case.

    Raises as the reader of the alternative does.
    """
    with in_security_header():
        held = once(security_header(envelope.blocks)).keys()
    if SIGNATURE not in held:
        return read_username_over_tls(envelope, terms)
    if held & ASSERTIONS:
        return read_token_whose_public_key_endorses(envelope, terms, body=True)
    if USERNAME_TOKEN in held:
        return read_username_with_key_of_its_own(envelope, terms)
    return read_certificate_that_endorses(envelope, terms, body=True)
