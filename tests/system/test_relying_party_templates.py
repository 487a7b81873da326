"""Relying parties from templates, and snippets for them, as an operator makes them."""

import json
import tomllib

import pytest
from lxml import etree

from tests.running import Prepared, command, prepare, serving
from wstrust_sts import ns

SHAREPOINT = ("--template", "sharepoint", "--set", "identifier=urn:sharepoint:portal")
ADDRESS = ("--set", "address=https://sharepoint.example.test/_trust/")


# -- templates ---------------------------------------------------------------------------------------------------------


def test_every_template_is_listed_with_a_sentence_and_its_options(sts):
    listed = json.loads(sts("relying-party", "templates", "--json").out)
    assert [template["name"] for template in listed] == [
        "aws",
        "cxf",
        "dynamics",
        "office365",
        "salesforce",
        "sharepoint",
        "vmware",
        "wif",
    ]
    shown = sts("relying-party", "templates").out
    for template in listed:
        assert template["summary"].endswith(".")
        assert template["summary"] in shown
        assert all(f"--set {option['name']}=" in shown for option in template["options"])


def test_a_template_makes_an_ordinary_relying_party(sts):
    assert sts("relying-party", "add", "portal", *SHAREPOINT, *ADDRESS).status == 0
    shown = json.loads(sts("relying-party", "show", "portal", "--json").out)
    assert shown["applies_to"] == ["urn:sharepoint:portal", "https://sharepoint.example.test/_trust/"]
    assert shown["audiences"] == ["urn:sharepoint:portal"]
    assert "template" not in sts("export").out


def test_a_dry_run_prints_what_apply_takes_and_adds_nothing(sts, tmp_path):
    dry = sts("relying-party", "add", "portal", *SHAREPOINT, *ADDRESS, "--dry-run")
    assert dry.status == 0
    assert sts("relying-party", "show", "portal").status == 1
    file = tmp_path / "portal.toml"
    file.write_text(dry.out)
    assert sts("apply", "-f", str(file)).status == 0
    (row,) = tomllib.loads(dry.out)["relying_party"]
    assert json.loads(sts("relying-party", "show", "portal", "--json").out) == row


def test_other_options_add_to_the_template_or_replace_what_it_says(sts):
    more = ("--applies-to", "urn:portal", "--release", "department", "--audience", "urn:a", "--lifetime", "5m")
    done = sts("relying-party", "add", "portal", *SHAREPOINT, *ADDRESS, *more, "--dry-run")
    (row,) = tomllib.loads(done.out)["relying_party"]
    assert row["applies_to"] == [
        "urn:sharepoint:portal",
        "https://sharepoint.example.test/_trust/",
        "urn:portal",
    ]
    assert row["audiences"] == ["urn:a"]
    assert (row["lifetime"]["default"], row["lifetime"]["maximum"]) == ("5m", "8h")
    assert {"release": "department"} in row["claim"]
    assert len(row["claim"]) == 4


@pytest.mark.parametrize(
    ("arguments", "status", "told"),
    [
        (("--template", "nonsense"), 2, "Choose one of: aws, cxf,"),
        (("--set", "address=x"), 2, "name it with --template"),
        (("--template", "wif", "--set", "address"), 2, "--set is written OPTION=VALUE"),
        (SHAREPOINT, 1, "add --set address=https://sharepoint.example.com/_trust/"),
        (("--template", "wif", "--set", "address=orders"), 1, "orders"),
        (("--template", "wif", "--set", "address=https://orders.example.test/"), 1, "orders"),  # the demo has it
    ],
)
def test_what_cannot_be_is_refused_with_what_to_write(sts, arguments, status, told):
    done = sts("relying-party", "add", "portal", *arguments)
    assert done.status == status
    assert told in done.err
    assert sts("relying-party", "show", "portal").status == 1


# -- snippets ----------------------------------------------------------------------------------------------------------


def test_a_snippet_names_every_key_that_signs_or_will(sts):
    assert sts("key", "create").status == 0
    printed = sts("relying-party", "snippet", "orders", "--for", "wcf")
    thumbprints = etree.fromstring(printed.out.encode()).xpath("//trustedIssuers/add/@thumbprint")
    assert len(set(thumbprints)) == 2
    assert sts("relying-party", "snippet", "orders", "--for", "python").out.count("BEGIN CERTIFICATE") == 2


