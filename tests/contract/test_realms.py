"""The port Realms, on every database."""

import pytest
from sqlalchemy import select

from wstrust_sts.errors import RequestFailed
from wstrust_sts.keys import AesGcmSecretBox
from wstrust_sts.model import Realm
from wstrust_sts.storage.schema import realm as realm_table
from wstrust_sts.storage.stores import open_stores


def test_a_realm_comes_back_as_it_was_put(node) -> None:
    realm = Realm(
        name="über",
        issuer="https://sts.example.test/über",
        administrators=frozenset({"root", "zoë"}),
        pairwise_secret=b"s" * 32,
    )
    node.stores.administration.put_realm(realm)
    assert node.stores.realms.get("über") == realm


@pytest.mark.parametrize("name", ["nowhere", "", "Default", "default\x00", "\ud800"])
def test_an_unknown_realm_is_none(node, name: str) -> None:
    assert node.stores.realms.get(name) is None


def test_a_new_realm_gets_a_secret_of_its_own_and_keeps_it(node) -> None:
    secrets = {name: node.stores.realms.get(name).pairwise_secret for name in ("default", "other")}
    assert len(set(secrets.values())) == 2
    assert all(len(secret) == 32 for secret in secrets.values())
    node.stores.administration.put_realm(Realm(name="default", issuer="urn:new"))
    changed = node.stores.realms.get("default")
    assert (changed.issuer, changed.pairwise_secret) == ("urn:new", secrets["default"])


def test_the_secret_is_stored_sealed_for_this_realm_alone(node, box: AesGcmSecretBox) -> None:
    secret = node.stores.realms.get("default").pairwise_secret
    with node.database.reading() as connection:
        sealed = connection.execute(
            select(realm_table.c.sealed_pairwise_secret).where(realm_table.c.name == "default")
        ).scalar_one()
    assert secret not in sealed
    with node.database.writing() as connection:
        connection.execute(
            realm_table.update().where(realm_table.c.name == "other").values(sealed_pairwise_secret=sealed)
        )
    with pytest.raises(RequestFailed):
        open_stores(node.database, box).realms.get("other")
