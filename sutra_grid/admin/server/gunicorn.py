"""The gunicorn server of the admin: threads, no preload, no control socket, the log format of all daemons."""

from __future__ import annotations

import logging
import os
from collections.abc import MutableMapping
from datetime import timedelta
from typing import Any, Final

from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter
from gunicorn.config import Config as GunicornConfig
from gunicorn.glogging import Logger
from gunicorn.workers.base import Worker

from sutra_grid.admin.config import DEFAULT_PORT, AdminConfig
from sutra_grid.admin.server.secret_key import secret_key_of
from sutra_grid.core.redaction import redact_text
from sutra_grid.runtime import hangup
from sutra_grid.runtime.descriptors import descriptor_limit
from sutra_grid.runtime.hangup import HangupHandler
from sutra_grid.runtime.logging import get_logger
from sutra_grid.runtime.net import format_host_port, parse_host_port
from sutra_grid.runtime.tls.https import ServedCertificate
from sutra_grid.runtime.tls.section import TlsFiles

log = get_logger(__name__)
access = get_logger("sutra_grid.admin.access")

SHARED_MEMORY: Final = "/dev/shm"
MAX_CONNECTIONS: Final = 1000
"""Of a worker. Half of its descriptors are for the registry, the master and its own files."""


class AdminServer(BaseApplication):
    """The arbiter and its workers. ``run`` blocks until a signal and then exits the process."""

    def __init__(self, settings: AdminConfig) -> None:
        self._settings = settings
        self._secret_key = secret_key_of(settings.secret_key_file)  # before the fork: the workers share it
        # Made once: at a reload gunicorn would end over files that can't be read just then.
        self._certificate = ServedCertificate(settings.tls) if settings.tls else None
        super().__init__()

    def load_config(self) -> None:
        """Set gunicorn's settings. Called by gunicorn at start and reload."""
        for name, value in gunicorn_settings(self._settings, self._certificate).items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        """Make the application. Called by gunicorn in each worker after the fork, so that no thread is forked."""
        from sutra_grid.admin.app import create_app

        return create_app(self._settings, secret_key=self._secret_key)


def gunicorn_settings(settings: AdminConfig, certificate: ServedCertificate | None = None) -> dict[str, Any]:
    """The gunicorn settings by name. ``etc/gunicorn.conf.py`` uses them for a gunicorn started by hand.

    ``certificate``: what HTTPS is served with, if the settings have ``[tls]``; made if it is missing.
    """
    return {
        **(_tls_settings(settings.tls, certificate) if settings.tls else {}),
        "bind": format_host_port(*parse_host_port(settings.listen, DEFAULT_PORT)),
        "worker_class": "sutra_grid.admin.server.worker.PatientWorker",
        "workers": settings.workers,
        "threads": settings.threads,
        # More wait until one ends. Without a descriptor left, accepting a connection would end the worker.
        "worker_connections": max(settings.threads + 1, min(MAX_CONNECTIONS, descriptor_limit() // 2)),
        "timeout": 60,  # of a worker whose main loop hangs; long requests run on threads
        "graceful_timeout": settings.stop_grace_secs,
        "keepalive": 5,
        "preload_app": False,
        # By default it believes headers from loopback. admin.http.proxies decides which are believed.
        "forwarded_allow_ips": "",
        "control_socket_disable": True,
        "worker_tmp_dir": SHARED_MEMORY if os.access(SHARED_MEMORY, os.W_OK) else None,
        "proc_name": "sutra-grid-admin",
        "logger_class": AdminLogger,
        "when_ready": _when_ready,
        "post_worker_init": _when_worker_ready,
    }


def _tls_settings(files: TlsFiles, certificate: ServedCertificate | None) -> dict[str, Any]:
    served = certificate or ServedCertificate(files)
    return {
        "certfile": str(files.cert_file),  # with it gunicorn knows that it serves HTTPS
        "keyfile": str(files.key_file),
        "ssl_context": lambda _config, _make_default: served.context(),  # asked for each connection
        "do_handshake_on_connect": False,  # server.worker does it
    }


class AdminLogger(Logger):
    """Writes gunicorn's records to the daemon's log, and one access record per request."""

    def setup(self, cfg: GunicornConfig) -> None:
        """Use the handlers that ``runtime.logging`` configured instead of gunicorn's."""
        self.cfg = cfg
        # Without a handler gunicorn was started by hand: then only the log is opened again.
        self._hangup = hangup.current() or HangupHandler(lambda: None)
        self.error_log.setLevel(logging.INFO)
        self.error_log.propagate = True

    def access(self, resp: Any, req: Any, environ: MutableMapping[str, Any], request_time: timedelta) -> None:
        """Log one record per request."""
        access.info(
            "request",
            method=environ["REQUEST_METHOD"],
            path=redact_text(environ.get("RAW_URI") or environ.get("PATH_INFO", "")),
            status=str(resp.status).partition(" ")[0],
            bytes=getattr(resp, "sent", None),
            ms=round(request_time.total_seconds() * 1000, 1),
            client=environ.get("REMOTE_ADDR"),
        )

    def reopen_files(self) -> None:
        """Open the log and read ``[logging]`` again: at SIGHUP and SIGUSR1, in the arbiter and in each worker."""
        self._hangup.reload()

    def close_on_exec(self) -> None:
        """Do nothing: the log is standard error."""


def _when_worker_ready(worker: Worker) -> None:
    """Let long requests end when their worker stops, for example at a reload."""
    from sutra_grid.admin.services import services_of

    application: Any = worker.wsgi
    services_of(application).long_requests.is_worker_ending = lambda: not worker.alive


def _when_ready(arbiter: Arbiter) -> None:
    # gunicorn writes http:// before an IPv6 address whatever it serves.
    addresses = ",".join(str(listener).partition("://")[2] for listener in arbiter.LISTENERS)
    scheme = "https" if arbiter.cfg.is_ssl else "http"
    log.info("ready", address=addresses, scheme=scheme, workers=arbiter.cfg.workers)
