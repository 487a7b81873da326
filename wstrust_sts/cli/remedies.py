"""What an operator can do about a refusal: by the reason in the audit trail, where the remedy is one command or line.

The reasons are the details of the faults (`errors.py`), which are written where something is refused. One that is not
in this table is told with the page that explains its fault. What a client wrote is no part of a command that is shown.
"""

import re

_NAME = r"(?P<party>\S+)"
_APPLY = "docs/configuration.md: wstrust-sts apply"
_REMEDIES = (
    (
        r"no relying party is registered for ",
        "wstrust-sts relying-party add NAME --realm {realm} --applies-to ADDRESS; or correct the client's AppliesTo",
    ),
    (
        rf"{_NAME} takes no (?:symmetric|public)-key tokens",
        "wstrust-sts relying-party set {party} --realm {realm} --key-type, with every type that it is to take",
    ),
    (rf"{_NAME} takes no (?:saml11|saml20|sct) tokens", f"add it to token_types of {{party}} ({_APPLY})"),
    (rf"{_NAME} takes no keys that a client chose alone", f"client_keys = true for {{party}}, if need be ({_APPLY})"),
    (
        r"UseKey names a key that the requestor did not prove to hold",
        f"the client signs with that key, too; or unproved_keys = true for {{its_party}} ({_APPLY})",
    ),
    (
        rf"{_NAME} names subjects by the claim \S+, which (?P<account>.+) has not",
        f"give {{account}} that claim ({_APPLY}), or let {{party}} name subjects by another one",
    ),
    (
        r"the mandatory claim .+ is unknown or not released",
        f"give the account that claim and {{its_party}} a rule that releases it ({_APPLY}); or ask with Optional",
    ),
    (
        r"\w+: no delegation rule lets (?P<actor>.+) do that",
        "wstrust-sts delegation add NAME --realm {realm} --actor {actor} --relying-party {its_party}, and for whom",
    ),
    (
        r".+, which has no certificate to encrypt it for",
        "wstrust-sts relying-party set {its_party} --realm {realm} --encryption-certificate FILE",
    ),
    (
        r"as a credential: a token for somebody else than this STS",
        "the client asks for a token for the STS itself first: docs/issued-tokens.md",
    ),
)


def remedy_of(reason: str, *, fault: str, realm: str, relying_party: str | None) -> str:
    """What to do about the refusal with this `reason`; `fault` is the name of its class, the code that clients see."""
    for pattern, remedy in _REMEDIES:
        if (found := re.match(pattern, reason)) is not None:
            return remedy.format(**found.groupdict(), realm=realm, its_party=relying_party or "the relying party")
    return f"docs/errors.md, {fault}"
