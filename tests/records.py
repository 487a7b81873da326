"""Rows of the token register."""

from datetime import timedelta

from tests.fakes import NOON, REALM
from wstrust_sts.records import TokenRecord


def token_record(token_id: str = "_1", **changes: object) -> TokenRecord:
    """Of a bearer token, in force for the hour from NOON on, that alice got by her password for `rp`."""
    values: dict[str, object] = {
        "realm": REALM.name,
        "digest": b"d" * 32,
        "token_type": "saml20",
        "relying_party": "rp",
        "subject": "alice",
        "account": "id-alice",
        "requestor": "id-alice",
        "methods": "password-over-tls",
        "key_id": "k",
        "key_type": "Bearer",
        "issued_at": NOON,
        "expires_at": NOON + timedelta(hours=1),
    }
    return TokenRecord(token_id=token_id, **(values | changes))
