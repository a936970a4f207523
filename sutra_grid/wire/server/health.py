"""The gRPC health service (``grpc.health.v1``), with ``Check`` alone.

``Watch`` answers UNIMPLEMENTED, which the health protocol allows: load-balancing clients then treat the
server as healthy. The servicer of ``grpcio-health-checking`` is not used because of its ``Watch``. It sends
while it holds the lock that the call's end needs on the server's only completion thread, so a watcher that
disconnects during a status change blocks the whole server (grpc pull request 43403). Also, a stream would
hold a thread of the pool for as long as the client likes.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import Final, NoReturn

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from sutra_grid.wire.health_words import to_trailer

SERVICE_NAME: Final = "grpc.health.v1.Health"


class HealthServicer(health_pb2_grpc.HealthServicer):
    """The status of the server (service "") and of each service. Safe from any thread."""

    def __init__(self, services: Iterable[str]) -> None:
        self._lock = threading.Lock()  # guards all fields
        self._serving = dict.fromkeys(("", *services), True)
        self._why: dict[str, str] = {}
        self._stopping = False

    def set_serving(self, service: str, serving: bool, why: str = "") -> None:
        """Set the status of ``service``, and why it does not serve. Without effect while the server stops."""
        with self._lock:
            if not self._stopping:
                self._serving[service] = serving
                self._why[service] = "" if serving else why

    def stop(self) -> None:
        """Set everything to NOT_SERVING, for good."""
        with self._lock:
            self._stopping = True
            self._serving = dict.fromkeys(self._serving, False)
            self._why = {}

    def Check(  # noqa: N802 -- gRPC's name
        self, request: health_pb2.HealthCheckRequest, context: grpc.ServicerContext
    ) -> health_pb2.HealthCheckResponse:
        """The status; NOT_FOUND for an unknown service, as the protocol requires.

        The protocol has no words for a status. They are in a trailer, which other clients ignore.
        """
        with self._lock:
            serving = self._serving.get(request.service)
            why = self._why.get(request.service, "")
        if serving is None:
            context.abort(grpc.StatusCode.NOT_FOUND, f"unknown service {request.service!r}")
        if why:
            context.set_trailing_metadata(to_trailer(why))
        status = health_pb2.HealthCheckResponse
        return status(status=status.SERVING if serving else status.NOT_SERVING)

    def Watch(  # noqa: N802 -- gRPC's name
        self, _request: health_pb2.HealthCheckRequest, context: grpc.ServicerContext
    ) -> NoReturn:
        """Not implemented; see the module."""
        context.abort(grpc.StatusCode.UNIMPLEMENTED, "Watch is not supported; call Check")
        raise AssertionError("abort returned")  # it always raises; this tells the type checker
