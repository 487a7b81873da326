"""The port Certificates, and what Administration does to it, on every database."""

from collections.abc import Callable

import pytest
from sqlalchemy import event

from tests.protected import look_alike, party
from wstrust_sts.certificate_names import fingerprint
from wstrust_sts.certificates import CertificateField, CertificateMapping, CertificateName, Revocation, TrustAnchor
from wstrust_sts.wire.certificates import read_certificate

SUBJECT = CertificateName(CertificateField.SUBJECT, "CN=batch,O=Example")
EMAIL = CertificateName(CertificateField.EMAIL, "batch@example.test")
PIN = CertificateName(CertificateField.SHA256, "ab" * 32)


def mapping(name: CertificateName = SUBJECT, account: str = "alice", **more) -> CertificateMapping:
    return CertificateMapping(**({"realm": "default", "account": account, "name": name} | more))


def pin(account: str = "alice", **more) -> CertificateMapping:
    return mapping(PIN, account, **({"certificate": b"DER"} | more))


def anchor(name: str = "ca", **more) -> TrustAnchor:
    return TrustAnchor(**({"realm": "default", "name": name, "certificate": b"DER of the anchor"} | more))


def test_an_anchor_is_listed_by_name_in_its_realm_alone(node) -> None:
    administration = node.stores.administration
    ruled = anchor("b", account_from=CertificateField.UPN)
    for each in (ruled, anchor("a"), anchor("c", realm="other")):
        administration.put_trust_anchor(each)
    assert node.stores.certificates.anchors("default") == (anchor("a"), ruled)
    assert administration.trust_anchors("other") == (anchor("c", realm="other"),)


def test_an_anchor_put_again_replaces_it_and_keeps_what_is_under_it(node) -> None:
    administration = node.stores.administration
    node.put_account()
    administration.put_trust_anchor(anchor())
    administration.add_certificate_mapping(mapping(anchor="ca"))
    generation = node.stores.signing_keys.generation()
    administration.put_trust_anchor(anchor())
    assert node.stores.signing_keys.generation() == generation
    administration.put_trust_anchor(anchor(certificate=b"another"))
    assert node.stores.certificates.anchors("default") == (anchor(certificate=b"another"),)
    assert node.stores.certificates.mappings("default", [SUBJECT]) == (mapping(anchor="ca"),)


def test_mappings_are_found_by_each_of_their_names_with_the_id_of_the_account(node) -> None:
    alice = node.put_account("alice")
    bob = node.put_account("bob")
    for each in (pin("bob"), mapping(), mapping(EMAIL, "bob")):
        assert node.stores.administration.add_certificate_mapping(each)
    found = node.stores.certificates.mappings("default", [PIN, SUBJECT, EMAIL])
    assert {(row.name, row.account_id, row.certificate) for row in found} == {
        (SUBJECT, alice.id, None),
        (EMAIL, bob.id, None),
        (PIN, bob.id, b"DER"),
    }
    assert node.stores.certificates.mappings("default", [EMAIL]) == (mapping(EMAIL, "bob"),)
    assert node.stores.certificates.mappings("other", [PIN, SUBJECT, EMAIL]) == ()
    assert node.stores.certificates.mappings("default", []) == ()


@pytest.mark.parametrize("value", ["CN=batch", "cn=batch,o=example", "CN=batch,O=Example ", "%", "\x00", "\ud800"])
def test_a_name_is_found_exactly_or_not_at_all(node, value: str) -> None:
    node.put_account()
    node.stores.administration.add_certificate_mapping(mapping())
    asked = [CertificateName(CertificateField.SUBJECT, value), CertificateName(CertificateField.URI, SUBJECT.value)]
    assert node.stores.certificates.mappings("default", asked) == ()


def test_a_change_on_one_node_acts_on_the_other_that_had_read(node, second_node) -> None:
    node.put_account()
    other = second_node.stores.certificates
    node.stores.administration.add_certificate_mapping(mapping())
    assert other.mappings("default", [SUBJECT]) == (mapping(),)
    assert other.anchors("default") == ()
    node.stores.administration.put_trust_anchor(anchor())
    node.stores.administration.delete_certificate_mapping(mapping())
    second_node.stores.accounts.find("default", "alice")  # brings the generation along, as every request does
    assert other.mappings("default", [SUBJECT]) == ()
    assert other.anchors("default") == (anchor(),)


