"""The SOAP face: a Spyne application that implements the WS-Trust operations, and everything Spyne must not do.

Spyne dispatches; it neither parses, nor resolves ids, nor serialises, nor writes faults (each of these breaks
signatures or lets forged messages through). The message is parsed once, by `wire`, and the answer is written
there; whatever goes wrong becomes a SOAP fault with a constant text and a correlation id.
"""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import replace
from typing import Any, cast

from wstrust_sts import ns
from wstrust_sts.bindings import (
    mex,
    spyne_compat,  # noqa: F401 (before the first import of Spyne)
)
from wstrust_sts.bindings.exchange import Exchange, Report
from wstrust_sts.bindings.http import Request, Response
from wstrust_sts.bindings.media_type import MediaType, read_media_type
from wstrust_sts.errors import (
    BadContextToken,
    Busy,
    DestinationUnreachable,
    EmptyRequest,
    FailedAuthentication,
    FailedCheck,
    HttpRefusal,
    InvalidRequest,
    InvalidSecurity,
    RequestFailed,
    StsError,
    TooLarge,
    UnsupportedMediaType,
)
from wstrust_sts.model import Circumstances, Endpoint, Outcome
from wstrust_sts.ports import Certificates, Clock, Decrypter, Keyring, Patience, SecurityContexts
from wstrust_sts.service import SecurityTokenService
from wstrust_sts.token_credentials import TokenSecrets
from wstrust_sts.wire.actions import read_action
from wstrust_sts.wire.addressing import Addressing, demand_anonymous_replies, read_addressing
from wstrust_sts.wire.algorithms import ALGORITHMS
from wstrust_sts.wire.layouts.default import Layout
from wstrust_sts.wire.public_keys import proved_keys_of
from wstrust_sts.wire.seal import Seal
from wstrust_sts.wire.secure_conversation import demand_admitted
from wstrust_sts.wire.soap import (
    Envelope,
    ReplyContext,
    SoapVersion,
    demand_understood,
    read_envelope,
    write_answer,
    write_fault,
)
from wstrust_sts.wire.terms import SecurityReader, Terms
from wstrust_sts.wire.wsse import Freshness, Transport
from wstrust_sts.wire.wst import read_rst
from wstrust_sts.wire.xml import MAX_OCTETS, Element, parse

import spyne.const  # isort: skip
from spyne import Application, MethodContext, Service, rpc  # isort: skip
from spyne.model.primitive import AnyXml  # isort: skip
from spyne.protocol.soap import Soap11  # isort: skip
from spyne.server import ServerBase  # isort: skip

_log = logging.getLogger("wstrust_sts.soap")

_FAILURE_SECONDS = 0.02  # far above what a message takes to decrypt and verify
_DID_NOT_OPEN = (FailedCheck, BadContextToken)  # for want of a key: whoever sends such guesses at one


class Operations(Service):  # type: ignore[misc]
    """WS-Trust's operations. The descriptors are Spyne's; the arguments are in `ctx.udc`, already verified."""

    @rpc(AnyXml, _returns=AnyXml, _body_style="bare")  # type: ignore[untyped-decorator]
    def Issue(ctx: MethodContext, request: object) -> None:  # noqa: N802, N805 (the operation's name, Spyne's form)
        _carry_out(ctx)

    @rpc(AnyXml, _returns=AnyXml, _body_style="bare")  # type: ignore[untyped-decorator]
    def Validate(ctx: MethodContext, request: object) -> None:  # noqa: N802, N805
        _carry_out(ctx)

    @rpc(AnyXml, _returns=AnyXml, _body_style="bare")  # type: ignore[untyped-decorator]
    def Cancel(ctx: MethodContext, request: object) -> None:  # noqa: N802, N805
        _carry_out(ctx)

    @rpc(AnyXml, _returns=AnyXml, _body_style="bare")  # type: ignore[untyped-decorator]
    def Renew(ctx: MethodContext, request: object) -> None:  # noqa: N802, N805
        _carry_out(ctx)

    @rpc(AnyXml, _returns=AnyXml, _body_style="bare")  # type: ignore[untyped-decorator]
    def GetMetadata(ctx: MethodContext, request: object) -> None:  # noqa: N802, N805
        _carry_out(ctx)


