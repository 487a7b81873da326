"""sts.toml: what is accepted, and that every fault is reported at once with its place and its fix."""

import base64
from datetime import timedelta
from pathlib import Path

import pytest

from wstrust_sts import ns
from wstrust_sts.config import Config, ConfigurationError, KnownNames, load_config, read_key_encryption_key
from wstrust_sts.model import Endpoint, KeyType, TokenType, TrustVersion

KNOWN = KnownNames(
    policies=frozenset({"usernamemixed", "certificatemixed", "certificatetransport", "username"}),
    layouts=frozenset({"default", "adfs"}),
    algorithms=frozenset({"default"}),
    tolerances=frozenset({"no-timestamp", "repeated-signature", "no-applies-to", "bare-rstr", "unsigned-addressing"}),
)
MINIMAL = """
[server]
public_url = "https://sts.example.test/"
certificate = "tls/server.pem"
private_key = "tls/server.key"

[secrets]
key_encryption_key_file = "kek"
"""


def load(directory: Path, text: str, environment: dict[str, str] | None = None) -> Config:
    file = directory / "sts.toml"
    file.write_text(text, encoding="utf-8")
    return load_config(file, known=KNOWN, environment=environment or {})


def problems(directory: Path, text: str) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        load(directory, text)
    prefix = f"{directory / 'sts.toml'}: "
    assert all(problem.fix for problem in caught.value.problems)
    return [f"{problem.where}: {problem.what}".removeprefix(prefix) for problem in caught.value.problems]


def test_a_minimal_file_is_enough_and_has_the_two_default_endpoints(tmp_path: Path) -> None:
    config = load(tmp_path, MINIMAL)
    assert config.server.public_url == "https://sts.example.test"
    assert config.server.listen == ("127.0.0.1", 8443)
    assert [(e.path, e.version) for e in config.endpoints] == [
        ("/trust/13/usernamemixed", TrustVersion.V13),
        ("/trust/2005/usernamemixed", TrustVersion.V2005),
    ]
    assert not any(endpoint.tolerances for endpoint in config.endpoints)


def test_relative_paths_and_sqlite_files_start_at_the_files_folder(tmp_path: Path) -> None:
    config = load(tmp_path, MINIMAL + '[database]\nurl = "sqlite:///data/sts.db"\n')
    assert config.server.certificate == tmp_path / "tls/server.pem"
    assert config.secrets.key_encryption_key_file == tmp_path / "kek"
    assert config.database.url == f"sqlite:///{tmp_path}/data/sts.db"


@pytest.mark.parametrize(
    "url", ["sqlite:////var/lib/sts.db", "sqlite:///:memory:", "postgresql+psycopg://sts@db/sts", "sqlite://"]
)
def test_other_database_urls_are_left_as_they_are(tmp_path: Path, url: str) -> None:
    assert load(tmp_path, MINIMAL + f'[database]\nurl = "{url}"\n').database.url == url


def test_the_database_url_can_come_from_the_environment_and_is_not_shown(tmp_path: Path) -> None:
    text = MINIMAL + '[database]\nurl_environment = "STS_DATABASE"\n'
    config = load(tmp_path, text, {"STS_DATABASE": "postgresql+psycopg://sts:s3cret@db/sts"})
    assert config.database.url == "postgresql+psycopg://sts:s3cret@db/sts"
    assert "s3cret" not in repr(config)


def test_every_problem_is_reported_at_once_with_its_place(tmp_path: Path) -> None:
    found = problems(
        tmp_path,
        """
        [server]
        listen = "8443"
        public_url = "sts.example.test"
        wrokers = 3
        maximum_connections = "many"
        header_timeout = "ten seconds"
        [secrets]
        [log]
        format = "xml"
        [[endpoint]]
        path = "/a"
        trust = "1.4"
        [loging]
        """,
    )
    assert [problem.split(":")[0] for problem in found] == [
        "loging",
        "server.wrokers",
        "server.listen",
        "server.public_url",
        "server.maximum_connections",
        "server.header_timeout",
        "secrets.key_encryption_key_file",
        "log.format",
        'endpoint["/a"].trust',
    ]


