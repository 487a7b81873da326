"""`wstrust-sts relying-party`, and `wstrust-sts delegation`: who gets tokens, and for whom."""

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from tests.certificates import leaf
from tests.system.operating import EMAIL


def test_the_life_of_a_delegation_rule(sts):
    done = sts(
        "delegation", "add", "shop", "--actor", "demo", "--subject-group", "staff", "--relying-party", "nowhere",
        "--kind", "OnBehalfOf", "--tokens-for", "demo", "--claim", EMAIL,
    )  # fmt: skip
    assert done.status == 0
    assert "There is no relying party 'nowhere' yet" in done.err
    assert sts("delegation", "list", "--json").json() == [
        {
            "realm": "default",
            "name": "shop",
            "actors": ["demo"],
            "subject_groups": ["staff"],
            "relying_parties": ["nowhere"],
            "kinds": ["OnBehalfOf"],
            "tokens_for": ["demo"],
            "depth": 1,
            "claims": [EMAIL],
        }
    ]
    assert "group staff" in sts("delegation", "list").out
    assert "[[delegation_rule]]" in sts("export").out
    again = ("--actor", "a", "--any-subject", "--relying-party", "x")
    assert sts("delegation", "add", "shop", *again).status == 1
    assert sts("delegation", "add", "other", "--any-subject", "--relying-party", "x").status != 0
    assert sts("delegation", "remove", "shop").status == 0
    assert sts("delegation", "remove", "shop").status == 1
    assert "Nobody acts for anybody" in sts("delegation", "list").out


def test_the_life_of_a_relying_party(sts):
    done = sts(
        "relying-party", "add", "billing", "--applies-to", "HTTPS://Billing.Example.Test:443/a", "--prefix",
        "https://billing.example.test/b", "--token-type", "saml20", "--audience", "urn:billing", "--lifetime", "10m",
        "--name-format", "emailAddress", "--name-claim", EMAIL, "--release", EMAIL, "--group-claim", "role",
    )  # fmt: skip
    assert done.status == 0, done.err
    assert sts("relying-party", "show", "billing", "--json").json() == {
        "realm": "default",
        "name": "billing",
        "enabled": True,
        "applies_to": ["https://billing.example.test/a", {"prefix": "https://billing.example.test/b"}],
        "token_types": ["saml20"],
        "key_types": ["bearer"],
        "audiences": ["urn:billing"],
        "lifetime": {"default": "10m", "maximum": "8h", "on_excess": "clip"},
        "name_identifier": {"format": "emailAddress", "claim": EMAIL},
        "claim": [{"release": EMAIL}, {"group": "*", "as": "role"}],
    }
    assert "https://billing.example.test/b and below" in sts("relying-party", "show", "billing").out
    assert "billing" in sts("relying-party", "list").out
    taken = sts("relying-party", "add", "other", "--applies-to", "https://billing.example.test/a")
    assert taken.status == 1
    assert "billing" in taken.err
    assert sts("relying-party", "remove", "billing").status == 0
    assert sts("relying-party", "remove", "billing").status == 1
    assert sts("relying-party", "show", "billing").status == 1


def test_a_relying_party_gets_its_encryption_certificate_and_its_key_types(sts, tmp_path):
    file = tmp_path / "orders.pem"
    file.write_bytes(x509.load_der_x509_certificate(leaf("orders", kind="rsa-2048")).public_bytes(Encoding.PEM))
    add = ("relying-party", "add", "ships", "--applies-to", "urn:ships")
    assert sts(*add, "--key-type", "symmetric").status != 0
    given = ("--key-type", "symmetric", "--encryption-certificate", str(file))
    assert sts(*add, *given).status == 0
    card = sts("relying-party", "show", "ships", "--json").json()
    assert card["key_types"] == ["symmetric"]
    assert set(card["encryption"]) == {"sha256"}
    done = sts("relying-party", "set", "ships", "--encrypt-tokens", "--key-type", "bearer", "--key-type", "public")
    assert done.status == 0, done.err
    changed = sts("relying-party", "show", "ships", "--json").json()
    assert changed["key_types"] == ["bearer", "public"]
    assert changed["encryption"] == card["encryption"] | {"tokens": True}
    assert changed["applies_to"] == ["urn:ships"]
    for word, stored in (("public", "public"), ("none", None)):
        assert sts("relying-party", "set", "ships", "--default-key-type", word).status == 0
        assert sts("relying-party", "show", "ships", "--json").json().get("default_key_type") == stored
    wrong = sts("relying-party", "set", "ships", "--default-key-type", "symmetric")
    assert (wrong.status, "--default-key-type: is not one of --key-type" in wrong.err) == (1, True)
    assert sts("relying-party", "set", "ships").status == 2
    assert sts("relying-party", "set", "nobody", "--encrypt-tokens").status == 1
    assert sts("relying-party", "remove", "ships").status == 0


def test_a_bad_relying_party_is_refused_with_all_its_problems(sts):
    done = sts("relying-party", "add", "x", "--prefix", "https://a@b/", "--lifetime", "soon", "--token-type", "jwt")
    assert done.status == 1
    assert "3 problems" in done.err
    assert sts("relying-party", "add", "x").status == 2
