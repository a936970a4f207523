"""gunicorn's threaded worker, which outlives a shortage of descriptors and clients that are slow to begin.

gunicorn's own gives each new connection a thread at once, where it waits for the first bytes, or in a TLS handshake for
ever. Here a thread begins when there is a request to read.
"""

from __future__ import annotations

import selectors
import socket
import ssl
import threading
import time
from functools import partial
from typing import Any, Final

from gunicorn import http, sock
from gunicorn.workers.gthread import TConn, ThreadWorker

from sutra_grid.admin.server import refusals
from sutra_grid.runtime.logging import get_logger
from sutra_grid.runtime.shortage import shortage_of

RETRY_SECONDS: Final = 0.5
"""The connection that waits makes the listener readable all the time: without a pause the worker would spin."""

BEGIN_SECONDS: Final = 5.0
"""From accepting a connection to the first byte of a request: with TLS the handshake is in between."""

FAULT_LOG_SECONDS: Final = 10.0
"""At most one line about failed handshakes in this time: anybody can cause them."""

log = get_logger(__name__)


class PatientWorker(ThreadWorker):
    """Waits when it can't accept a connection, where gunicorn's own worker ends, and its arbiter after it."""

    # Only the main thread uses these.
    _short = False
    _failed_handshakes = 0
    _next_fault_log = 0.0

    def accept(self, listener: socket.socket) -> None:
        """Accept a connection; without a free descriptor it stays in the backlog."""
        try:
            super().accept(listener)
        except OSError as error:
            shortage = shortage_of(error)
            if shortage is None:
                raise
            if not self._short:
                log.error("no connection can be accepted", problem=shortage.problem, hint=shortage.hint)
            self._short = True
            threading.Event().wait(RETRY_SECONDS)
            return
        if self._short:
            log.info("connections are accepted again")
        self._short = False

    def enqueue_req(self, conn: TConn) -> None:
        """Give the connection a thread, once there is something to read."""
        if conn.initialized or conn.data_ready:
            super().enqueue_req(conn)
            return
        conn.sock.setblocking(False)
        conn.timeout = time.monotonic() + BEGIN_SECONDS  # the main loop closes it then
        self.pending_conns.append(conn)
        self._wait_for(conn, selectors.EVENT_READ)

    def on_pending_socket_readable(self, conn: TConn, client: socket.socket) -> None:
        """Continue a handshake, or read the request."""
        if self.cfg.is_ssl and conn.parser is None:
            self._continue_handshake(conn)
        else:
            super().on_pending_socket_readable(conn, client)

    def handle_error(self, req: Any, client: Any, addr: Any, exc: BaseException) -> None:
        """Answer a request that can't be read, in the form and with the headers of all other errors."""
        connection: Any = refusals.AsProblem(client)
        super().handle_error(req, connection, addr, exc)

    def _continue_handshake(self, conn: TConn) -> None:
        self.poller.unregister(conn.sock)
        try:
            if not isinstance(conn.sock, ssl.SSLSocket):
                conn.sock = sock.ssl_wrap_socket(conn.sock, self.cfg)
            conn.sock.do_handshake()
        except ssl.SSLWantReadError:
            self._wait_for(conn, selectors.EVENT_READ)
        except ssl.SSLWantWriteError:
            self._wait_for(conn, selectors.EVENT_WRITE)
        except OSError as error:
            self._drop(conn, error)
        else:
            conn.parser = http.get_parser(self.cfg, conn.sock, conn.client)
            if conn.sock.pending():  # read with the end of the handshake: the socket will not tell
                self.pending_conns.remove(conn)
                conn.data_ready = True
                self.enqueue_req(conn)
            else:
                self._wait_for(conn, selectors.EVENT_READ)

    def _wait_for(self, conn: TConn, event: int) -> None:
        self.poller.register(conn.sock, event, partial(self.on_pending_socket_readable, conn))

    def _drop(self, conn: TConn, error: OSError) -> None:
        self.pending_conns.remove(conn)
        self.nr_conns -= 1
        conn.close()
        self._failed_handshakes += 1
        now = time.monotonic()
        if now >= self._next_fault_log:
            reason = getattr(error, "reason", None) or error.strerror or type(error).__name__
            client: Any = conn.client
            log.warning("TLS handshake failed", client=client[0], reason=reason, count=self._failed_handshakes)
            self._next_fault_log, self._failed_handshakes = now + FAULT_LOG_SECONDS, 0