def test_an_unknown_key_is_answered_with_the_key_that_was_meant(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match='did you mean "public_url"'):
        load(tmp_path, MINIMAL.replace("public_url", "publc_url"))


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [
        ("server", "workers", "true"),
        ("server", "workers", "-1"),
        ("server", "workers", "1.5"),
        ("server", "maximum_body_bytes", "0"),
        ("server", "plain_http", '"yes"'),
        ("server", "listen", '"localhost:99999"'),
        ("server", "listen", '"::1:8443"'),
        ("server", "listen", '"evil host:80"'),
        ("server", "certificate", "[]"),
        ("server", "certificate", '""'),
        ("server", "public_url", '"https://user@sts.example.test"'),
        ("server", "public_url", '"https://sts.example.test/?q"'),
        ("server", "public_url", '"https://sts.example.test:port"'),
        ("server", "public_url", '"ftp://sts.example.test"'),
        ("authentication", "clock_skew", '"-5m"'),
        ("authentication", "clock_skew", '"2h"'),
        ("authentication", "clock_skew", '""'),
        ("authentication", "clock_skew", "99999999999999999999"),
        ("authentication", "clock_skew", "5.0"),
        ("retention", "audit", '"1h"'),
        ("renewal", "grace", '"2h"'),
        ("renewal", "after_expiry", '"31d"'),
        ("log", "level", '"trace"'),
    ],
)
def test_a_bad_value_is_refused_by_its_key(tmp_path: Path, section: str, key: str, value: str) -> None:
    lines = [line for line in MINIMAL.splitlines() if not line.startswith(f"{key} =")]
    if section == "server":
        lines.insert(lines.index("[server]") + 1, f"{key} = {value}")
    else:
        lines += [f"[{section}]", f"{key} = {value}"]
    assert [problem.split(":")[0] for problem in problems(tmp_path, "\n".join(lines))] == [f"{section}.{key}"]


def test_durations_are_written_with_units_or_in_seconds(tmp_path: Path) -> None:
    config = load(tmp_path, MINIMAL + '[authentication]\nclock_skew = "1m30s"\nmessage_maximum_age = 120\n')
    assert config.authentication.clock_skew == timedelta(seconds=90)
    assert config.authentication.message_maximum_age == timedelta(minutes=2)


def test_a_token_cannot_be_renewed_when_the_register_has_forgotten_it(tmp_path: Path) -> None:
    text = MINIMAL + '[retention]\ntokens = "{}"\n[renewal]\nafter_expiry = "2h"\n'
    assert load(tmp_path, text.format("2h")).renewal.after_expiry == timedelta(hours=2)
    assert problems(tmp_path, text.format("1h")) == [
        "renewal: after_expiry is longer than expired tokens are kept",
    ]


def test_a_server_without_certificate_is_refused(tmp_path: Path) -> None:
    text = MINIMAL.replace('certificate = "tls/server.pem"', "")
    assert problems(tmp_path, text) == ["server.certificate: is missing, and passwords need TLS"]


def test_plain_http_is_for_loopback_or_behind_a_proxy_only(tmp_path: Path) -> None:
    plain = '[server]\nlisten = "{}"\npublic_url = "{}"\nplain_http = true\n{}\n[secrets]\nkey_encryption_key_file="k"'
    assert load(tmp_path, plain.format("127.0.0.1:8080", "http://localhost:8080", "")).server.plain_http
    assert load(tmp_path, plain.format("[::1]:8080", "http://localhost:8080", "")).server.listen == ("::1", 8080)
    to_all = plain.format("0.0.0.0:8080", "http://localhost:8080", "")
    assert problems(tmp_path, to_all)[0].startswith("server: plain_http would send passwords unprotected")
    protected = '\n[[endpoint]]\npath = "/sts"\ntrust = "1.3"\npolicy = "username"\nwithout_tls = true\n'
    assert not load(tmp_path, to_all + protected).server.tls_in_front
    assert load(tmp_path, plain.format("0.0.0.0:80", "https://sts.example.test", "behind_tls_proxy = true"))
    behind_http = plain.format("0.0.0.0:80", "http://sts.example.test", "behind_tls_proxy = true")
    assert problems(tmp_path, behind_http)[0].startswith("server.public_url")


