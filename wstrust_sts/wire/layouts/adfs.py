"""The layout `adfs`: answers in the text of AD FS, for clients that match text or prefixes (wire contract section 4).

Such clients search for `<trust:RequestedSecurityToken>` (`<t:...>` in 2005/02), for `<wsu:Expires`, for the path
`s:Envelope/s:Header/o:Security/u:Timestamp/u:Expires` without looking at namespaces, or for `a:FailedAuthentication`.
The order of the children is that of recorded answers; nothing is between two elements.
"""

from wstrust_sts.model import TrustVersion
from wstrust_sts.wire.layouts.default import Layout
from wstrust_sts.wire.soap import EnvelopeStyle

ADFS = Layout(
    prefixes={TrustVersion.V13: "trust", TrustVersion.V2005: "t"},
    order=(
        "Entropy",
        "KeySize",
        "Lifetime",
        "AppliesTo",
        "RequestedSecurityToken",
        "RequestedProofToken",
        "RequestedAttachedReference",
        "RequestedUnattachedReference",
        "Status",
        "TokenType",
        "RequestType",
        "KeyType",
    ),
    names_applies_to=True,
    envelope=EnvelopeStyle(declares_first=True, code_prefix="a"),
)
