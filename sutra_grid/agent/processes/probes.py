"""Health probes of nodes: a TCP connection, a gRPC health check, or an HTTP request.

A probe asks the node where it listens, and looks whether it also answers at its endpoint. A few threads run probes.
Each question has a timeout, and each probe reports a result.
"""

from __future__ import annotations

import http.client
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from sutra_grid.agent.engines import NO_PROBE, ProbeSpec
from sutra_grid.agent.processes.descriptors import look_at_descriptors
from sutra_grid.agent.processes.probe_tls import ProbeTls
from sutra_grid.core.node.record import ProcessIdentity
from sutra_grid.runtime.logging import get_logger
from sutra_grid.runtime.net import format_host_port
from sutra_grid.runtime.shortage import shortage_of
from sutra_grid.wire.channels import open_channel
from sutra_grid.wire.health_words import from_trailers
from sutra_grid.wire.text import shorten

log = get_logger(__name__)

_THREADS = 4  # nodes whose probes may hang at the same time without delaying the others

_MAX_DETAILS_BYTES = 300
_NO_DESCRIPTOR = "socket: Too many open files"  # gRPC's words when this process can't make a socket


@dataclass(frozen=True, slots=True)
class ProbeTarget:
    """Where to ask: ``hosts`` are IP addresses where the node may listen, the likeliest first.

    ``advertised`` is the host of the endpoint that is told if the node answers there. If it does not, ``if_at_first``
    says what to do about a node that answers at the first of ``hosts``, ``if_elsewhere`` about one at another.
    ``leader``: the process that a failed probe looks at; None for none. ``tls``: how to ask a node with a certificate.
    """

    port: int
    hosts: tuple[str, ...]
    advertised: str
    if_at_first: str = ""
    if_elsewhere: str = ""
    leader: ProcessIdentity | None = None
    tls: ProbeTls | None = None

    def remedy(self, answered: str) -> str:
        """What to do about a node that answers at ``answered`` and not at its endpoint."""
        return self.if_at_first if answered == self.hosts[0] else self.if_elsewhere


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """``problem``: why the probe failed. ``endpoint_problem``: why a node that passed does not answer at its endpoint.

    Both are in words, and empty when there is no problem.
    """

    problem: str = ""
    endpoint_problem: str = ""


ProbeCallback = Callable[[ProbeResult | None], None]
"""Gets None when the agent itself was out of something and saw nothing."""


class ProbeFailure(Exception):
    """The probe failed; the text says how."""


class ProbeNotMade(Exception):
    """The agent itself was out of something, such as descriptors: nothing is known about the node."""


class Prober:
    """Runs probes in its own threads and calls ``on_result`` there."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(max_workers=_THREADS, thread_name_prefix="prober")

    def submit(self, probe: ProbeSpec, target: ProbeTarget, on_result: ProbeCallback) -> None:
        """Run one probe soon. Never blocks. After ``stop`` no result is reported."""
        self._pool.submit(self._run, probe, target, on_result)

    def stop(self) -> None:
        """Drop the probes that wait. Those that run end by their timeouts."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _run(self, probe: ProbeSpec, target: ProbeTarget, on_result: ProbeCallback) -> None:
        try:
            result: ProbeResult | None = run_probe(probe, target)
        except ProbeNotMade as error:
            log.warning("probe not made", kind=probe.kind, port=target.port, error=str(error))
            result = None
        except Exception as error:  # top of the thread: without a result the node would never be probed again
            log.exception("probe failed", kind=probe.kind, port=target.port)
            problem = f"{type(error).__name__}: {error}"
            result = ProbeResult("", problem) if probe.kind == NO_PROBE else ProbeResult(problem)
        on_result(result)


def run_probe(probe: ProbeSpec, target: ProbeTarget) -> ProbeResult:
    """Probe a node of this host and look at its endpoint. Blocks for some timeouts at most.

    Raises ``ProbeNotMade``.
    """
    if not target.port:
        unknown = "the port of the node is unknown"
        return ProbeResult("", unknown) if probe.kind == NO_PROBE else ProbeResult(unknown)
    if probe.kind == NO_PROBE:
        return ProbeResult("", _look_without_probe(probe, target))
    host, problem = _ask_where_it_listens(probe, target)
    return ProbeResult(_explained(problem, target)) if problem else ProbeResult("", _look(probe, target, host))


def _explained(problem: str, target: ProbeTarget) -> str:
    """The problem, with what the node's process ran out of. Its own words may be lost among others in its log."""
    short_of = look_at_descriptors(target.leader) if target.leader else ""
    return f"{problem}; {short_of}" if short_of else problem


def _ask_where_it_listens(probe: ProbeSpec, target: ProbeTarget) -> tuple[str, str]:
    """The address that was asked, and the problem there. Others are asked only if nothing listens at the first."""
    first, *others = target.hosts
    problem = _ask(probe, first, target)
    if not problem or not _connect(probe, first, target.port):
        return first, problem
    for other in others:
        if not _connect(probe, other, target.port):
            return other, _ask(probe, other, target)
    return first, problem