def test_tls_and_plain_http_contradict_each_other(tmp_path: Path) -> None:
    assert problems(tmp_path, MINIMAL.replace("[server]", "[server]\nplain_http = true")) == [
        "server.plain_http: contradicts certificate and private_key"
    ]
    assert problems(tmp_path, MINIMAL.replace("[server]", "[server]\nbehind_tls_proxy = true")) == [
        "server.behind_tls_proxy: has no meaning without plain_http"
    ]
    assert problems(tmp_path, MINIMAL.replace("https://", "http://"))[0].startswith("server.public_url: must be https")


ENDPOINT = '[[endpoint]]\npath = "/sts"\ntrust = "1.3"\n'


def test_an_endpoint_row_becomes_an_endpoint(tmp_path: Path) -> None:
    text = ENDPOINT + (
        'realm = "partners"\nlayout = "adfs"\ntolerances = ["no-applies-to", "bare-rstr"]\n'
        'default_token_type = "saml11"\ndefault_relying_party = "crm"\nstrict_to = true\n'
        'default_key_type = "symmetric"\n'
    )
    (endpoint,) = load(tmp_path, MINIMAL + text).endpoints
    assert endpoint.path == "/sts"
    assert endpoint.version is TrustVersion.V13
    assert endpoint.realm == "partners"
    assert endpoint.layout == "adfs"
    assert endpoint.tolerances == {"no-applies-to", "bare-rstr"}
    assert endpoint.default_token_type is TokenType.SAML11
    assert endpoint.default_key_type is KeyType.SYMMETRIC
    assert endpoint.default_relying_party == "crm"
    assert endpoint.strict_to


@pytest.mark.parametrize(
    "path", ["sts", "", "/", "/a//b", "/a/", "/../a", "/a/./b", "/a b", "/a?b", "/a%20b", "/ä", "//evil.example"]
)
def test_a_path_that_two_servers_could_read_differently_is_refused(tmp_path: Path, path: str) -> None:
    assert "path" in problems(tmp_path, MINIMAL + ENDPOINT.replace("/sts", path))[0]


def test_the_layout_of_ad_fs_brings_its_token_type_and_the_default_namespace_unless_the_row_says_otherwise(
    tmp_path: Path,
) -> None:
    def loaded(*lines: str) -> Endpoint:
        (endpoint,) = load(tmp_path, MINIMAL + ENDPOINT + "".join(f"{line}\n" for line in lines)).endpoints
        return endpoint

    plain = loaded()
    assert (plain.default_token_type, plain.saml11_uri) == (TokenType.SAML20, ns.TP11_SAML11)
    assert plain.saml20_prefix == "saml2"
    adfs = loaded('layout = "adfs"')
    assert (adfs.default_token_type, adfs.saml11_uri, adfs.saml20_prefix) == (TokenType.SAML11, ns.SAML11, "")
    other = loaded('layout = "adfs"', 'default_token_type = "saml20"', 'saml20_prefix = "saml"')
    assert (other.default_token_type, other.saml20_prefix) == (TokenType.SAML20, "saml")
    assert loaded('saml20_prefix = "none"').saml20_prefix == ""
    assert "saml20_prefix" in problems(tmp_path, MINIMAL + ENDPOINT + 'saml20_prefix = "x:y"\n')[0]


