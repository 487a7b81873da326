"""Security contexts, read by identifier and instance: a key, and the register's row of its context."""

from sqlalchemy import and_, bindparam, select

from wstrust_sts.model import AuthenticationMethod
from wstrust_sts.ports import SecretBox
from wstrust_sts.security_contexts import SecurityContext, secret_purpose
from wstrust_sts.storage.columns import instant, is_storable
from wstrust_sts.storage.database import Database
from wstrust_sts.storage.schema import issued_token, security_context_key

_KEY = security_context_key.c
_FIND = (
    select(
        issued_token.c.account,
        issued_token.c.relying_party,
        issued_token.c.renewing_allowed,
        _KEY.methods,
        _KEY.authenticated_at,
        _KEY.created_at,
        _KEY.expires_at,
        _KEY.sealed_secret,
    )
    .join_from(
        security_context_key,
        issued_token,
        and_(issued_token.c.realm == _KEY.realm, issued_token.c.token_id == _KEY.identifier),
    )
    .where(
        _KEY.realm == bindparam("in_realm"),
        _KEY.identifier == bindparam("named"),
        _KEY.instance == bindparam("with_instance"),
        issued_token.c.cancelled_at.is_(None),
    )
)


class SqlSecurityContexts:
    """`ports.SecurityContexts`. One statement over two unique indexes, and never cached: a cancellation acts at once,
    on every node."""

    def __init__(self, database: Database, box: SecretBox) -> None:
        self._database = database
        self._box = box

    def find(self, realm: str, identifier: str, instance: str | None) -> SecurityContext | None:
        if instance == "" or not is_storable(identifier) or not is_storable(instance or ""):
            return None
        row = self._database.fetch_one(_FIND, {"in_realm": realm, "named": identifier, "with_instance": instance or ""})
        if row is None:
            return None
        return SecurityContext(
            identifier=identifier,
            instance=instance,
            realm=realm,
            account=row.account,
            relying_party=row.relying_party,
            methods=tuple(AuthenticationMethod(method) for method in row.methods.split()),
            instant=instant(row.authenticated_at),
            created=instant(row.created_at),
            expires_at=instant(row.expires_at),
            renewable=bool(row.renewing_allowed),
            secret=self._box.open(row.sealed_secret, purpose=secret_purpose(realm, identifier, instance)),
        )
