"""`sts.toml`: everything about one process. What the STS knows (realms, accounts, relying parties) is in the database.

`load_config` reads the file strictly and reports every problem at once; it opens nothing that the file names. The
docstrings of the reference in docs/configuration.md are the `key(...)` declarations below.
"""

import base64
import binascii
import dataclasses
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Literal

from wstrust_sts import toml_kinds as kinds
from wstrust_sts.endpoint_section import CLIENT_CERTIFICATE_POLICIES, EndpointSection
from wstrust_sts.listener import ServerSection
from wstrust_sts.model import Endpoint, TrustVersion
from wstrust_sts.strict_toml import ConfigurationError, Fault, Problem, key, read_file

__all__ = [
    "Config",
    "ConfigurationError",
    "EndpointSection",
    "KnownNames",
    "Problem",
    "ServerSection",
    "load_config",
    "read_key_encryption_key",
]

_MINUTE, _HOUR, _DAY = (timedelta(seconds=n) for n in (60, 3600, 86400))

LogFormat = Literal["text", "json"]
LogLevel = Literal["debug", "info", "warning", "error"]
_LOG_FORMATS: Mapping[str, LogFormat] = {"text": "text", "json": "json"}
_LOG_LEVELS: Mapping[str, LogLevel] = {"debug": "debug", "info": "info", "warning": "warning", "error": "error"}


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseSection:
    """Where everything is kept: SQLite for one machine, PostgreSQL for many."""

    url: str = key(
        kinds.text(),
        "SQLAlchemy URL. A relative SQLite file starts at this file's folder.",
        default="sqlite:///sts.db",
        secret=True,
    )
    url_environment: str | None = key(
        kinds.text(), "Take the URL from this environment variable instead, when it is set.", default=None
    )
    connections: int = key(
        kinds.whole(6, 1000),
        "Connections that each process opens at most. PostgreSQL's max_connections must suffice for all nodes.",
        default=20,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretsSection:
    """The key that wraps the private keys in the database. Exactly one of the two keys."""

    key_encryption_key_file: Path | None = key(
        kinds.path(), "File with the key: 32 random bytes in Base64. Readable by its owner only.", default=None
    )
    key_encryption_key_environment: str | None = key(
        kinds.text(), "Environment variable with the key in the same form.", default=None
    )

    def faults(self) -> Iterator[Fault]:
        if (self.key_encryption_key_file is None) == (self.key_encryption_key_environment is None):
            yield Fault(
                "key_encryption_key_file",
                "exactly one of key_encryption_key_file and key_encryption_key_environment must be there",
                "keep one of them; `wstrust-sts init` makes a key file",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class LogSection:
    """The log, on standard error: one line for each operation."""

    format: LogFormat = key(kinds.choice(_LOG_FORMATS), "How a line is written.", default="text")
    level: LogLevel = key(kinds.choice(_LOG_LEVELS), "The least that is written.", default="info")


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthenticationSection:
    """How credentials are checked."""

    clock_skew: timedelta = key(
        kinds.duration(timedelta(0), _HOUR), "How far a client's clock may be off.", default=5 * _MINUTE
    )
    message_maximum_age: timedelta = key(
        kinds.duration(_MINUTE, _DAY),
        "How old a message may be by its Timestamp or nonce, whatever Expires says.",
        default=10 * _MINUTE,
    )
    credential_cache: timedelta = key(
        kinds.duration(timedelta(0), _DAY),
        "How long a verified password is remembered (as a keyed digest, in memory); 0 turns it off. "
        "A lock or a new password acts at once all the same.",
        default=10 * _MINUTE,
    )
    password_hashes_at_once: int = key(
        kinds.whole(0, 256), "Password hashes computed at the same time; 0 means one for each core.", default=0
    )
    password_hash_queue: int = key(
        kinds.whole(0, 10_000),
        "Logins of each process that may wait for a hash; beyond that the answer is busy. Never more than half of "
        "server.request_threads wait, so that requests with a remembered password find a thread.",
        default=32,
    )
    lockout: bool = key(
        kinds.choice({"on": True, "off": False}),
        "Whether wrong passwords hold up further attempts, by user and source, on all nodes together. "
        "Behind a proxy that hides the clients' addresses, all of them are one source.",
        default=True,
        shown='"on"',
    )
    lockout_failures: int = key(
        kinds.whole(1, 1000),
        "Wrong passwords of one user from one source before attempts are held up; 5 times as many of one user from "
        "everywhere, 10 times as many from one source.",
        default=10,
    )
    lockout_longest_delay: timedelta = key(
        kinds.duration(timedelta(seconds=1), _HOUR),
        "A hold-up starts with a second, doubles with every further failure, and is never longer than this.",
        default=_MINUTE,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionSection:
    """What the janitor removes, and when."""

    tokens: timedelta = key(
        kinds.duration(timedelta(0), 3650 * _DAY),
        "How long a token stays in the register after it expired.",
        default=_DAY,
    )
    audit: timedelta = key(kinds.duration(_DAY, 36500 * _DAY), "How long an audit event is kept.", default=400 * _DAY)
    interval: timedelta = key(kinds.duration(_MINUTE, _DAY), "Time between two clean-ups.", default=10 * _MINUTE)


@dataclass(frozen=True, slots=True, kw_only=True)
class RenewalSection:
    """When tokens can be renewed, and what becomes of the old ones."""

    grace: timedelta = key(
        kinds.duration(timedelta(0), _HOUR),
        "How long a renewed token stays in force, and can be renewed twice more: the answer may have been lost.",
        default=2 * _MINUTE,
    )
    after_expiry: timedelta = key(
        kinds.duration(timedelta(0), 30 * _DAY),
        "How long after its end a token can be renewed that was asked for with Renewing OK.",
        default=_HOUR,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginsSection:
    """Which of the known plug-ins are enabled; installed packages can offer more."""

    authenticators: tuple[str, ...] = key(
        kinds.many(kinds.text()),
        "Credentials that are accepted: username is UsernameToken, x509 a certificate whose key signed the message or "
        "TLS, context a security context whose key did, saml this STS's own tokens as targets and where their key did.",
        default=("username", "x509", "context", "saml"),
        shown='["username", "x509", "context", "saml"]',
    )
    token_providers: tuple[str, ...] = key(
        kinds.many(kinds.text()),
        "Tokens that are issued: SAML assertions, and security contexts (sct).",
        default=("saml20", "saml11", "sct"),
        shown='["saml20", "saml11", "sct"]',
    )
    claim_sources: tuple[str, ...] = key(
        kinds.many(kinds.text()),
        "Where claims come from: account is the account itself, authentication how the subject proved itself, network "
        "whether it asks from server.inside_networks.",
        default=("account",),
        shown='["account"]',
    )


_DEFAULT_ENDPOINTS = (
    EndpointSection(path="/trust/13/usernamemixed", trust=TrustVersion.V13),
    EndpointSection(path="/trust/2005/usernamemixed", trust=TrustVersion.V2005),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """A whole sts.toml. `file` is where it was read from; every path in it is absolute."""

    server: ServerSection = key(kinds.table(ServerSection), "Listener, TLS, limits and time-outs.")
    database: DatabaseSection = key(kinds.table(DatabaseSection), "The database.", default=DatabaseSection())
    secrets: SecretsSection = key(kinds.table(SecretsSection), "The key that wraps stored secrets.")
    log: LogSection = key(kinds.table(LogSection), "The log.", default=LogSection())
    authentication: AuthenticationSection = key(
        kinds.table(AuthenticationSection), "How credentials are checked.", default=AuthenticationSection()
    )
    retention: RetentionSection = key(
        kinds.table(RetentionSection), "What is kept, and how long.", default=RetentionSection()
    )
    renewal: RenewalSection = key(kinds.table(RenewalSection), "Renewing tokens.", default=RenewalSection())
    plugins: PluginsSection = key(kinds.table(PluginsSection), "What is enabled.", default=PluginsSection())
    endpoint_sections: tuple[EndpointSection, ...] = key(
        kinds.tables(EndpointSection, label="path"),
        "The addresses of the STS.",
        default=_DEFAULT_ENDPOINTS,
        name="endpoint",
    )
    file: Path = Path("sts.toml")

    def faults(self) -> Iterator[Fault]:
        server = self.server
        open_to_all = server.plain_http and not server.tls_in_front
        if open_to_all and not all(section.without_tls for section in self.endpoint_sections):
            yield Fault(
                "server",
                f"plain_http would send passwords unprotected from {server.listen[0]}",
                "listen on 127.0.0.1, use TLS, set behind_tls_proxy = true if a proxy in front ends TLS, or give every "
                "endpoint without_tls = true",
            )
        if self.renewal.after_expiry > self.retention.tokens:
            yield Fault(
                "renewal",
                "after_expiry is longer than expired tokens are kept",
                "shorten it, or lengthen retention.tokens",
            )
        if self.asks_for_client_certificates:
            if server.client_authorities is None and server.client_certificate_header is None:
                yield Fault(
                    "server",
                    "an endpoint's policy asks for TLS client certificates, and the server does not",
                    "set client_authorities; behind a proxy client_certificate_header and client_certificate_peers",
                )
        elif server.client_authorities is not None or server.client_certificate_header is not None:
            yield Fault(
                "server",
                "TLS client certificates are asked for, and no endpoint's policy has them",
                "remove client_authorities and client_certificate_header, or give an endpoint one of the policies: "
                + ", ".join(sorted(CLIENT_CERTIFICATE_POLICIES)),
            )
        paths = [section.path for section in self.endpoint_sections]
        if not paths:
            yield Fault("endpoint", "an empty list serves nothing", "remove it: two endpoints are there by default")
        for path in sorted({path for path in paths if paths.count(path) > 1}):
            yield Fault("endpoint", f"two endpoints have the path {path}", "give each its own path")

    @property
    def asks_for_client_certificates(self) -> bool:
        return any(section.policy in CLIENT_CERTIFICATE_POLICIES for section in self.endpoint_sections)

    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        return tuple(section.endpoint() for section in self.endpoint_sections)


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownNames:
    """What the registry has: the names that an endpoint may use."""

    policies: frozenset[str]
    layouts: frozenset[str]
    algorithms: frozenset[str]
    tolerances: frozenset[str]


def load_config(path: Path, *, known: KnownNames | None = None, environment: Mapping[str, str] | None = None) -> Config:
    """The configuration in `path`, with absolute paths and database URL. Raises ConfigurationError.

    With `known`, names of policies, layouts, algorithms and tolerances are checked too. Without `environment` it is
    os.environ.
    """
    environment = os.environ if environment is None else environment
    config = dataclasses.replace(read_file(Config, path), file=path.absolute())
    problems = list(_unknown_names(config, known)) if known else []
    if problems:
        raise ConfigurationError(problems)
    url = environment.get(config.database.url_environment or "") or config.database.url
    database = dataclasses.replace(config.database, url=_absolute_sqlite(url, config.file.parent))
    return dataclasses.replace(config, database=database)


def _absolute_sqlite(url: str, directory: Path) -> str:
    """A SQLite URL with three slashes names a file relative to the configuration, not to where one happens to be."""
    scheme, separator, name = url.partition(":///")
    if not separator or not scheme.startswith("sqlite") or name.startswith(("/", ":memory:", "file:")) or not name:
        return url
    return f"{scheme}:///{directory / name}"


def _unknown_names(config: Config, known: KnownNames) -> Iterator[Problem]:
    for section in config.endpoint_sections:
        used = [("policy", section.policy, known.policies), ("layout", section.layout, known.layouts)]
        used += [("algorithms", section.algorithms, known.algorithms)]
        used += [("tolerances", tolerance, known.tolerances) for tolerance in section.tolerances]
        for name, value, allowed in used:
            if value not in allowed:
                yield Problem(
                    f'{config.file}: endpoint["{section.path}"].{name}',
                    f'"{value}" is not known here',
                    f"use one of: {', '.join(sorted(allowed)) or '(there are none)'}",
                )


def read_key_encryption_key(config: Config, *, environment: Mapping[str, str] | None = None) -> bytes:
    """The 32 bytes that [secrets] names. Raises ConfigurationError."""
    environment = os.environ if environment is None else environment
    file, variable = config.secrets.key_encryption_key_file, config.secrets.key_encryption_key_environment
    if file is not None:
        where, written = str(file), _read_key_file(config, file)
    else:
        where, written = f"environment variable {variable}", environment.get(variable or "", "")
    try:
        found = base64.b64decode(written.strip(), validate=True)
    except (ValueError, binascii.Error):
        found = b""
    if len(found) != 32:
        raise ConfigurationError(
            [Problem(where, "does not hold a key: 32 bytes in Base64", "restore the key from your backup of it")]
        )
    return found


def _read_key_file(config: Config, file: Path) -> str:
    try:
        return file.read_text(encoding="ascii")
    except UnicodeDecodeError:
        return ""
    except OSError as error:
        problem = Problem(
            f"{config.file}: secrets.key_encryption_key_file",
            f"{file} cannot be read ({error.strerror})",
            "restore the key from your backup of it, or correct path and permissions",
        )
        raise ConfigurationError([problem]) from None