def test_what_was_read_costs_no_statement_until_something_changes(node) -> None:
    node.put_account()
    node.stores.administration.add_certificate_mapping(mapping())
    certificates = node.stores.certificates
    certificates.anchors("default"), certificates.mappings("default", [SUBJECT])
    statements: list[str] = []
    event.listen(node.database.readers, "before_cursor_execute", lambda *call: statements.append(call[2]))
    certificates.anchors("default"), certificates.mappings("default", [SUBJECT])
    assert [each for each in statements if "certificate" in each or "anchor" in each] == []


def test_adding_twice_says_so_and_deleting_says_whether_there_was_something(node) -> None:
    administration = node.stores.administration
    node.put_account()
    assert administration.add_certificate_mapping(mapping())
    assert not administration.add_certificate_mapping(mapping())
    assert not administration.delete_certificate_mapping(mapping(EMAIL))
    assert not administration.delete_certificate_mapping(mapping(account="bob"))
    assert not administration.delete_certificate_mapping(mapping(anchor="ca"))
    assert administration.delete_certificate_mapping(mapping())
    assert not administration.delete_certificate_mapping(mapping())
    assert not administration.delete_trust_anchor("default", "ca")


def test_certificates_of_one_account_cannot_be_anothers(node) -> None:
    administration = node.stores.administration
    node.put_account("alice")
    node.put_account("bob")
    for name in ("one", "two"):
        administration.put_trust_anchor(anchor(name))
    administration.add_certificate_mapping(pin())
    administration.add_certificate_mapping(mapping(anchor="one"))
    assert administration.add_certificate_mapping(mapping(account="bob", anchor="two"))
    for taken in (pin("bob"), mapping(account="bob"), mapping(account="bob", anchor="one")):
        with pytest.raises(ValueError, match="alice"):
            administration.add_certificate_mapping(taken)


@pytest.mark.parametrize(
    "wrong",
    [
        mapping(account="nobody"),
        mapping(realm="nowhere"),
        mapping(anchor="nowhere"),
        mapping(PIN),
        mapping(certificate=b"DER"),
        pin(anchor="ca"),
        mapping(CertificateName(CertificateField.EMAIL, "a\x00@b")),
    ],
)
def test_a_mapping_that_means_nothing_is_refused(node, wrong: CertificateMapping) -> None:
    node.put_account()
    node.stores.administration.put_trust_anchor(anchor())
    with pytest.raises(ValueError):
        node.stores.administration.add_certificate_mapping(wrong)
    assert node.stores.administration.certificate_mappings("default") == ()


@pytest.mark.parametrize("wrong", [anchor(""), anchor("a\nb"), anchor(realm="nowhere")])
def test_an_anchor_that_cannot_be_stored_is_refused(node, wrong: TrustAnchor) -> None:
    with pytest.raises(ValueError):
        node.stores.administration.put_trust_anchor(wrong)


def test_mappings_go_with_their_account_and_with_their_anchor(node) -> None:
    administration = node.stores.administration
    node.put_account("alice")
    node.put_account("bob")
    administration.put_trust_anchor(anchor())
    administration.add_certificate_mapping(mapping())
    administration.add_certificate_mapping(mapping(EMAIL, "bob", anchor="ca"))
    administration.delete_account("default", "alice")
    assert administration.certificate_mappings("default") == (mapping(EMAIL, "bob", anchor="ca"),)
    assert administration.delete_trust_anchor("default", "ca")
    assert administration.certificate_mappings("default") == ()


def test_a_mapping_that_another_node_still_remembers_names_the_account_that_is_gone(node, second_node) -> None:
    old = node.put_account()
    node.stores.administration.add_certificate_mapping(mapping())
    assert second_node.stores.certificates.mappings("default", [SUBJECT])[0].account_id == old.id
    node.stores.administration.delete_account("default", "alice")
    new = node.put_account()
    remembered = second_node.stores.certificates.mappings("default", [SUBJECT])
    assert all(row.account_id != new.id for row in remembered)


