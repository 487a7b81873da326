"""Claims about how the subject proved itself, in the words of Windows Identity Foundation and AD FS.

The token's own statement of authentication says the same; some relying parties, Microsoft Entra ID among them, read
these attributes instead.
"""

from collections.abc import Iterable, Mapping, Sequence

from wstrust_sts import ns
from wstrust_sts.model import AuthenticationMethod, Claim, Principal, RequestedClaim
from wstrust_sts.relying_parties import RelyingParty

_URIS: Mapping[AuthenticationMethod, str] = {
    AuthenticationMethod.PASSWORD: ns.MS_AM_PASSWORD,
    AuthenticationMethod.PASSWORD_OVER_TLS: ns.MS_AM_PASSWORD,
    AuthenticationMethod.PASSWORD_DIGEST: ns.MS_AM_PASSWORD,
    AuthenticationMethod.PASSWORD_DIGEST_OVER_TLS: ns.MS_AM_PASSWORD,
    AuthenticationMethod.X509: ns.MS_AM_X509,
    AuthenticationMethod.TLS_CLIENT: ns.MS_AM_TLS_CLIENT,
    AuthenticationMethod.UNSPECIFIED: ns.MS_AM_UNSPECIFIED,
}


class AuthenticationClaims:
    """A ClaimSource: the subject's methods of authentication, under both names that readers know."""

    def claims_for(
        self, subject: Principal, relying_party: RelyingParty, wanted: Sequence[RequestedClaim]
    ) -> Iterable[Claim]:
        methods = tuple(dict.fromkeys(_URIS.get(method, ns.MS_AM_UNSPECIFIED) for method in subject.methods))
        return (Claim(ns.CLAIM_AUTHENTICATION_METHOD, methods), Claim(ns.CLAIM_AUTHENTICATION_REFERENCES, methods))
