"""A gRPC server of the grid: bounded, monitored, with health and reflection."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Final, NamedTuple, Self

import grpc
from grpc_health.v1 import health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from sutra_grid.core.errors import GridError
from sutra_grid.runtime.descriptors import descriptor_limit
from sutra_grid.runtime.listening import check_can_listen, port_taken
from sutra_grid.runtime.logging import get_logger
from sutra_grid.runtime.net import format_host_port
from sutra_grid.wire.channels import MAX_MESSAGE_BYTES
from sutra_grid.wire.keepalive import PING_FLOOR_SECONDS, PING_FLOOR_TOLERANCE_SECONDS
from sutra_grid.wire.server.access_guard import Access, AccessGuard, OwnAgentGuard
from sutra_grid.wire.server.call_observer import CallObserver, CallReporter
from sutra_grid.wire.server.callers import no_grid
from sutra_grid.wire.server.correlation_binder import CorrelationBinder
from sutra_grid.wire.server.health import SERVICE_NAME as HEALTH_SERVICE
from sutra_grid.wire.server.health import HealthServicer
from sutra_grid.wire.server.request_decoder import RequestDecoder
from sutra_grid.wire.server.worker_pool import WorkerPool, WorkerUse
from sutra_grid.wire.tls import ServerTls

log = get_logger(__name__)

Adder = Callable[[grpc.Server], None]
"""Adds a servicer: ``lambda server: add_XServicer_to_server(servicer, server)``."""

STOP_GRACE_SECONDS: Final = 5.0

KEEPALIVE_TIME_SECONDS: Final = 60
KEEPALIVE_TIMEOUT_SECONDS: Final = 20
IDLE_CONNECTION_SECONDS: Final = 300
"""Above the interval of every call that the grid makes regularly."""
HANDSHAKE_SECONDS: Final = 20
"""A peer that does not speak HTTP/2 by then is cut off: it would hold a connection for nothing."""

OPTIONS: Final = (
    ("grpc.so_reuseport", 0),  # a second server on the port must fail, not share it
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    ("grpc.keepalive_time_ms", KEEPALIVE_TIME_SECONDS * 1000),
    ("grpc.keepalive_timeout_ms", KEEPALIVE_TIMEOUT_SECONDS * 1000),
    ("grpc.keepalive_permit_without_calls", 1),
    # gRPC has two names for this; a server heeds this one.
    ("grpc.http2.min_ping_interval_without_data_ms", (PING_FLOOR_SECONDS - PING_FLOOR_TOLERANCE_SECONDS) * 1000),
    ("grpc.max_connection_idle_ms", IDLE_CONNECTION_SECONDS * 1000),
    ("grpc.server_handshake_timeout_ms", HANDSHAKE_SECONDS * 1000),
    ("grpc.http2.bdp_probe", 0),  # a quarter of the CPU at 10,000 connections, for nothing on small messages
)


@dataclass(frozen=True, slots=True)
class ServerLimits:
    """What clients may take of a server.

    ``workers`` threads run handlers. Calls above ``calls``, running and waiting together, are refused with
    RESOURCE_EXHAUSTED. A connection above ``connections`` of all ports is closed at once; 0 is half of the process's
    descriptors, so that files, and connections to others, find some. Each port has an equal part of them: strangers
    who fill the one for tokens leave the one for certificates as it is.
    """

    workers: int
    calls: int
    connections: int = 0

    @property
    def most_connections(self) -> int:
        """The number that holds."""
        return self.connections or descriptor_limit() // 2


class TlsPort(NamedTuple):
    """Another port of a server, for callers who need no certificate.

    It has threads and a bound of calls of its own, and takes small messages: strangers can neither keep those with
    certificates waiting, nor fill the memory.
    """

    host: str
    port: int
    tls: ServerTls
    workers: int = 16
    calls: int = 64
    max_message_bytes: int = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Security:
    """Who reaches a server, and what each may do.

    ``tls`` is for its port, None for plaintext; ``more_ports`` are others of the same server. ``access`` says who may
    call what; by default everyone who can connect, as far as the table allows.
    """

    access: Access = field(default_factory=Access)
    tls: ServerTls | None = None
    more_ports: Sequence[TlsPort] = ()


class RunningServer:
    """A running server. Its owner stops it, or uses it as a context manager."""

    def __init__(
        self,
        server: grpc.Server,
        pool: WorkerPool,
        health: HealthServicer,
        host: str,
        port: int,
        more_ports: tuple[int, ...] = (),
        others: Sequence[tuple[grpc.Server, WorkerPool]] = (),
    ) -> None:
        self._server = server
        self._pool = pool
        self._others = tuple(others)
        self._health = health
        self.host = host
        self.port = port
        self.more_ports = more_ports

    @property
    def address(self) -> str:
        """``host:port`` as it is bound."""
        return format_host_port(self.host, self.port)

    @property
    def worker_use(self) -> WorkerUse:
        """The current use of its threads. Any thread."""
        return self._pool.use

    def set_serving(self, serving: bool, service: str = "", why: str = "") -> None:
        """Set the health status of ``service`` (empty: of the whole server), and why it does not serve. Any thread."""
        self._health.set_serving(service, serving, why)

    def stop(self, grace_seconds: float = STOP_GRACE_SECONDS) -> None:
        """Refuse new calls, wait up to ``grace_seconds`` for calls in flight, then cancel them. May be called again.

        A handler that continues after its call was cancelled keeps its thread until it returns.
        """
        self._health.stop()
        every = ((self._server, self._pool), *self._others)
        for stopped in [server.stop(grace_seconds) for server, _ in every]:
            stopped.wait()
        for _, pool in every:
            pool.shutdown(wait=False, cancel_futures=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def serve(
    services: Mapping[str, Adder],
    *,
    host: str,
    port: int,
    limits: ServerLimits,
    name: str,
    observe_call: CallObserver | None = None,
    security: Security | None = None,
) -> RunningServer:
    """Start a server of ``services`` (by full name, ``grid.GridMaster``) and return it.

    Handlers run on threads named ``name``. Port 0 chooses a free port. ``observe_call`` gets each call that was
    answered. A connection without a call for ``IDLE_CONNECTION_SECONDS`` is closed; its client connects again when it
    needs it. Without ``security``, the port has no TLS.

    Raises ``AlreadyExists`` when a port is taken, naming the holder if it is known; ``PermissionDenied`` or
    ``InvalidArgument`` when an address can't be bound; ``ResourceExhausted`` when the threads can't be started.
    """
    security = security or Security()
    for address in ((host, port), *((more.host, more.port) for more in security.more_ports)):
        check_can_listen(*address)
    health = HealthServicer(services)
    each = max(1, limits.most_connections // (1 + len(security.more_ports)))
    made: list[tuple[grpc.Server, WorkerPool]] = []

    def make(threads: int, calls: int, max_bytes: int) -> grpc.Server:
        pool = WorkerPool(threads, name)
        server = grpc.server(
            pool,
            options=(
                *OPTIONS,
                ("grpc.max_receive_message_length", max_bytes),
                ("grpc.max_allowed_incoming_connections", each),
            ),
            interceptors=_interceptors(observe_call, security),
            maximum_concurrent_rpcs=calls,
        )
        made.append((server, pool))
        for add in services.values():
            add(server)
        health_pb2_grpc.add_HealthServicer_to_server(health, server)
        reflection.enable_server_reflection((*services, HEALTH_SERVICE, reflection.SERVICE_NAME), server)
        return server

    try:
        bound = _add_port(make(limits.workers, limits.calls, MAX_MESSAGE_BYTES), host, port, security.tls)
        more_bound = tuple(
            _add_port(make(more.workers, more.calls, more.max_message_bytes), more.host, more.port, more.tls)
            for more in security.more_ports
        )
    except GridError:
        for _, pool in made:
            pool.shutdown(wait=False)
        raise
    for server, _ in made:
        server.start()
    log.debug("server started", server=name, address=format_host_port(host, bound), workers=limits.workers)
    return RunningServer(*made[0], health, host, bound, more_bound, made[1:])


def _add_port(server: grpc.Server, host: str, port: int, tls: ServerTls | None) -> int:
    """Bind the address; the port that was bound. Raises ``GridError`` when it was taken since the check."""
    address = format_host_port(host, port)
    try:
        return server.add_insecure_port(address) if tls is None else server.add_secure_port(address, tls.credentials())
    except RuntimeError as error:
        raise port_taken(host, port) from error


def _interceptors(observe_call: CallObserver | None, security: Security) -> list[grpc.ServerInterceptor]:
    """The outermost first: the observer also sees calls that the others refuse.

    What the caller may not call is refused before its request is decoded; for whom it calls is known only after that.
    """
    observing = [CallReporter(observe_call)] if observe_call else []
    guard = AccessGuard(security.access, security.tls.grid if security.tls else no_grid)
    return [*observing, CorrelationBinder(), guard, RequestDecoder(), OwnAgentGuard(security.access)]
