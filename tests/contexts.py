"""Security contexts as clients name them, and how a test establishes one without asking for it."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tests.fakes import NOON, REALM, FakeStores
from tests.records import token_record
from wstrust_sts import ns
from wstrust_sts.keys import AesGcmSecretBox
from wstrust_sts.model import AuthenticationMethod
from wstrust_sts.records import ContextKeyRecord
from wstrust_sts.relying_parties import OWN_PARTY
from wstrust_sts.security_contexts import secret_purpose


@dataclass(frozen=True)
class Context:
    """What a client knows of a context; its secret is the key."""

    identifier: str = "urn:uuid:6fd8a8a2-11c3-4d0c-8a64-0a2ff8a3f4c1"
    instance: str | None = None
    secret: bytes = field(default=b"a-context's-secret-of-32-octets!", repr=False)
    namespace: str = ns.WSC13

    def token(self, *, identifier: str = "SCT", more: str = "") -> str:
        """A wsc:SecurityContextToken with this wsu:Id."""
        instance = "" if self.instance is None else f"<c:Instance>{self.instance}</c:Instance>"
        return (
            f'<c:SecurityContextToken xmlns:c="{self.namespace}" xmlns:u="{ns.WSU}" u:Id="{identifier}">'
            f"<c:Identifier>{self.identifier}</c:Identifier>{instance}{more}</c:SecurityContextToken>"
        )

    def reference(self, uri: str | None = None) -> str:
        """A SecurityTokenReference to the token with an id, or, by default, to the context without any token."""
        instance = f' c:Instance="{self.instance}"' if self.instance is not None and uri is None else ""
        return (
            f'<o:SecurityTokenReference xmlns:o="{ns.WSSE}" xmlns:c="{self.namespace}"><o:Reference '
            f'URI="{uri or self.identifier}" ValueType="{self.namespace}/sct"{instance}/></o:SecurityTokenReference>'
        )


CONTEXT = Context()


def establish(
    stores: FakeStores,
    context: Context = CONTEXT,
    *,
    account: str = "alice",
    relying_party: str = OWN_PARTY,
    realm: str = REALM.name,
    now: datetime = NOON,
    expires_at: datetime | None = None,
    cancelled_at: datetime | None = None,
) -> None:
    """What the register holds once `account` has established `context`."""
    box = AesGcmSecretBox(b"k" * 32)
    expires_at = now + timedelta(hours=1) if expires_at is None else expires_at
    method = AuthenticationMethod.PASSWORD_OVER_TLS
    stores.journal.write(
        token_record(
            context.identifier,
            realm=realm,
            token_type="sct",
            relying_party=relying_party,
            subject=account,
            account=f"id-{account}",
            requestor=f"id-{account}",
            methods=method.value,
            key_id="",
            key_type="SymmetricKey",
            issued_at=now,
            expires_at=expires_at,
            cancelled_at=cancelled_at,
        ),
        ContextKeyRecord(
            realm=realm,
            identifier=context.identifier,
            instance=context.instance,
            methods=method.value,
            authenticated_at=now,
            created_at=now,
            expires_at=expires_at,
            sealed_secret=box.seal(context.secret, purpose=secret_purpose(realm, context.identifier, context.instance)),
        ),
    )