def test_who_is_inside_is_not_asked_where_a_proxy_hides_it(tmp_path: Path) -> None:
    inside = MINIMAL.replace("[server]", '[server]\ninside_networks = ["10.0.0.0/8"]')
    assert [str(network) for network in load(tmp_path, inside).server.inside_networks] == ["10.0.0.0/8"]
    proxied = inside.replace("[server]", "[server]\nplain_http = true\nbehind_tls_proxy = true")
    assert any(problem.startswith("server.inside_networks: ") for problem in problems(tmp_path, proxied))


def test_nobody_is_inside_because_the_proxy_is_that_tells_his_certificate(tmp_path: Path) -> None:
    def written(inside: str) -> list[str]:
        proxy = 'client_certificate_header = "X"\nclient_certificate_peers = ["10.0.0.7"]'
        server = f'[server]\ninside_networks = ["{inside}"]\n{proxy}'
        return problems(tmp_path, MINIMAL.replace("[server]", server))

    assert [found for found in written("10.0.0.0/8") if found.startswith("server.inside_networks: ")]
    for others in ("10.1.0.0/16", "fd00::/8"):
        assert not [found for found in written(others) if found.startswith("server.inside_networks: ")]


@pytest.mark.parametrize("path", ["/mex", "/adfs/services/trust/mex"])
def test_an_endpoint_does_not_stand_where_metadata_is_asked_for(tmp_path: Path, path: str) -> None:
    (problem,) = problems(tmp_path, MINIMAL + ENDPOINT.replace("/sts", path))
    assert problem == f'endpoint["{path}"].path: is where metadata is asked for'


def test_names_that_the_registry_does_not_have_are_refused(tmp_path: Path) -> None:
    text = ENDPOINT + 'policy = "anything"\nlayout = "vmware"\ntolerances = ["no-security"]\n'
    assert problems(tmp_path, MINIMAL + text) == [
        'endpoint["/sts"].policy: "anything" is not known here',
        'endpoint["/sts"].layout: "vmware" is not known here',
        'endpoint["/sts"].tolerances: "no-security" is not known here',
    ]


def test_a_default_relying_party_and_its_tolerance_need_each_other(tmp_path: Path) -> None:
    for line in ('default_relying_party = "crm"\n', 'tolerances = ["no-applies-to"]\n'):
        assert "need each other" in problems(tmp_path, MINIMAL + ENDPOINT + line)[0]


def test_two_endpoints_of_one_path_and_doubled_tolerances_are_refused(tmp_path: Path) -> None:
    assert problems(tmp_path, MINIMAL + ENDPOINT + ENDPOINT) == ["endpoint: two endpoints have the path /sts"]
    doubled = 'tolerances = ["bare-rstr", "bare-rstr"]\n'
    assert problems(tmp_path, MINIMAL + ENDPOINT + doubled) == ['endpoint["/sts"].tolerances[2]: is there twice']