def test_a_snippet_has_the_address_that_is_given_in_canonical_form(sts):
    arguments = ("relying-party", "snippet", "orders", "--for", "zeep", "--address")
    assert "SERVICE = 'https://orders.example.test/api/'" in sts(*arguments, "HTTPS://Orders.example.test:443/api/").out
    assert "is not an address of relying party" in sts(*arguments, "https://billing.example.test/").err
    assert "cannot be an address" in sts(*arguments, "https://a@orders.example.test/").err


def test_a_snippet_speaks_to_the_endpoint_that_is_given(sts):
    arguments = ("relying-party", "snippet", "intranet", "--for", "zeep", "--endpoint")
    printed = sts(*arguments, "/trust/2005/usernamemixed").out
    assert f"TRUST = '{ns.WST05}'" in printed
    assert f"BEARER = '{ns.NO_PROOF_KEY}'" in printed
    assert f"TOKEN_TYPE = '{ns.TP11_SAML11}'" in printed
    assert sts(*arguments, "/nonsense").status == 1


def test_what_a_snippet_cannot_for_this_relying_party_is_told_beside_it(sts, tmp_path):
    certificate = tmp_path / "signing.pem"
    certificate.write_text(sts("key", "list", "--use", "message", "--pem").out)
    encrypted = ("--encryption-certificate", str(certificate), "--encrypt-tokens", "--key-type", "public")
    assert sts("relying-party", "add", "ships", "--applies-to", "urn:ships", *encrypted).status == 0
    printed = sts("relying-party", "snippet", "ships", "--for", "python")
    assert "does not decrypt" in printed.err
    assert "no bearer tokens" in printed.err
    assert "Note:" not in printed.out


@pytest.mark.parametrize(("language", "verifies"), [("wcf", False), ("node", False), ("python", True), ("cxf", True)])
def test_who_cannot_verify_the_signatures_of_the_realm_is_told(sts, language, verifies):
    assert sts("key", "create", "--algorithm", "ec-p256").status == 0
    printed = sts("relying-party", "snippet", "orders", "--for", language)
    assert ("ECDSA" not in printed.err) is verifies


@pytest.mark.parametrize("address", ["urn:#{T(java.lang.Runtime).getRuntime()}", "urn:${user.home}"])
def test_what_a_language_would_evaluate_is_refused(sts, address):
    assert sts("relying-party", "add", "ships", "--applies-to", address).status == 0
    refused = sts("relying-party", "snippet", "ships", "--for", "cxf")
    assert refused.status == 1
    assert refused.out == ""
    assert "cannot be written for cxf" in refused.err
    assert sts("relying-party", "snippet", "ships", "--for", "python").status == 0


def test_there_is_no_snippet_for_a_relying_party_or_a_language_that_there_is_not(sts):
    assert sts("relying-party", "snippet", "nobody", "--for", "wcf").status == 1
    assert sts("relying-party", "snippet", "orders", "--for", "cobol").status == 2


# -- a running server --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def live(tmp_path_factory):
    prepared = prepare(tmp_path_factory.mktemp("live"))
    with serving(prepared):
        yield prepared


def test_a_running_server_issues_for_a_relying_party_that_was_just_made(live: Prepared, tmp_path):
    where = ("--config", str(live.config))
    role = "role=players=arn:aws:iam::123456789012:role/Reader"
    provider = "provider=arn:aws:iam::123456789012:saml-provider/sts"
    settings = ("--set", provider, "--set", role)
    command("relying-party", "add", "aws", "--template", "aws", *settings, *where, directory=tmp_path)
    (tmp_path / "password").write_text("clarinet\n")
    request = ("--url", f"{live.url}/trust/13/usernamemixed", "--ca", str(live.ca), "--user", "alice")
    more = ("--password-file", "password", "--applies-to", "urn:amazon:webservices", "--out", "-")
    token = command("token", "request", *request, *more, directory=tmp_path)
    assert ">arn:aws:iam::123456789012:role/Reader,arn:aws:iam::123456789012:saml-provider/sts<" in token
    assert 'Recipient="https://signin.aws.amazon.com/saml"' in token