def _carry_out(ctx: Any) -> None:
    """Nothing may escape into Spyne, which would put its text into a fault: failures travel in the exchange."""
    try:
        ctx.out_string = [ctx.app.config.answer(ctx.udc)]
    except Exception as failure:
        ctx.udc.failure = failure
        ctx.out_string = [b""]


class WsTrustProtocol(Soap11):  # type: ignore[misc]
    """Spyne's SOAP protocol with every step that touches the message replaced. One serves both SOAP versions."""

    def get_context(self, parent: object, transport: object) -> None:
        """Spyne's own keeps a reference cycle for every request."""

    def create_in_document(self, ctx: Any, charset: str | None = None) -> None:
        exchange: Exchange = ctx.udc
        ctx.in_document = (parse(exchange.request.body, charset=exchange.charset), {})

    def decompose_incoming_envelope(self, ctx: Any, message: object = None) -> None:
        root, _ = ctx.in_document
        ctx.in_document = root
        ctx.app.config.read(ctx.udc, root)
        ctx.method_request_string = f"{{{ctx.app.tns}}}{ctx.udc.operation}"

    def generate_method_contexts(self, ctx: Any) -> tuple[Any]:
        """Without Spyne's copy of the context."""
        (ctx.descriptor,) = self.get_call_handles(ctx)
        return (ctx,)

    def deserialize(self, ctx: Any, message: object) -> None:
        ctx.in_object = None

    def serialize(self, ctx: Any, message: object) -> None:
        raise AssertionError("answers are written by wire/, never by Spyne")


class _Context(MethodContext):  # type: ignore[misc]
    """Spyne's, without its check of every assignment, and without events, which nobody here listens to."""

    __setattr__ = object.__setattr__

    def fire_event(self, event: str, *args: object, **kwargs: object) -> None:
        pass


class _Shell(ServerBase):  # type: ignore[misc]
    """Drives Spyne without its WSGI layer."""

    transport = "urn:wstrust-sts:transport"

    def run(self, exchange: Exchange) -> bytes:
        """The answer's octets. Raises whatever refused the exchange."""
        ctx = _Context(self, MethodContext.SERVER)
        try:
            ctx.udc = exchange
            (ctx,) = self.generate_contexts(ctx)
            self.get_in_object(ctx)
            self.get_out_object(ctx)
            if exchange.failure is not None:
                raise exchange.failure
            return b"".join(ctx.out_string)
        finally:
            ctx.close()
            ctx.transport.parent = ctx.event.parent = None  # Spyne's cycles; reference counting frees the rest


