"""Writing trust anchors and certificate mappings, in a transaction that no other change of them runs beside."""

from sqlalchemy import Connection, delete, insert, select, update

from wstrust_sts.certificates import CertificateField, CertificateMapping, TrustAnchor
from wstrust_sts.errors import InvalidHeaderToken
from wstrust_sts.storage.certificates import anchor_values, read_mappings_of, read_trust_anchors
from wstrust_sts.storage.columns import is_storable, new_row_key
from wstrust_sts.storage.schema import account, certificate_mapping, certificate_reference, trust_anchor
from wstrust_sts.wire.certificates import read_certificate


def write_trust_anchor(connection: Connection, wanted: TrustAnchor) -> bool:
    """Creates or replaces by (realm, name); False when it already is as wanted."""
    stored = next((row for row in read_trust_anchors(connection, wanted.realm) if row.name == wanted.name), None)
    if stored == wanted:
        return False
    values = anchor_values(wanted)
    if stored is None:
        row = {"id": new_row_key(), "realm": wanted.realm, "name": wanted.name}
        connection.execute(insert(trust_anchor).values(**row, **values))
    else:
        anchor = (trust_anchor.c.realm == wanted.realm, trust_anchor.c.name == wanted.name)
        connection.execute(update(trust_anchor).where(*anchor).values(**values))
    return True


def remove_trust_anchor(connection: Connection, realm: str, name: str) -> bool:
    """With the mappings under it. False when there is none."""
    anchor = (trust_anchor.c.realm == realm, trust_anchor.c.name == name)
    return connection.execute(delete(trust_anchor).where(*anchor)).rowcount > 0


def write_certificate_mapping(connection: Connection, wanted: CertificateMapping) -> bool:
    """False when the account has it already. Raises ValueError, as `ports.Administration` says."""
    if not is_storable(wanted.name.value):
        raise ValueError("The name of the certificate cannot be stored.")
    exact = wanted.name.field is CertificateField.SHA256
    if exact is not (wanted.certificate is not None) or (exact and wanted.anchor is not None):
        raise ValueError("A certificate goes with its fingerprint, an anchor with a name.")
    account_id = connection.execute(
        select(account.c.id).where(account.c.realm == wanted.realm, account.c.name == wanted.account)
    ).scalar()
    if account_id is None:
        raise ValueError(f"There is no account {wanted.account!r} in realm {wanted.realm!r}.")
    anchor_id = _anchor_id(connection, wanted)
    for stored in read_mappings_of(connection, wanted.realm, (wanted.name,)):
        if stored.account == wanted.account and stored.anchor == wanted.anchor:
            return False
        overlaps = stored.anchor is None or wanted.anchor is None or stored.anchor == wanted.anchor
        if stored.account != wanted.account and overlaps:
            raise ValueError(f"{wanted.name.field.value} {wanted.name.value!r} already is account {stored.account!r}.")
    mapping_id = new_row_key()
    connection.execute(
        insert(certificate_mapping).values(
            id=mapping_id,
            realm=wanted.realm,
            account_id=account_id,
            field=wanted.name.field.value,
            value=wanted.name.value,
            anchor_id=anchor_id,
            certificate=wanted.certificate,
        )
    )
    references = [{"mapping_id": mapping_id, "name": name, "realm": wanted.realm} for name in _references(wanted)]
    if references:
        connection.execute(insert(certificate_reference), references)
    return True


def remove_certificate_mapping(connection: Connection, unwanted: CertificateMapping) -> bool:
    """By account, name and anchor. False when there is none."""
    owner = select(account.c.id).where(account.c.realm == unwanted.realm, account.c.name == unwanted.account)
    anchor = select(trust_anchor.c.id).where(
        trust_anchor.c.realm == unwanted.realm, trust_anchor.c.name == unwanted.anchor
    )
    under = certificate_mapping.c.anchor_id
    removed = connection.execute(
        delete(certificate_mapping).where(
            certificate_mapping.c.realm == unwanted.realm,
            certificate_mapping.c.account_id == owner.scalar_subquery(),
            certificate_mapping.c.field == unwanted.name.field.value,
            certificate_mapping.c.value == unwanted.name.value,
            under.is_(None) if unwanted.anchor is None else under == anchor.scalar_subquery(),
        )
    )
    return removed.rowcount > 0


def _references(wanted: CertificateMapping) -> tuple[str, ...]:
    """What messages may name the certificate by. None where messages cannot be signed with its key."""
    try:
        return () if wanted.certificate is None else read_certificate(wanted.certificate).index_names()
    except InvalidHeaderToken:
        return ()


def _anchor_id(connection: Connection, wanted: CertificateMapping) -> str | None:
    if wanted.anchor is None:
        return None
    found: str | None = connection.execute(
        select(trust_anchor.c.id).where(trust_anchor.c.realm == wanted.realm, trust_anchor.c.name == wanted.anchor)
    ).scalar()
    if found is None:
        raise ValueError(f"There is no trust anchor {wanted.anchor!r} in realm {wanted.realm!r}.")
    return found
