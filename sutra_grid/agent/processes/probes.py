"""Health probes of nodes: a TCP connection, a gRPC health check, or an HTTP request.

A few threads run them. Each probe has a timeout and reports a result.
"""

from __future__ import annotations

import http.client
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Any, Self

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from sutra_grid.agent.engines import ProbeSpec
from sutra_grid.runtime.logging import get_logger
from sutra_grid.runtime.net import LOOPBACK
from sutra_grid.wire.channels import open_channel
from sutra_grid.wire.health_words import from_trailers
from sutra_grid.wire.text import shorten

log = get_logger(__name__)

_THREADS = 4  # nodes whose probes may hang at the same time without delaying the others

_MAX_DETAILS_BYTES = 300

ProbeCallback = Callable[[str], None]


class ProbeFailure(Exception):
    """The probe failed; the text says how."""


class Prober:
    """Runs probes in its own threads and calls ``on_result`` there with the problem; "" when there is none."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(max_workers=_THREADS, thread_name_prefix="prober")

    def submit(self, probe: ProbeSpec, port: int, on_result: ProbeCallback) -> None:
        """Run one probe soon. Never blocks. After ``stop`` no result is reported."""
        self._pool.submit(self._run, probe, port, on_result)

    def stop(self) -> None:
        """Drop the probes that wait. Those that run end by their timeouts."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _run(self, probe: ProbeSpec, port: int, on_result: ProbeCallback) -> None:
        try:
            problem = run_probe(probe, port)
        except Exception as error:  # top of the thread: without a result the node would never be probed again
            log.exception("probe failed", kind=probe.kind, port=port)
            problem = f"{type(error).__name__}: {error}"
        on_result(problem)


def run_probe(probe: ProbeSpec, port: int) -> str:
    """Probe the node on ``port`` of this host. Returns the problem, or "". Blocks for the timeout at most."""
    if not port:
        return "the port of the node is unknown"
    try:
        _PROBES[probe.kind](probe, port)
    except ProbeFailure as failure:
        return str(failure)
    except (OSError, http.client.HTTPException) as error:
        return f"{probe.kind} probe of port {port}: {error or type(error).__name__}"
    return ""


def _probe_tcp(probe: ProbeSpec, port: int) -> None:
    socket.create_connection((LOOPBACK, port), timeout=probe.timeout_seconds).close()


def _probe_grpc(probe: ProbeSpec, port: int) -> None:
    with open_channel(f"{LOOPBACK}:{port}") as channel:
        health: Any = health_pb2_grpc.HealthStub(channel)  # the package has no type information
        try:
            response, call = health.Check.with_call(health_pb2.HealthCheckRequest(), timeout=probe.timeout_seconds)
        except grpc.RpcError as error:
            if isinstance(error, grpc.Call) and error.code() is grpc.StatusCode.UNIMPLEMENTED:
                return  # the server answers, but has no health service
            raise ProbeFailure(f"grpc health check of port {port}: {_words(error)}") from error
    if response.status != health_pb2.HealthCheckResponse.SERVING:
        status = health_pb2.HealthCheckResponse.ServingStatus.Name(response.status)
        why = from_trailers(call.trailing_metadata())
        raise ProbeFailure(f"grpc health check of port {port}: {status}{f' ({why})' if why else ''}")


def _words(error: grpc.RpcError) -> str:
    if not isinstance(error, grpc.Call):
        return str(error)
    details = shorten(" ".join((error.details() or "").split()), _MAX_DETAILS_BYTES)
    return f"{error.code().name}{f' ({details})' if details else ''}"


def _probe_http(probe: ProbeSpec, port: int) -> None:
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=probe.timeout_seconds)
    try:
        connection.request("GET", probe.path)
        status = connection.getresponse().status
    finally:
        connection.close()
    if status >= 400:
        raise ProbeFailure(f"http probe of port {port}{probe.path}: status {status}")


def _no_probe(probe: ProbeSpec, port: int) -> None:
    """A node without a probe is never unhealthy."""


_PROBES: dict[str, Callable[[ProbeSpec, int], None]] = {
    "tcp": _probe_tcp,
    "grpc": _probe_grpc,
    "http": _probe_http,
    "none": _no_probe,
}