class SoapBinding:
    """Answers SOAP requests at every endpoint. Thread-safe; one request stays in one thread.

    `policies` and `layouts` are the tables that endpoint rows name (registry.py); `documents` are the WSDL documents
    by endpoint path. `tls_in_front`: a proxy ends TLS.
    """

    def __init__(
        self,
        service: SecurityTokenService,
        *,
        clock: Clock,
        keyring: Keyring,
        patience: Patience,
        certificates: Certificates,
        secrets: TokenSecrets,
        contexts: SecurityContexts,
        policies: Mapping[str, SecurityReader],
        layouts: Mapping[str, Layout],
        documents: Mapping[str, bytes],
        report: Callable[["Report"], None],
        freshness: Freshness,
        public_url: str,
        tls_in_front: bool = False,
    ) -> None:
        spyne.const.MIN_GC_INTERVAL = float("inf")  # else gc.collect() runs in a request, once a second
        self._service = service
        self._clock = clock
        self._keyring = keyring
        self._patience = patience
        self._certificates = certificates
        self._secrets = secrets
        self._contexts = contexts
        self._policies = policies
        self._layouts = layouts
        self._descriptions = {path: mex.describe(document) for path, document in documents.items()}
        self._report = report
        self._freshness = freshness
        self._public_url = public_url
        self._tls_in_front = tls_in_front
        application = Application(
            [Operations], tns=ns.WST13, in_protocol=WsTrustProtocol(), out_protocol=WsTrustProtocol(), config=self
        )
        self._shell = _Shell(application)

    def handle(
        self, request: Request, endpoint: Endpoint, correlation_id: str, *, metadata_only: bool = False
    ) -> Response:
        """The answer to one POST. Raises HttpRefusal for what is no SOAP message at all.

        `metadata_only`: the address is the one where only the endpoint's metadata is to be had.
        """
        if not request.body:
            raise EmptyRequest
        media_type = _media_type(request)
        version = SoapVersion.of_media_type(media_type.name)
        if version is None:
            raise UnsupportedMediaType
        if len(request.body) > MAX_OCTETS:
            raise TooLarge
        reply = ReplyContext(
            version=version,
            trust=endpoint.version.namespace,
            correlation_id=correlation_id,
            now=self._clock(),
            protected=not metadata_only,
            style=self._layouts[endpoint.layout].envelope,
        )
        return self._guard(
            Exchange(
                request=request,
                endpoint=endpoint,
                reply=reply,
                charset=media_type.parameters.get("charset"),
                began=time.perf_counter(),
                metadata_only=metadata_only,
            )
        )

    def refuse(self, request: Request, endpoint: Endpoint, refusal: StsError, *, correlation_id: str) -> Response:
        """The fault for a request that is not even read, in the SOAP version of its media type."""
        version = SoapVersion.of_media_type(_media_type(request).name) or SoapVersion.SOAP11
        reply = ReplyContext(
            version=version,
            trust=endpoint.version.namespace,
            correlation_id=correlation_id,
            now=self._clock(),
            style=self._layouts[endpoint.layout].envelope,
        )
        return self._refuse(
            Exchange(request=request, endpoint=endpoint, reply=reply, began=time.perf_counter()), refusal
        )

    def _guard(self, exchange: Exchange) -> Response:
        """Whatever happens, a well-formed answer goes out, and nothing in it leads back to the parsed tree."""
        try:
            return self._run(exchange)
        finally:
            exchange.forget_failures()

    def _run(self, exchange: Exchange) -> Response:
        try:
            body = self._shell.run(exchange)
        except HttpRefusal:
            raise
        except _DID_NOT_OPEN as refusal:
            self._count_what_did_not_open(exchange)
            return self._refuse(exchange, refusal)
        except StsError as refusal:
            return self._refuse(exchange, refusal)
        except Exception:
            _log.exception("unexpected failure in request %s", exchange.reply.correlation_id)
            return self._refuse(exchange, RequestFailed("an unexpected failure; its traceback is in the log"))
        outcome = exchange.outcome
        if outcome is None:
            return self._refuse(exchange, RequestFailed("no outcome"))
        if outcome.fault is not None:
            if isinstance(outcome.fault, _DID_NOT_OPEN):
                self._count_what_did_not_open(exchange)
            return self._refuse(exchange, outcome.fault, durable=outcome.durable)
        report = exchange.report(outcome.result)
        self._report(report)
        return Response(
            status=200,
            body=body,
            content_type=exchange.reply.version.content_type,
            durable=outcome.durable,
            instead=self._when_not_stored(exchange.reply, report),
        )

    def _count_what_did_not_open(self, exchange: Exchange) -> None:
        self._patience.failed(exchange.endpoint.realm, exchange.request.source, now=exchange.reply.now)
        _wait_for_the_same_moment(exchange)

    def _refuse(self, exchange: Exchange, refusal: StsError, *, durable: "Future[None] | None" = None) -> Response:
        report = exchange.report(f"refused {refusal.code or 'NotWellFormed'}", detail=refusal.detail)
        self._report(report)
        return _fault(refusal, exchange.reply, durable=durable, instead=self._when_not_stored(exchange.reply, report))

    def _when_not_stored(self, reply: ReplyContext, report: Report) -> Callable[[BaseException], Response]:
        """What is answered instead. It is kept until the database has spoken, and so leads to no parsed tree."""

        def instead(failure: BaseException) -> Response:
            refusal = failure if isinstance(failure, FailedAuthentication) else Busy(f"not stored: {_cause(failure)}")
            self._report(replace(report, outcome=f"refused {refusal.code}", detail=refusal.detail))
            return _fault(refusal, reply)

        return instead

    # -- called by the Spyne application, in this order ------------------------------------------------------------

    def read(self, exchange: Exchange, root: Element) -> None:
        """From the parsed document to the request and the proofs that came with it. Raises StsError."""
        endpoint = exchange.endpoint
        beside = f"{{{endpoint.version.namespace}}}UseKey" if "use-key-beside" in endpoint.tolerances else None
        envelope = read_envelope(root, expected=exchange.reply.version, may_be_empty=True, beside=beside)
        action = self._read_headers(exchange, envelope)
        if exchange.metadata_only or action in mex.RESPONSES:
            exchange.question = mex.read_question(action, envelope.payload)
            return
        named = read_action(action, endpoint.version)
        if envelope.payload is None:
            raise InvalidRequest("the Body is empty")
        secured = self._policies[endpoint.policy](envelope, self._terms(exchange))
        proved = proved_keys_of(secured.proved)
        exchange.message = replace(secured.proved, proved_keys=proved) if proved else secured.proved
        exchange.reply = exchange.reply.with_seal(cast("Seal | None", secured.proved.seal))
        if secured.envelope is not envelope:
            named = read_action(self._read_headers(exchange, secured.envelope), endpoint.version)
        if secured.envelope.payload is None:
            raise InvalidRequest("the Body is empty")
        if secured.envelope.beside is not None:  # what it is a part of is signed with it, and verified by now
            secured.envelope.payload.append(secured.envelope.beside)
        exchange.rst = read_rst(
            secured.envelope.payload,
            version=endpoint.version,
            action=named.operation,
            of_context=named.of_context,
            proved=proved,
            decrypters=lambda: self._admitted_decrypters(exchange),
        )
        demand_admitted(secured, exchange.rst)

    def _read_headers(self, exchange: Exchange, envelope: Envelope) -> str | None:
        """The action, and where the answer goes. Done again with what a message's protection covers, where it has one.

        Raises MustUnderstand, OnlyAnonymousAddressSupported, DestinationUnreachable, InvalidRequest.
        """
        addressing = read_addressing(envelope.blocks)
        exchange.reply = exchange.reply.with_addressing(addressing)
        demand_understood(envelope)
        demand_anonymous_replies(envelope.blocks)
        self._check_destination(addressing, exchange)
        return _read_action(exchange.request, addressing)

    def _terms(self, exchange: Exchange) -> Terms:
        """Raises InvalidSecurity: the endpoint is for TLS, and there was none."""
        request, endpoint = exchange.request, exchange.endpoint
        tls = request.tls or self._tls_in_front
        if not tls and endpoint.tls_required:
            raise InvalidSecurity("this endpoint is for TLS only")
        return Terms(
            transport=Transport(tls=tls, peer_certificate=request.peer_certificate, source=request.source),
            now=exchange.reply.now,
            freshness=self._freshness,
            algorithms=ALGORITHMS[endpoint.algorithms],
            tolerances=endpoint.tolerances,
            decrypters=lambda: self._admitted_decrypters(exchange),
            signer=lambda: self._keyring.message_signer(endpoint.realm),
            confirms_signatures=endpoint.signature_confirmation,
            pinned=lambda name: self._certificates.pinned(endpoint.realm, name),
            secret_of=lambda token_id: self._secrets.find(self._admitted_realm(exchange), token_id),
            own_keys=lambda: self._keyring.verification_keys(endpoint.realm),
            contexts=lambda identifier, instance: self._contexts.find(
                self._admitted_realm(exchange), identifier, instance
            ),
        )

    def _admitted_decrypters(self, exchange: Exchange) -> Sequence[Decrypter]:
        return self._keyring.decrypters(self._admitted_realm(exchange))

    def _admitted_realm(self, exchange: Exchange) -> str:
        """The realm whose keys are looked for.

        Raises FailedAuthentication: too many messages from there did not open."""
        realm = exchange.endpoint.realm
        self._patience.admit(realm, exchange.request.source, now=exchange.reply.now)
        return realm

    def answer(self, exchange: Exchange) -> bytes:
        """Performs the request and writes its answer. Raises StsError."""
        if exchange.question is not None:
            return self._describe(exchange, exchange.question)
        assert exchange.rst is not None
        assert exchange.message is not None
        endpoint, reply = exchange.endpoint, exchange.reply
        exchange.outcome = outcome = self._service.perform(
            exchange.rst,
            exchange.message,
            at=Circumstances(
                correlation_id=reply.correlation_id,
                endpoint=endpoint,
                now=reply.now,
                source=exchange.request.source,
            ),
        )
        if outcome.response is None:
            return b""
        body, action = self._layouts[endpoint.layout].write_rstr(outcome.response, tolerances=endpoint.tolerances)
        return write_answer(body, action=action, context=reply)

    def _describe(self, exchange: Exchange, question: mex.Question) -> bytes:
        """The endpoint's metadata. Nobody was asked who they are: the answer is the same for everyone."""
        exchange.outcome = Outcome(result="described")
        body = mex.write_metadata(question, self._descriptions[exchange.endpoint.path])
        return write_answer(body, action=question.response, context=exchange.reply.unprotected())

    def _check_destination(self, addressing: Addressing | None, exchange: Exchange) -> None:
        """wsa:To is a client's view of the address, which proxies change: compared only where asked for."""
        if not exchange.endpoint.strict_to or addressing is None or addressing.to is None:
            return
        if addressing.to not in (f"{self._public_url}{exchange.request.path}", ns.WSA_ANONYMOUS, ns.WSA04_ANONYMOUS):
            raise DestinationUnreachable("wsa:To names another address")


