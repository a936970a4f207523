"""A gRPC server of the house: bounded, watched over, with health and reflection.

Imports core only; who holds a taken port is looked up by a callable that the daemon passes in.
"""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self

import grpc
from grpc_health.v1 import health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from sutra_grid.runtime.listening import DescribeHolder, bind_fault, no_such_host, port_taken
from sutra_grid.wire.channels import MAX_MESSAGE_BYTES
from sutra_grid.wire.decoding import DecodingInterceptor
from sutra_grid.wire.health import SERVICE_NAME as HEALTH_SERVICE
from sutra_grid.wire.health import HealthServicer
from sutra_grid.wire.observing import CallObserver, ObservingInterceptor
from sutra_grid.wire.request_ids import Binder, RequestIdInterceptor
from sutra_grid.wire.workers import WorkerPool, WorkerUse

log = logging.getLogger(__name__)

Adder = Callable[[grpc.Server], None]
"""Adds a servicer: ``lambda server: add_XServicer_to_server(servicer, server)``."""

STOP_GRACE_SECONDS: Final = 5.0

KEEPALIVE_TIME_SECONDS: Final = 60
KEEPALIVE_TIMEOUT_SECONDS: Final = 20
MIN_CLIENT_PING_SECONDS: Final = 10
"""Clients that ping an idle connection more often are cut off; ``wire.channels`` pings every 30 s."""

OPTIONS: Final = (
    ("grpc.so_reuseport", 0),  # a second server on the port must fail, not share it
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    ("grpc.keepalive_time_ms", KEEPALIVE_TIME_SECONDS * 1000),
    ("grpc.keepalive_timeout_ms", KEEPALIVE_TIMEOUT_SECONDS * 1000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.min_ping_interval_without_data_ms", MIN_CLIENT_PING_SECONDS * 1000),
    ("grpc.http2.bdp_probe", 0),  # a quarter of the CPU at 10,000 connections, for nothing on small messages
)


@dataclass(frozen=True, slots=True)
class Hooks:
    """What a daemon lends its server, which may not import it.

    ``describe_holder`` (``runtime.net.port_holder``) knows who has a port; ``bind_request_id`` gets the id that
    a call came with, for as long as its handler runs; ``observe_call`` is told each call that was answered.
    """

    describe_holder: DescribeHolder | None = None
    bind_request_id: Binder | None = None
    observe_call: CallObserver | None = None


NO_HOOKS: Final = Hooks()


class RunningServer:
    """A server that answers. Whoever made it stops it, by hand or as a context manager."""

    def __init__(
        self,
        server: grpc.Server,
        pool: WorkerPool,
        health: HealthServicer,
        host: str,
        port: int,
    ) -> None:
        self._server = server
        self._pool = pool
        self._health = health
        self.host = host
        self.port = port

    @property
    def address(self) -> str:
        """``host:port`` as it is bound."""
        return _address(self.host, self.port)

    @property
    def worker_use(self) -> WorkerUse:
        """What its threads do now. Any thread."""
        return self._pool.use

    def set_serving(self, serving: bool, service: str = "") -> None:
        """What the health service says of ``service`` (empty: of the whole server). Any thread."""
        self._health.set_serving(service, serving)

    def stop(self, grace_seconds: float = STOP_GRACE_SECONDS) -> None:
        """Refuse new calls, let those in flight end within the grace, then cancel them. May be called again.

        Blocks for the grace at most. A handler that goes on after its call was cancelled keeps its
        thread until it returns.
        """
        self._health.stop()
        self._server.stop(grace_seconds).wait()
        self._pool.shutdown(wait=False, cancel_futures=True)

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
    workers: int,
    max_concurrent: int,
    name: str,
    hooks: Hooks = NO_HOOKS,
) -> RunningServer:
    """Start a server of ``services`` (by full name, ``grid.GridMaster``) and return it answering.

    Handlers run on ``workers`` threads named ``name``. Calls above ``max_concurrent``, running and
    waiting together, are refused with RESOURCE_EXHAUSTED. Port 0 takes a free one. Raises
    ``AlreadyExists`` when the port is taken, naming the holder if it is known;
    ``PermissionDenied`` or ``InvalidArgument`` when the address can't be bound.
    """
    _check_address(host, port, hooks.describe_holder)
    pool = WorkerPool(workers, name)
    server = grpc.server(
        pool,
        options=OPTIONS,
        interceptors=_interceptors(hooks),
        maximum_concurrent_rpcs=max_concurrent,
    )
    for add in services.values():
        add(server)
    health = HealthServicer(services)
    health_pb2_grpc.add_HealthServicer_to_server(health, server)
    reflection.enable_server_reflection((*services, HEALTH_SERVICE, reflection.SERVICE_NAME), server)
    address = _address(host, port)
    try:
        bound = server.add_insecure_port(address)
    except RuntimeError as error:  # taken between the check and here
        pool.shutdown(wait=False)
        raise port_taken(address, port, hooks.describe_holder) from error
    server.start()
    log.debug(
        "server started", extra={"fields": {"server": name, "address": _address(host, bound), "workers": workers}}
    )
    return RunningServer(server, pool, health, host, bound)


def _interceptors(hooks: Hooks) -> list[grpc.ServerInterceptor]:
    """The outermost first: who observes sees what the others refuse."""
    observing = [ObservingInterceptor(hooks.observe_call)] if hooks.observe_call else []
    binding = [RequestIdInterceptor(hooks.bind_request_id)] if hooks.bind_request_id else []
    return [*observing, *binding, DecodingInterceptor()]


def _address(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _check_address(host: str, port: int, describe_holder: DescribeHolder | None) -> None:
    """Bind and let go: the operating system says what is wrong, while gRPC only says that something is."""
    address = _address(host, port)
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise no_such_host(error, address) from error
    family, kind, protocol, _, sockaddr = found[0]
    with socket.socket(family, kind, protocol) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(sockaddr)
            probe.listen(1)
        except OSError as error:
            raise bind_fault(error, address, port, describe_holder) from error