@pytest.mark.parametrize("content", [b"[server", b"\xff\xfe", b"server = 1", b"endpoint = [1]", b"a = 1\na = 2", b""])
def test_any_other_file_is_refused_with_a_problem(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "sts.toml"
    file.write_bytes(content)
    with pytest.raises(ConfigurationError) as caught:
        load_config(file, environment={})
    assert caught.value.problems[0].where.startswith(str(file))


def test_a_missing_file_or_a_folder_is_a_problem_too(tmp_path: Path) -> None:
    for path in (tmp_path / "nowhere.toml", tmp_path):
        with pytest.raises(ConfigurationError):
            load_config(path, environment={})


def test_the_key_encryption_key_comes_from_its_file_or_the_environment(tmp_path: Path) -> None:
    key = bytes(range(32))
    (tmp_path / "kek").write_bytes(base64.b64encode(key) + b"\n")
    assert read_key_encryption_key(load(tmp_path, MINIMAL), environment={}) == key
    from_environment = MINIMAL.replace('key_encryption_key_file = "kek"', 'key_encryption_key_environment = "KEK"')
    config = load(tmp_path, from_environment)
    assert read_key_encryption_key(config, environment={"KEK": base64.b64encode(key).decode()}) == key


@pytest.mark.parametrize("content", [b"", b"c2hvcnQ=", b"not base64!", b"\xff\xff", bytes(range(32))])
def test_a_key_encryption_key_of_another_form_is_refused_and_never_shown(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "kek").write_bytes(content)
    with pytest.raises(ConfigurationError) as caught:
        read_key_encryption_key(load(tmp_path, MINIMAL), environment={})
    assert caught.value.problems[0].what == "does not hold a key: 32 bytes in Base64"


def test_a_missing_key_file_and_two_sources_are_problems(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read"):
        read_key_encryption_key(load(tmp_path, MINIMAL), environment={})
    assert "exactly one" in problems(tmp_path, MINIMAL + 'key_encryption_key_environment = "KEK"\n')[0]


TRANSPORT = '[[endpoint]]\npath = "/t"\ntrust = "1.3"\npolicy = "certificatetransport"\n'
AUTHORITIES = 'client_authorities = "clients.pem"\n'
HEADER = 'client_certificate_header = "X-SSL-Client-Cert"\nclient_certificate_peers = ["192.0.2.7", "10.0.0.0/29"]\n'


def serving(more: str, endpoints: str = TRANSPORT) -> str:
    return MINIMAL.replace("[secrets]", f"{more}\n[secrets]") + endpoints


def test_client_certificates_come_by_tls_or_by_a_proxy_s_header(tmp_path: Path) -> None:
    by_tls = load(tmp_path, serving(AUTHORITIES)).server
    assert by_tls.client_authorities == tmp_path / "clients.pem"
    by_header = load(tmp_path, serving(HEADER)).server
    assert by_header.client_certificate_header == "x-ssl-client-cert"
    assert [str(peer) for peer in by_header.client_certificate_peers] == ["192.0.2.7/32", "10.0.0.0/29"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (serving(""), "an endpoint's policy asks for TLS client certificates, and the server does not"),
        (serving(AUTHORITIES, ""), "TLS client certificates are asked for, and no endpoint's policy has them"),
        (serving(HEADER, ""), "TLS client certificates are asked for, and no endpoint's policy has them"),
        (serving(HEADER.splitlines()[0]), "need each other"),
        (serving(HEADER.splitlines()[1]), "need each other"),
        (serving(HEADER.replace("X-SSL", "X SSL")), "is not the name of a header"),
        (serving(HEADER.replace("10.0.0.0/29", "10.0.0.1/29")), "is not an address or network"),
        (serving(HEADER.replace("192.0.2.7", "proxy")), "is not an address or network"),
        (serving(HEADER.replace('"192.0.2.7"', '"10.0.0.0/29"')), "is there twice"),
    ],
)
def test_client_certificates_that_nobody_can_show_or_wants_are_refused(tmp_path: Path, text: str, said: str) -> None:
    assert any(said in problem for problem in problems(tmp_path, text))


def test_tolerances_are_for_policies_that_have_what_they_relax(tmp_path: Path) -> None:
    unsigned = TRANSPORT + 'tolerances = ["unsigned-addressing"]\n'
    assert any("unsigned-addressing" in problem for problem in problems(tmp_path, serving(AUTHORITIES, unsigned)))
    repeated = TRANSPORT + 'tolerances = ["repeated-signature"]\n'
    assert any("has none" in problem for problem in problems(tmp_path, serving(AUTHORITIES, repeated)))
    endorsed = repeated.replace("certificatetransport", "certificatemixed")
    assert load(tmp_path, serving("", endorsed)).endpoints[0].tolerances == {"repeated-signature"}
    untimed = endorsed.replace("repeated-signature", "no-timestamp")
    assert any("nothing to cover" in problem for problem in problems(tmp_path, serving("", untimed)))