def _wait_for_the_same_moment(exchange: Exchange) -> None:
    """What fails between looking for a key and verifying is answered at one of few moments, wherever it failed.

    Else the time would tell a stranger how far a forged ciphertext got, and with it what it decrypts to; or whether
    a security context was ever there.
    """
    taken = time.perf_counter() - exchange.began
    time.sleep(-taken % _FAILURE_SECONDS)


def _cause(failure: BaseException) -> str:
    return failure.detail if isinstance(failure, StsError) else type(failure).__name__


def _fault(
    refusal: StsError,
    reply: ReplyContext,
    *,
    durable: "Future[None] | None" = None,
    instead: Callable[[BaseException], Response] | None = None,
) -> Response:
    return Response(
        status=refusal.status,
        body=write_fault(refusal, reply),
        content_type=reply.version.content_type,
        headers=(("Retry-After", str(refusal.retry_after)),) if isinstance(refusal, Busy) else (),
        durable=durable,
        instead=instead,
    )


def _media_type(request: Request) -> MediaType:
    return read_media_type(request.headers.get("content-type", ""))


def _read_action(request: Request, addressing: Addressing | None) -> str | None:
    """The action: wsa:Action, SOAPAction, the action parameter (wire contract row 2).

    None where none of them says anything. Raises InvalidRequest (they disagree).
    """
    named = {
        addressing.action if addressing else None,
        request.headers.get("soapaction", "").strip().strip('"').strip() or None,
        _media_type(request).parameters.get("action", "").strip() or None,
    } - {None}
    if len(named) > 1:
        raise InvalidRequest("wsa:Action, SOAPAction and the action parameter disagree")
    return next(iter(named), None)
