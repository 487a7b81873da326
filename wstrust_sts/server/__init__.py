"""The asyncio front: TLS, limits, time-outs, the whole request read; then the application, in one thread.

open listener -> fork workers -> Connection (reads a request) -> Dispatcher -> ThreadPool -> Application.handle
                                 Connection (sends)           <- when durable <-  Response
"""

import socket
from collections.abc import Callable
from contextlib import AbstractContextManager

from wstrust_sts.server.descriptors import allow_descriptors
from wstrust_sts.server.parent import Parent
from wstrust_sts.server.settings import Application, CannotStart, OnReady, ServerSettings
from wstrust_sts.server.tls import tls_context
from wstrust_sts.server.worker import work

__all__ = ["Application", "CannotStart", "ServerSettings", "serve"]


def serve(
    open_application: Callable[[], AbstractContextManager[Application]],
    settings: ServerSettings,
    *,
    on_ready: OnReady | None = None,
) -> None:
    """Serves until SIGTERM or SIGINT; SIGHUP reads the TLS certificate again. Call it in the main thread.

    The application is opened in every worker, after the fork: call it before any thread exists. With one worker
    everything runs in this process (and `max_requests` has no effect, as nobody could replace it). `on_ready`
    gets the address once every worker accepts. Raises CannotStart; with one worker also what opening raises.
    """
    settings = allow_descriptors(settings)
    tls = tls_context(settings)
    with _listen(settings) as listener:
        host, port = listener.getsockname()[:2]

        def ready() -> None:
            if on_ready is not None:
                on_ready(host, port)

        if settings.workers == 1:
            work(open_application, settings, listener=listener, tls=tls, ready=ready)
        else:
            Parent(open_application, settings, listener=listener, tls=tls).run(ready=ready)


def _listen(settings: ServerSettings) -> socket.socket:
    """One listening socket for all workers: a worker that dies loses no connection that waits in the backlog."""
    try:
        family = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)[0][0]
        listener = socket.create_server(
            (settings.host, settings.port),
            family=family,
            backlog=settings.backlog,
            dualstack_ipv6=family == socket.AF_INET6 and settings.host == "::",
        )
    except OSError as error:
        raise CannotStart(f"cannot listen on {settings.host}:{settings.port}: {error.strerror}") from error
    listener.setblocking(False)
    return listener
