"""Tokens that are bound to keys and tokens that are encrypted: who they are for, how they are asked for, and the goals.

The public key is one that a relying party takes without proof: what it costs to prove it is another row's affair.
"""

import base64
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding

from benchmarks.requests import envelope
from tests import messages
from tests.interop.identity import make_identity
from tests.protected import party
from tests.running import STATE, Prepared, change
from wstrust_sts import ns

KEYED, ENCRYPTED = "https://keyed.example.test/svc", "https://encrypted.example.test/svc"
SYMMETRIC, PUBLIC, HIDDEN = "symmetric key", "public key", "encrypted token"
_ENTROPY = base64.b64encode(bytes(range(32))).decode()

MIXED, ENDORSED = "certificatemixed", "Issue, everything on, certificatemixed"
GOALS_IN_PROCESS = ((ENDORSED, 1.4), (f"Issue, everything on, {SYMMETRIC}", 1.2))  # times the bearer token's
GOALS_OVER_TLS = ((f"Issue, {SYMMETRIC}", 3.6),)  # raw signatures


def add_relying_parties(prepared: Prepared, directory: Path) -> None:
    """Two that have a certificate, in `directory` (not existing)."""
    directory.mkdir()
    certificate = make_identity("rp", directory).certificate
    encryption = f'[relying_party.encryption]\nfile = "{certificate}"\n'
    change(
        prepared,
        f'{STATE}\n[[relying_party]]\nname = "keyed"\napplies_to = ["{KEYED}"]\nunproved_keys = true\n'
        f'key_types = ["bearer", "symmetric", "public"]\n{encryption}{_CLAIMS}'
        f'[[relying_party]]\nname = "encrypted"\napplies_to = ["{ENCRYPTED}"]\n{encryption}tokens = true\n{_CLAIMS}',
    )


_CLAIMS = "".join(
    f"[[relying_party.claim]]\n{rule}\n"
    for rule in (
        f'release = "{ns.CLAIM_EMAIL}"',
        'release = "department"',
        f'group = "players"\nas = "{ns.CLAIM_ROLE}"',
    )
)


def requests(now: datetime) -> Mapping[str, bytes]:
    """By a UsernameToken over TLS. The symmetric key is of both sides' making."""
    certificate = base64.b64encode(party("holder").certificate.public_bytes(Encoding.DER)).decode()
    entropy = f"<t:KeySize>256</t:KeySize><t:Entropy><t:BinarySecret>{_ENTROPY}</t:BinarySecret></t:Entropy>"
    use_key = (
        f'<t:UseKey><d:KeyInfo xmlns:d="{ns.DS}"><d:X509Data><d:X509Certificate>{certificate}</d:X509Certificate>'
        "</d:X509Data></d:KeyInfo></t:UseKey>"
    )
    bodies = {
        SYMMETRIC: messages.issue(f"<t:KeyType>{ns.WST13}/SymmetricKey</t:KeyType>", entropy, address=KEYED),
        PUBLIC: messages.issue(f"<t:KeyType>{ns.WST13}/PublicKey</t:KeyType>", use_key, address=KEYED),
        HIDDEN: messages.issue(address=ENCRYPTED),
    }
    return {name: envelope(body, now=now) for name, body in bodies.items()}
