"""A token that a request is about, and its row in the register: neither counts without the other."""

import hmac
from dataclasses import replace
from datetime import timedelta

from wstrust_sts.bookkeeping import Asked
from wstrust_sts.errors import InvalidRequest, InvalidSecurityToken, UnsupportedSecurityToken
from wstrust_sts.identification import Identification
from wstrust_sts.model import TokenType, VerifiedToken
from wstrust_sts.ports import IssuedTokens
from wstrust_sts.received_tokens import PresentedAssertion, PresentedReference, ReceivedToken
from wstrust_sts.records import TokenRecord


class RegisteredTokens:
    """The register, asked about tokens that are presented. Thread-safe."""

    def __init__(self, issued_tokens: IssuedTokens, identification: Identification) -> None:
        self._issued_tokens = issued_tokens
        self._identification = identification

    def of_target(self, asked: Asked, *, overdue: timedelta = timedelta(0)) -> tuple[TokenRecord, VerifiedToken | None]:
        """The register's row of the request's target, whose every octet is the one issued, and what it says.

        A target that is only named by its id says nothing: None, unless it is the credential of the request, too.
        `overdue`: for how long after its end it counts.
        Raises InvalidRequest (no target), InvalidSecurityToken (anything wrong with it).
        """
        target = asked.request.target
        if target is None:
            raise InvalidRequest("no target token")
        if isinstance(target, PresentedReference):
            record = self._issued_tokens.find(asked.realm.name, target.token_id)
            if record is None:
                raise InvalidSecurityToken("an unknown token id")
            if record.token_type == TokenType.SCT.value:
                raise InvalidSecurityToken("a security context, named as a token that says something")
            shown = asked.principal.token
            return record, shown if shown is not None and shown.token_id == record.token_id else None
        if isinstance(target, PresentedAssertion):
            target = replace(target, overdue=overdue)
        return self.shown(target, asked)

    def shown(self, target: ReceivedToken, asked: Asked) -> tuple[TokenRecord, VerifiedToken]:
        """The row of a token that is shown whole, and what it says. Raises InvalidSecurityToken."""
        verified = self._verify(target, asked)
        record = self._issued_tokens.find(asked.realm.name, verified.token_id)
        if record is None:
            raise InvalidSecurityToken("signed by us, but not in the register")
        if not hmac.compare_digest(record.digest, verified.digest):
            raise InvalidSecurityToken("not the token that was issued under this id")
        return record, verified

    def _verify(self, target: ReceivedToken, asked: Asked) -> VerifiedToken:
        try:
            proof = self._identification.authenticate(target, asked.realm, asked.at)
        except UnsupportedSecurityToken as error:
            raise InvalidSecurityToken(error.detail) from None
        if proof.token is None:
            raise InvalidSecurityToken(f"a {type(target).__name__} is not a token of ours")
        return proof.token
