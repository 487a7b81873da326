"""Templates: their files are sound, and filling them in makes an ordinary row whatever the values hold."""

import pytest

from wstrust_sts.cli.rows import read_row
from wstrust_sts.declared_relying_parties import RelyingPartyTable
from wstrust_sts.relying_party_templates import fill_in, placeholders_in, read_template, template_names
from wstrust_sts.strict_toml import ConfigurationError

NAMES = ("aws", "cxf", "dynamics", "office365", "salesforce", "sharepoint", "vmware", "wif")
PROVIDER = "arn:aws:iam::123456789012:saml-provider/sts"
ROLE = "arn:aws:iam::123456789012:role/Reader"

each_template = pytest.mark.parametrize("name", NAMES)


def sentences(name: str, **given: list[str]) -> str:
    with pytest.raises(ConfigurationError) as refused:
        fill_in(read_template(name), given)
    return str(refused.value)


def test_these_are_the_templates():
    assert template_names() == NAMES


def test_there_is_no_template_of_another_name():
    for name in ("nonsense", "../templates/aws", "aws.toml", ""):
        with pytest.raises(KeyError):
            read_template(name)


@each_template
def test_every_placeholder_is_of_an_option_and_every_option_is_used(name):
    template = read_template(name)
    used = placeholders_in(template.row)
    assert used <= {placeholder for option in template.options for placeholder in option.placeholders}
    assert all(option.placeholders & used for option in template.options)


@each_template
def test_the_examples_and_defaults_make_a_relying_party(name):
    template = read_template(name)
    row = fill_in(template, {option.name: [option.shown] for option in template.options if option.shown})
    party = read_row(RelyingPartyTable, {"name": name, **row}).relying_party()
    assert party.applies_to
    assert "$" not in str(party)


@each_template
def test_an_option_of_another_name_is_refused(name):
    assert "--set nonsense: is not an option of " + name in sentences(name, nonsense=["x"])


def test_a_misspelled_option_is_guessed_and_what_is_missing_told_with_an_example():
    said = sentences("wif", adress=["https://orders.example.test/"])
    assert "did you mean address?" in said
    assert "add --set address=https://orders.example.com/" in said


def test_an_option_that_is_had_once_is_not_given_twice():
    assert "--set identifier: is given more than once" in sentences(
        "sharepoint", identifier=["urn:a", "urn:b"], address=["https://sharepoint.example.test/_trust/"]
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("role", ROLE),
        ("role", f"readers={ROLE},{PROVIDER}"),
        ("role", f"readers={ROLE} "),
        ("provider", ROLE),
        ("session_seconds", "899"),
        ("session_seconds", "43201"),
        ("session_seconds", "3600\n"),
        ("session_seconds", "٣٦٠٠"),
    ],
)
def test_a_value_that_aws_would_not_take_is_refused(name, value):
    given = {"provider": [PROVIDER], "role": [f"readers={ROLE}"]} | {name: [value]}
    assert f"--set {name}: cannot be" in sentences("aws", **given)


@pytest.mark.parametrize("seconds", ["900", "999", "1000", "9999", "10000", "43200"])
def test_a_session_lasts_from_a_quarter_of_an_hour_to_half_a_day(seconds):
    given = {"provider": [PROVIDER], "role": [f"readers={ROLE}"], "session_seconds": [seconds]}
    assert fill_in(read_template("aws"), given)["claim"][-1]["values"] == [seconds]


def test_what_names_an_option_that_is_given_several_times_is_there_once_for_each():
    roles = [f"readers={ROLE}", f"*={ROLE}s"]
    claims = fill_in(read_template("aws"), {"provider": [PROVIDER], "role": roles})["claim"]
    assert [(claim["group"], claim["values"]) for claim in claims if "group" in claim] == [
        ("readers", [f"{ROLE},{PROVIDER}"]),
        ("*", [f"{ROLE}s,{PROVIDER}"]),
    ]


def test_what_names_an_option_that_is_left_out_is_left_out():
    given = {"address": ["https://orders.example.test/"]}
    assert fill_in(read_template("wif"), given)["applies_to"] == [{"prefix": "https://orders.example.test/"}]


@pytest.mark.parametrize("hostile", ['"]\nenabled = false', "${identity}", "$", "a\\u0022b", "${", "{prefix='x'}"])
def test_a_value_is_text_whatever_it_looks_like(hostile):
    given = {"address": ["https://sharepoint.example.test/_trust/"], "identifier": [hostile]}
    row = fill_in(read_template("sharepoint"), given)
    assert row["audiences"] == [hostile]
    assert row["applies_to"] == [hostile, "https://sharepoint.example.test/_trust/"]
    assert row.keys() == read_template("sharepoint").row.keys()


@pytest.mark.parametrize(
    "address", ["", "orders", "https://user@orders.example.test/", "https://orders.example.test/\n"]
)
def test_an_address_is_checked_like_any_other(address):
    row = fill_in(read_template("wif"), {"address": [address]})
    with pytest.raises(ConfigurationError):
        read_row(RelyingPartyTable, {"name": "orders", **row})
