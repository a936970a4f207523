"""gunicorn's threaded worker, which outlives a shortage of descriptors."""

from __future__ import annotations

import socket
import threading
from typing import Final

from gunicorn.workers.gthread import ThreadWorker

from sutra_grid.runtime.logging import get_logger
from sutra_grid.runtime.shortage import shortage_of

RETRY_SECONDS: Final = 0.5
"""The connection that waits makes the listener readable all the time: without a pause the worker would spin."""

log = get_logger(__name__)


class PatientWorker(ThreadWorker):
    """Waits when it can't accept a connection, where gunicorn's own worker ends, and its arbiter after it."""

    _short = False  # only the main thread uses it

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
