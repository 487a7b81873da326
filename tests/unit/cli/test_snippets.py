"""Snippets: every value arrives whole, and none becomes code or markup, whatever it is called."""

import ast
import json
import re
from importlib import resources

import pytest
from lxml import etree

from tests.assertions import signing_key
from wstrust_sts.cli.snippets import LANGUAGES, write_snippet
from wstrust_sts.declared_certificates import pem_of

HOSTILE = (
    "plain",
    'it\'s "quoted" & <tagged/> --> ]]> */ //',
    "line\nbreak\r\ttab",
    "\\'; import os; os.abort() #",
    "`${process.exit(1)}` \\u0022",
    "@@{sts} @@ $issuer {0} %s",
    '"""\\\n""" """',
    "\u202ereversed \u2028 é 名",
)
PEMS = (pem_of(signing_key().certificates[0]), pem_of(signing_key(copy=1).certificates[0]))
THUMBPRINTS = ("A" * 40, "B" * 40)
each_hostile = pytest.mark.parametrize("hostile", HOSTILE)


def values(text: str) -> dict[str, str | tuple[str, ...] | None]:
    one = dict.fromkeys(("sts", "trust", "target_namespace", "bearer", "token_type", "address", "issuer"), text)
    return {**one, "audience": (text, "second"), "recipient": None, "thumbprint": THUMBPRINTS}


def written(language: str, text: str) -> str:
    return write_snippet(LANGUAGES[language], values(text), PEMS)


def constants_of_python(source: str) -> dict[str, object]:
    return {
        statement.targets[0].id: ast.literal_eval(statement.value)
        for statement in ast.parse(source).body
        if isinstance(statement, ast.Assign)
        and isinstance(statement.value, ast.Constant | ast.Set | ast.List)
        and statement.targets[0].id.isupper()
    }


def test_every_file_is_of_a_language_and_every_language_has_its_file():
    files = {file.name for file in (resources.files("wstrust_sts") / "snippets").iterdir()}
    assert files == {f"{language.file}.template" for language in LANGUAGES.values()}


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_placeholder_is_left(language):
    assert "@@" not in written(language, "https://plain.example.test/")


@each_hostile
@pytest.mark.parametrize("language", ["python", "zeep"])
def test_a_value_is_a_string_of_python(language, hostile):
    source = written(language, hostile)
    assert source.isascii()
    constants = constants_of_python(source)
    if language == "zeep":
        assert {constants[name] for name in ("STS", "TRUST", "SERVICE", "TOKEN_TYPE", "BEARER")} == {hostile}
    else:
        assert (constants["ISSUER"], constants["RECIPIENT"]) == (hostile, None)
        assert constants["AUDIENCES"] == {hostile, "second"}
        assert tuple(constants["CERTIFICATES"]) == PEMS
    assert ast.dump(ast.parse(source)).count("Call(") == ast.dump(ast.parse(written(language, "plain"))).count("Call(")


@each_hostile
def test_a_value_is_a_string_of_javascript(hostile):
    source = written("node", hostile)
    assert source.isascii()
    for name in ("STS", "TRUST", "SERVICE", "TOKEN_TYPE", "BEARER", "ISSUER"):
        (found,) = re.findall(rf"(?m)^const {name} = (.*);$", source)
        assert json.loads(found) == hostile
    (audiences,) = re.findall(r"(?ms)^const AUDIENCES = \[\n(.*?),\n\];$", source)
    assert json.loads(f"[{audiences}]") == [hostile, "second"]
    assert re.findall(r"(?s)`(-----BEGIN.*?)`", source) == list(PEMS)


@each_hostile
def test_a_value_is_a_string_of_java(hostile):
    source = written("spring", hostile)
    assert source.isascii()
    (audiences,) = re.findall(r"(?ms)AUDIENCES = \{\n(.*?),\n    \};$", source)
    assert json.loads(f"[{audiences}]") == [hostile, "second"]
    escapes = audiences.replace("\\\\", "")  # a doubled backslash begins none (JLS 3.3)
    assert not re.search(r"\\u00(0[ad]|22|5c)", escapes)  # which Java reads before it looks for strings
    assert re.findall(r'(?s)"""\n(-----BEGIN.*?)"""', source) == list(PEMS)


@each_hostile
def test_a_value_is_an_attribute_of_wcfs_configuration(hostile):
    root = etree.fromstring(written("wcf", hostile).encode())
    assert [add.get("value") for add in root.iterfind(".//audienceUris/add")] == [hostile, "second"]
    trusted = [(add.get("thumbprint"), add.get("name")) for add in root.iterfind(".//trustedIssuers/add")]
    assert trusted == [(thumbprint, hostile) for thumbprint in THUMBPRINTS]
    assert root.find(".//issuer").get("address") == hostile
    assert root.find(".//issuerMetadata").get("address") == f"{hostile}/mex"
    assert root.find(".//message[@issuedTokenType]").get("issuedTokenType") == hostile
    assert {endpoint.get("address") for endpoint in root.iter("endpoint")} == {hostile}
    assert len(list(root.iter())) == len(list(etree.fromstring(written("wcf", "plain").encode()).iter()))


BEANS = {"b": "http://www.springframework.org/schema/beans"}


@each_hostile
def test_a_value_is_an_attribute_of_a_spring_bean(hostile):
    if "${" in hostile:
        return
    root = etree.fromstring(written("cxf", hostile).encode())
    bean = root.find("b:bean[@id='sts']", BEANS)
    properties = {each.get("name"): each.get("value") for each in bean.iterfind("b:property", BEANS)}
    assert properties["wsdlLocation"] == f"{hostile}?wsdl"
    assert properties["serviceName"] == f"{{{hostile}}}SecurityTokenService"
    assert (properties["namespace"], properties["tokenType"], properties["keyType"]) == (hostile,) * 3
    assert len(list(root.iter())) == len(list(etree.fromstring(written("cxf", "plain").encode()).iter()))


@pytest.mark.parametrize("expression", ["${user.home}", "urn:#{T(java.lang.Runtime).getRuntime().exit(1)}"])
def test_what_spring_would_evaluate_is_refused(expression):
    with pytest.raises(ValueError, match="evaluate"):
        written("cxf", expression)


@pytest.mark.parametrize("language", ["wcf", "cxf"])
def test_what_xml_cannot_carry_is_refused(language):
    with pytest.raises(ValueError, match="XML cannot carry"):
        written(language, "bell \x07")
