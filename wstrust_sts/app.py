"""The composition root: every part is chosen and joined here, and requests are routed to the face they are for."""

import logging
import os
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime

from wstrust_sts import log, policy, registry
from wstrust_sts.authenticators.lockout import Gate, Limits
from wstrust_sts.authenticators.passwords import PasswordChecker
from wstrust_sts.authenticators.patience import EndlessPatience, SourcePatience
from wstrust_sts.bindings.adfs_mex import mex_endpoint, render_adfs_mex
from wstrust_sts.bindings.exchange import Report
from wstrust_sts.bindings.federation_metadata import FederationMetadata, path_of
from wstrust_sts.bindings.forwarded_certificate import ForwardedCertificate
from wstrust_sts.bindings.http import Request, Response
from wstrust_sts.bindings.metadata import render_wsdl
from wstrust_sts.bindings.soap import SoapBinding
from wstrust_sts.bindings.spelling import Spellings
from wstrust_sts.claims.rules import RuleClaimPolicy
from wstrust_sts.config import AuthenticationSection, Config, ServerSection, read_key_encryption_key
from wstrust_sts.endpoint_section import SIGNED_POLICIES
from wstrust_sts.errors import Busy, HttpRefusal, MethodNotAllowed, NotFound, OnlyForReading, StsError
from wstrust_sts.keyring import StoredKeyring
from wstrust_sts.keys import AesGcmSecretBox
from wstrust_sts.model import Endpoint, Operation
from wstrust_sts.own_party import OwnAddresses, RelyingPartiesAndOwn
from wstrust_sts.pki.validation import PathValidator
from wstrust_sts.ports import Clock, Keyring, Patience, SecretBox, TokenProvider
from wstrust_sts.readiness import find_obstacles
from wstrust_sts.registers import Registers
from wstrust_sts.renewal import RenewalTerms
from wstrust_sts.service import SecurityTokenService
from wstrust_sts.storage.database import open_database
from wstrust_sts.storage.janitor import Janitor
from wstrust_sts.storage.stores import Stores, open_stores
from wstrust_sts.token_credentials import TokenSecrets
from wstrust_sts.wire.native import check_native_libraries
from wstrust_sts.wire.wsse import Freshness

_log = logging.getLogger("wstrust_sts.app")

METADATA = "/mex"  # beneath an endpoint: its metadata by WS-MetadataExchange
SOAP_OPERATIONS: tuple[Operation, ...] = tuple(sorted(policy.OPERATIONS, key=lambda operation: operation.value))


def now() -> datetime:
    """The one clock of a running server."""
    return datetime.now(UTC)


class Application:
    """Routes one request to its face. Thread-safe."""

    def __init__(
        self,
        *,
        binding: SoapBinding,
        endpoints: Mapping[str, Endpoint],
        documents: Mapping[str, bytes],
        adfs_mex: Mapping[str, bytes],
        federation: Mapping[str, FederationMetadata],
        readiness: Callable[[], str | None],
        forwarded_certificate: ForwardedCertificate | None = None,
    ) -> None:
        """`documents` and `adfs_mex` are metadata by path: of one endpoint each, and of many together.

        `forwarded_certificate`: where a proxy tells the certificates of its clients.
        """
        self._binding = binding
        self._endpoints = endpoints
        self._described = {path + METADATA: endpoint for path, endpoint in endpoints.items()}
        self._described |= {path: mex_endpoint(path) for path in adfs_mex}
        self._adfs_mex = adfs_mex
        self._documents = documents
        self._federation = federation
        self._readiness = readiness
        self._forwarded_certificate = forwarded_certificate
        adfs = [path for path, endpoint in endpoints.items() if endpoint.layout == "adfs"]
        known = {*endpoints, *self._described, *federation}
        self._spellings = Spellings([*adfs, *adfs_mex, *(federation if adfs else ())], known=known)

    def handle(self, request: Request) -> Response:
        """The answer to any request: from a face, or a plain one. Never raises."""
        correlation_id = secrets.token_hex(16)
        request = self._spellings.settle(request)
        try:
            response = self._route(request, correlation_id)
        except HttpRefusal as refusal:
            response = Response(status=refusal.status, body=_line(refusal.sentence), headers=refusal.headers)
        except StsError as failure:
            _log.error("request %s to %s: %s", correlation_id, request.path, failure.detail)
            response = _plain(failure)
        except Exception:
            _log.exception("unexpected failure in request %s", correlation_id)
            response = Response(status=500, body=_line("The request failed."))
        return response.with_header("X-Correlation-Id", correlation_id)

    def busy(self, request: Request) -> Response:
        """The answer to a request that there is no room for: where it can be, the fault that its client understands."""
        refusal = Busy("too many requests at once")
        request = self._spellings.settle(request)
        endpoint = self._endpoints.get(request.path)
        if endpoint is None:
            return _plain(refusal)
        return self._binding.refuse(request, endpoint, refusal, correlation_id=secrets.token_hex(16))

    def _route(self, request: Request, correlation_id: str) -> Response:
        if self._forwarded_certificate is not None:
            request = self._forwarded_certificate.settle(request)
        endpoint = self._endpoints.get(request.path)
        if endpoint is not None:
            if request.method == "POST":
                return self._binding.handle(request, endpoint, correlation_id)
            if request.method in ("GET", "HEAD") and request.query.lower() in ("wsdl", "singlewsdl"):
                return _document(self._documents[endpoint.path])
            raise MethodNotAllowed
        described = self._described.get(request.path)
        if described is not None:
            if request.method == "POST":
                return self._binding.handle(request, described, correlation_id, metadata_only=True)
            if request.method in ("GET", "HEAD") and request.path in self._adfs_mex:
                return _document(self._adfs_mex[request.path])
            raise MethodNotAllowed
        federation = self._federation.get(request.path)
        if federation is not None:
            return federation.handle(request)
        if request.path in ("/healthz", "/readyz"):
            if request.method not in ("GET", "HEAD"):
                raise OnlyForReading
            problem = self._readiness() if request.path == "/readyz" else None
            return Response(status=200, body=b"ok\n") if problem is None else Response(status=503, body=_line(problem))
        raise NotFound