def test_a_pinned_certificate_is_found_by_all_that_a_message_may_name_it_by(node) -> None:
    administration, certificates = node.stores.administration, node.stores.certificates
    node.put_account("alice")
    node.put_account("bob")
    administration.add_certificate_mapping(pinning("alice"))
    administration.add_certificate_mapping(pinning("bob"))
    own = read_certificate(party("alice").der).index_names()
    assert len(set(own)) == 3
    assert [certificates.pinned("default", name) for name in own] == 3 * [(party("alice").der,)]
    assert [certificates.pinned("other", name) for name in own] == 3 * [()]
    assert [certificates.pinned("default", name) for name in ("", "%", own[0][:-1])] == 3 * [()]
    administration.delete_certificate_mapping(pinning("alice"))
    assert [certificates.pinned("default", name) for name in own] == 3 * [()]
    administration.delete_account("default", "bob")
    assert certificates.pinned("default", read_certificate(party("bob").der).index_names()[0]) == ()


def test_a_pinned_certificate_whose_key_signs_no_messages_is_found_by_none(node) -> None:
    node.put_account()
    assert node.stores.administration.add_certificate_mapping(pin())
    assert node.stores.certificates.pinned("default", "ab" * 32) == ()


def test_a_look_alike_shares_the_names_that_are_not_of_the_whole_certificate(node) -> None:
    node.put_account("alice")
    node.put_account("bob")
    node.stores.administration.add_certificate_mapping(pinning("alice"))
    node.stores.administration.add_certificate_mapping(pinning("bob", look_alike("alice").der))
    thumbprint, ski, issuer_serial = read_certificate(party("alice").der).index_names()
    assert node.stores.certificates.pinned("default", thumbprint) == (party("alice").der,)
    for shared in (ski, issuer_serial):
        assert set(node.stores.certificates.pinned("default", shared)) == {party("alice").der, look_alike("alice").der}


def pinning(account: str, certificate: bytes | None = None) -> CertificateMapping:
    certificate = certificate or party(account).der
    name = CertificateName(CertificateField.SHA256, fingerprint(certificate))
    return mapping(name, account, certificate=certificate)


def test_a_name_that_was_read_costs_no_statement_until_something_changes(node, second_node) -> None:
    node.put_account()
    node.stores.administration.add_certificate_mapping(pinning("alice"))
    name = read_certificate(party("alice").der).index_names()[0]
    other = second_node.stores.certificates
    assert other.pinned("default", name)
    statements: list[str] = []
    event.listen(second_node.database.readers, "before_cursor_execute", lambda *call: statements.append(call[2]))
    assert other.pinned("default", name)
    assert [each for each in statements if "certificate" in each] == []
    node.stores.administration.delete_certificate_mapping(pinning("alice"))
    second_node.stores.accounts.find("default", "alice")
    assert other.pinned("default", name) == ()


def test_mappings_are_looked_up_by_index(node) -> None:
    node.put_account()
    node.stores.administration.add_certificate_mapping(mapping())
    certificates = node.stores.certificates
    plan = plan_of(node, lambda: certificates.mappings("default", [EMAIL, PIN]))
    assert "ix_certificate_mapping_name" in plan, plan
    plan = plan_of(node, lambda: certificates.pinned("default", "ab" * 32))
    assert "ix_certificate_reference_name" in plan, plan


def plan_of(node, read: Callable[[], object]) -> str:
    """How the database finds what `read` reads."""
    statements: list[tuple[str, object]] = []
    event.listen(node.database.readers, "before_cursor_execute", lambda *call: statements.append((call[2], call[3])))
    read()
    statement, parameters = next(each for each in statements if "certificate_mapping" in each[0])
    with node.database.reading() as connection:
        if connection.dialect.name == "sqlite":
            return str(connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all())
        connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
        return str(connection.exec_driver_sql(f"EXPLAIN {statement}", parameters).all())


def test_how_an_anchors_certificates_are_looked_up_is_stored_whole(node) -> None:
    looked_up = anchor(
        intermediates=(b"one\0\xff", b"two"),
        issuers_at=("http://pki.test/",),
        revocation=Revocation.HARD,
        crls=("/var/lib/crl/ä.crl", "http://pki.test/ca.crl"),
        responder="http://ocsp.test/",
        networks=("10.0.0.0/8", "fd00::/8"),
    )
    node.stores.administration.put_trust_anchor(anchor())
    node.stores.administration.put_trust_anchor(looked_up)
    assert node.stores.certificates.anchors("default") == (looked_up,)
    node.stores.administration.put_trust_anchor(anchor(revocation=Revocation.SOFT))
    assert node.stores.certificates.anchors("default") == (anchor(revocation=Revocation.SOFT),)