def _look(probe: ProbeSpec, target: ProbeTarget, answered: str) -> str:
    """Why a node that answered at the address ``answered`` does not answer at its endpoint; empty if it does."""
    if answered == target.advertised:
        return ""
    problem = _connect(probe, target.advertised, target.port)
    if not problem:  # the port is open there; now see that it is a node that answers
        problem = _ask(probe, target.advertised, target)
    if not problem:
        return ""
    where = format_host_port(target.advertised, target.port)
    found = format_host_port(answered, target.port)
    return f"not reachable at {where}: {problem}. It answers at {found}. {target.remedy(answered)}"


def _look_without_probe(probe: ProbeSpec, target: ProbeTarget) -> str:
    """As ``_look``, for a node of which nobody knows whether it is ready, or listens at all."""
    problem = _connect(probe, target.advertised, target.port)
    if not problem:
        return ""
    where = format_host_port(target.advertised, target.port)
    local = [host for host in target.hosts if host != target.advertised and not _connect(probe, host, target.port)]
    if not local:
        return f"not reachable at {where}: {problem}"
    found = format_host_port(local[0], target.port)
    return f"not reachable at {where}: {problem}. It accepts connections at {found}. {target.remedy(local[0])}"


def _connect(probe: ProbeSpec, host: str, port: int) -> str:
    """Why no TCP connection can be made; empty if one can."""
    try:
        socket.create_connection((host, port), timeout=probe.timeout_seconds).close()
    except socket.gaierror as error:
        return f"the name {host} can't be resolved on this host ({error.strerror})"
    except OSError as error:
        _check_shortage(error)
        return _said(error)
    return ""


def _ask(probe: ProbeSpec, host: str, target: ProbeTarget) -> str:
    """The problem that the probe has with the node at this address."""
    try:
        _PROBES[probe.kind](probe, host, target.port, target.tls)
    except ProbeFailure as failure:
        return str(failure)
    except (OSError, http.client.HTTPException) as error:
        _check_shortage(error)
        return f"{probe.kind} probe of {format_host_port(host, target.port)}: {_said(error)}"
    return ""


def _check_shortage(error: Exception) -> None:
    if shortage := shortage_of(error):
        raise ProbeNotMade(shortage.problem) from error


def _said(error: Exception) -> str:
    """The words of an error, without its number."""
    text = error.strerror if isinstance(error, OSError) else None
    return text or str(error) or type(error).__name__


def _probe_tcp(probe: ProbeSpec, host: str, port: int, tls: ProbeTls | None) -> None:
    socket.create_connection((host, port), timeout=probe.timeout_seconds).close()


def _probe_grpc(probe: ProbeSpec, host: str, port: int, tls: ProbeTls | None) -> None:
    address = format_host_port(host, port)
    with tls.channel(address) if tls else open_channel(address) as channel:
        health: Any = health_pb2_grpc.HealthStub(channel)  # the package has no type information
        try:
            response, call = health.Check.with_call(health_pb2.HealthCheckRequest(), timeout=probe.timeout_seconds)
        except grpc.RpcError as error:
            if isinstance(error, grpc.Call) and error.code() is grpc.StatusCode.UNIMPLEMENTED:
                return  # the server answers, but has no health service
            if _NO_DESCRIPTOR in _words(error):
                raise ProbeNotMade(_words(error)) from error
            raise ProbeFailure(f"grpc health check of {address}: {_words(error)}") from error
    if response.status != health_pb2.HealthCheckResponse.SERVING:
        status = health_pb2.HealthCheckResponse.ServingStatus.Name(response.status)
        why = from_trailers(call.trailing_metadata())
        raise ProbeFailure(f"grpc health check of {address}: {status}{f' ({why})' if why else ''}")


def _words(error: grpc.RpcError) -> str:
    if not isinstance(error, grpc.Call):
        return str(error)
    details = shorten(" ".join((error.details() or "").split()), _MAX_DETAILS_BYTES)
    return f"{error.code().name}{f' ({details})' if details else ''}"


def _probe_http(probe: ProbeSpec, host: str, port: int, tls: ProbeTls | None) -> None:
    seconds = probe.timeout_seconds
    connection = http.client.HTTPConnection(host, port, timeout=seconds)
    try:
        if tls:
            connection.sock = tls.connect(host, port, seconds)
        connection.request("GET", probe.path)
        status = connection.getresponse().status
    finally:
        connection.close()
    if status >= 400:
        raise ProbeFailure(f"http probe of {format_host_port(host, port)}{probe.path}: status {status}")


_PROBES: dict[str, Callable[[ProbeSpec, str, int, ProbeTls | None], None]] = {
    "tcp": _probe_tcp,
    "grpc": _probe_grpc,
    "http": _probe_http,
}