def _document(markup: bytes) -> Response:
    return Response(status=200, body=markup, content_type="text/xml; charset=utf-8")


def _plain(failure: StsError) -> Response:
    """The answer to what is no message, with the failure's constant sentence."""
    headers = (("Retry-After", str(failure.retry_after)),) if isinstance(failure, Busy) else ()
    return Response(status=failure.status, body=_line(failure.sentence), headers=headers)


def _line(sentence: str) -> bytes:
    return f"{sentence}\n".encode()


@contextmanager
def open_application(config: Config, *, clock: Clock = now) -> Iterator[Application]:
    """A running application: database open, keys unwrapped, janitor at work; all of it closed at the end.

    Raises what a part of it raises at start: ConfigurationError, UnusableDatabase, UnknownPlugin, RuntimeError.
    """
    check_native_libraries()
    box = AesGcmSecretBox(read_key_encryption_key(config))
    with ExitStack() as opened:
        database = open_database(config.database.url, connections=config.database.connections)
        opened.callback(database.close)
        stores = open_stores(database, box)
        opened.callback(stores.close)
        janitor = Janitor(
            database,
            clock=clock,
            interval=config.retention.interval,
            token_grace=config.retention.tokens,
            audit_retention=config.retention.audit,
        )
        janitor.start()
        opened.callback(janitor.stop)
        yield compose(config, stores, StoredKeyring(stores.signing_keys, box), box=box, clock=clock)


def compose(config: Config, stores: Stores, keyring: Keyring, *, box: SecretBox, clock: Clock) -> Application:
    """The application over open stores: what the configuration enables, joined through the ports."""
    authentication = config.authentication
    parts = _parts(config, stores, keyring, box)
    providers = [registry.TOKEN_PROVIDERS.build(name, parts) for name in config.plugins.token_providers]
    own = OwnAddresses.of(config.server.public_url, [(each.realm, each.path) for each in config.endpoints])
    registers = Registers(
        realms=stores.realms,
        accounts=stores.accounts,
        relying_parties=RelyingPartiesAndOwn(
            stores.relying_parties, realms=stores.realms, keyring=keyring, addresses=own
        ),
        delegation_rules=stores.delegation_rules,
        issued_tokens=stores.issued_tokens,
        contexts=stores.security_contexts,
        journal=stores.journal,
        replay_cache=stores.replay_cache,
    )
    service = SecurityTokenService(
        registers=registers,
        keyring=keyring,
        authenticators=[registry.AUTHENTICATORS.build(name, parts) for name in config.plugins.authenticators],
        providers=providers,
        claim_sources=[registry.CLAIM_SOURCES.build(name, parts) for name in config.plugins.claim_sources],
        claim_policy=RuleClaimPolicy(),
        message_window=authentication.message_maximum_age + 2 * authentication.clock_skew,
        renewal=RenewalTerms(grace=config.renewal.grace, after_expiry=config.renewal.after_expiry, own=own),
        box=box,
    )
    endpoints = {endpoint.path: endpoint for endpoint in config.endpoints}
    documents = {
        path: render_wsdl(endpoint, config.server.public_url, SOAP_OPERATIONS) for path, endpoint in endpoints.items()
    }
    adfs_mex = render_adfs_mex(config.endpoints, config.server.public_url)
    binding = SoapBinding(
        service,
        clock=clock,
        keyring=keyring,
        patience=_patience(authentication, stores),
        certificates=stores.certificates,
        secrets=TokenSecrets(stores.issued_tokens, box),
        contexts=stores.security_contexts,
        policies=registry.POLICIES,
        layouts=registry.LAYOUTS,
        documents={**documents, **adfs_mex},
        report=_log_report,
        freshness=Freshness(skew=authentication.clock_skew, max_age=authentication.message_maximum_age),
        public_url=config.server.public_url,
        tls_in_front=config.server.tls_in_front,
    )
    return Application(
        binding=binding,
        endpoints=endpoints,
        documents=documents,
        adfs_mex=adfs_mex,
        federation=_describe_realms(config, stores, keyring, providers=providers, clock=clock),
        readiness=lambda: _unready(stores, keyring, endpoints),
        forwarded_certificate=_forwarded_certificate(config.server),
    )


