"""``/metrics`` over HTTP, for daemons without an HTTP server: bounded, on its own threads."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterable
from socketserver import TCPServer, ThreadingMixIn
from types import TracebackType
from typing import Any, Final, Self
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from prometheus_client import CollectorRegistry, make_wsgi_app

from sutra_grid.runtime.listening import bind_fault, resolve_listen_address
from sutra_grid.runtime.logging import get_logger
from sutra_grid.runtime.metrics.section import Listen
from sutra_grid.runtime.net import format_host_port

log = get_logger(__name__)

PATH: Final = "/metrics"
MAX_SCRAPES: Final = 4
"""Concurrent scrapes; the connection of one more is closed."""

SOCKET_TIMEOUT_SECONDS: Final = 5.0
_POLL_SECONDS: Final = 0.2
_JOIN_SECONDS: Final = 5.0


class MetricsEndpoint:
    """Serves a registry while the context lasts; with ``listen`` None it does nothing.

    Entering raises ``GridError`` when it can't listen on the address. A scrape runs the registry's
    collectors on one of its threads.
    """

    def __init__(self, listen: Listen, registry: CollectorRegistry) -> None:
        self._listen = listen
        self._app = _only_metrics(make_wsgi_app(registry))
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def address(self) -> str:
        """``host:port`` as it is bound; empty while it does not serve."""
        return "" if self._server is None else format_host_port(self._server.host, self._server.server_port)

    def __enter__(self) -> Self:
        if self._listen is not None:
            self._server = _open(*self._listen)
            self._server.set_app(self._app)
            self._thread = threading.Thread(
                target=self._server.serve_forever, args=(_POLL_SECONDS,), name="metrics", daemon=True
            )
            self._thread.start()
            log.info("metrics", address=f"http://{self.address}{PATH}")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server is not None and self._thread is not None:
            self._server.shutdown()
            self._server.server_close()
            self._thread.join(_JOIN_SECONDS)
            self._server = self._thread = None


class _Handler(WSGIRequestHandler):
    """One request per connection; a scraper that stops reading or writing loses the connection."""

    timeout = SOCKET_TIMEOUT_SECONDS

    def log_message(self, format: str, *args: Any) -> None:
        log.debug("scrape", client=self.client_address[0], request=format % args)


class _Server(ThreadingMixIn, WSGIServer):
    """At most ``MAX_SCRAPES`` threads, one per connection."""

    daemon_threads = True
    block_on_close = False  # a slow scraper does not keep a daemon from ending

    def __init__(self, host: str, family: socket.AddressFamily, address: tuple[Any, ...]) -> None:
        self.host = host
        self.address_family = family
        self._places = threading.BoundedSemaphore(MAX_SCRAPES)
        super().__init__(address[:2], _Handler)

    def server_bind(self) -> None:
        """As in the parent class, without its query to the name service."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = self.host, self.server_address[1]
        self.setup_environ()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Hand the connection to a thread, or close it."""
        if not self._places.acquire(blocking=False):
            log.warning("scrape refused: too many concurrent scrapes", client=client_address[0], limit=MAX_SCRAPES)
            self.shutdown_request(request)
            return
        try:
            super().process_request(request, client_address)
        except RuntimeError:  # no thread could be started
            self._places.release()
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Run on the thread, and free its place."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._places.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Log that a scraper disconnected or a collector failed; the next scrape may succeed."""
        log.exception("scrape failed", client=client_address[0])


def _open(host: str, port: int) -> _Server:
    family, _, _, _, address = resolve_listen_address(host, port)
    try:
        return _Server(host, family, address)
    except OSError as error:
        raise bind_fault(error, host, port) from error


def _only_metrics(metrics: WSGIApplication) -> WSGIApplication:
    """Serve ``metrics`` at its path; other paths answer 404 with that path."""

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"] == PATH:
            return metrics(environ, start_response)
        start_response("404 Not Found", [("Content-Type", "text/plain; charset=utf-8")])
        return [f"not found; use {PATH}\n".encode()]

    return app
