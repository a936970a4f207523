"""Asks nodes whether they work: a connection, a gRPC health check, an HTTP request.

A few threads ask; each question has a timeout, and each gets an answer.
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

log = get_logger(__name__)

_THREADS = 4

ProbeCallback = Callable[[str], None]


class ProbeFailure(Exception):
    """The node does not work; the text says how that showed."""


class Prober:
    """Asks in threads of its own; the answer is called there with what is wrong, or ""."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(max_workers=_THREADS, thread_name_prefix="prober")

    def submit(self, probe: ProbeSpec, port: int, answer: ProbeCallback) -> None:
        """Ask once. Never blocks. Nothing is answered after ``stop``."""
        self._pool.submit(self._run, probe, port, answer)

    def stop(self) -> None:
        """Drop the questions that wait; those under way end by their timeouts."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _run(self, probe: ProbeSpec, port: int, answer: ProbeCallback) -> None:
        try:
            problem = run_probe(probe, port)
        except Exception as error:  # the thread's top: a question without an answer would never be asked again
            log.exception("probe failed", kind=probe.kind, port=port)
            problem = f"{type(error).__name__}: {error}"
        answer(problem)


def run_probe(probe: ProbeSpec, port: int) -> str:
    """What is wrong with the node on ``port`` of this host, in words; "" when nothing is. Blocks up to its timeout."""
    if not port:
        return "its port is not known"
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
        health: Any = health_pb2_grpc.HealthStub(channel)  # its stubs do not know the methods
        try:
            answer = health.Check(health_pb2.HealthCheckRequest(), timeout=probe.timeout_seconds)
        except grpc.RpcError as error:
            if isinstance(error, grpc.Call) and error.code() is grpc.StatusCode.UNIMPLEMENTED:
                return  # it serves gRPC, and has no health service to ask
            code = error.code().name if isinstance(error, grpc.Call) else str(error)
            raise ProbeFailure(f"grpc health check of port {port}: {code}") from error
    if answer.status != health_pb2.HealthCheckResponse.SERVING:
        status = health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status)
        raise ProbeFailure(f"grpc health check of port {port}: {status}")


def _probe_http(probe: ProbeSpec, port: int) -> None:
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=probe.timeout_seconds)
    try:
        connection.request("GET", probe.path)
        status = connection.getresponse().status
    finally:
        connection.close()
    if status >= 400:
        raise ProbeFailure(f"http probe of port {port}{probe.path}: status {status}")


def _probe_nothing(probe: ProbeSpec, port: int) -> None:
    """Engines without a probe are never unhealthy."""


_PROBES: dict[str, Callable[[ProbeSpec, int], None]] = {
    "tcp": _probe_tcp,
    "grpc": _probe_grpc,
    "http": _probe_http,
    "none": _probe_nothing,
}