def _parts(config: Config, stores: Stores, keyring: Keyring, box: SecretBox) -> registry.Parts:
    """What plug-ins are built from."""
    authentication = config.authentication
    return registry.Parts(
        accounts=stores.accounts,
        certificates=stores.certificates,
        validator=PathValidator(authentication.clock_skew),
        contexts=stores.security_contexts,
        replay_cache=stores.replay_cache,
        keyring=keyring,
        passwords=PasswordChecker(
            slots=authentication.password_hashes_at_once or _hash_slots(config.server.workers),
            queue=min(authentication.password_hash_queue, config.server.request_threads // 2),
            remember_for=authentication.credential_cache,
        ),
        box=box,
        skew=authentication.clock_skew,
        nonce_window=authentication.message_maximum_age,
        gate=_gate(authentication, stores),
        inside_networks=config.server.inside_networks,
    )


def _describe_realms(
    config: Config, stores: Stores, keyring: Keyring, *, providers: Sequence[TokenProvider], clock: Clock
) -> dict[str, FederationMetadata]:
    """The federation metadata of every realm that an endpoint serves, by its path."""
    served: dict[str, list[Endpoint]] = {}
    for endpoint in config.endpoints:
        served.setdefault(endpoint.realm, []).append(endpoint)
    return {
        path_of(realm): FederationMetadata(
            endpoints,
            public_url=config.server.public_url,
            token_types=[token_type for provider in providers for token_type in provider.token_types],
            realms=stores.realms,
            keyring=keyring,
            clock=clock,
        )
        for realm, endpoints in served.items()
    }


def _forwarded_certificate(server: ServerSection) -> ForwardedCertificate | None:
    header = server.client_certificate_header
    return None if header is None else ForwardedCertificate(header, server.client_certificate_peers)


def _gate(authentication: AuthenticationSection, stores: Stores) -> Gate | None:
    return Gate(stores.lockouts, _limits(authentication)) if authentication.lockout else None


def _patience(authentication: AuthenticationSection, stores: Stores) -> Patience:
    return SourcePatience(stores.lockouts, _limits(authentication)) if authentication.lockout else EndlessPatience()


def _limits(authentication: AuthenticationSection) -> Limits:
    return Limits(free=authentication.lockout_failures, longest=authentication.lockout_longest_delay)


def _log_report(report: Report) -> None:
    log.operation(
        correlation_id=report.correlation_id,
        operation=report.operation,
        outcome=report.outcome,
        endpoint=report.endpoint,
        requestor=report.requestor,
        relying_party=report.relying_party,
        source=report.source,
        duration_ms=report.seconds * 1000,
        detail=report.detail,
    )


def _hash_slots(workers: int) -> int:
    """As many password hashes at once on the machine as it has cores, shared by the processes."""
    cores = os.cpu_count() or 1
    return max(1, cores // (workers or cores))


def _unready(stores: Stores, keyring: Keyring, endpoints: Mapping[str, Endpoint]) -> str | None:
    """Why tokens cannot be issued at every endpoint now, in one line that gives nothing away; None when all is well."""
    served = {endpoint.realm for endpoint in endpoints.values()}
    message_realms = {endpoint.realm for endpoint in endpoints.values() if endpoint.policy in SIGNED_POLICIES}
    found = find_obstacles(served, realms=stores.realms, keyring=keyring, message_realms=message_realms)
    return next((obstacle.sentence for obstacle in found), None)
