"""Puts the master together from a configuration, a registry and a clock, and starts and stops it as one."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from datetime import timedelta
from types import TracebackType
from typing import Self

from sutra_grid.core.access.identity import agent_server_name
from sutra_grid.master.access.master_access import MasterAccess
from sutra_grid.master.access.service import SERVICE_NAME as ACCESS_SERVICE_NAME
from sutra_grid.master.access.service import AccessParts, AccessService
from sutra_grid.master.access.signer import Signer
from sutra_grid.master.access.users import Users
from sutra_grid.master.agent_calls import AgentCaller, AgentCalls
from sutra_grid.master.commands.agents import AgentCommands
from sutra_grid.master.commands.applier import Applier
from sutra_grid.master.commands.handler import CommandHandler, Operations
from sutra_grid.master.commands.idempotent_calls import IdempotentCalls
from sutra_grid.master.commands.nodes import NodeCommands
from sutra_grid.master.commands.spawn import Spawner, new_node_id
from sutra_grid.master.concurrency_limit import ConcurrencyLimit
from sutra_grid.master.config import MasterConfig
from sutra_grid.master.membership.agent_statuses import AgentStatuses
from sutra_grid.master.membership.health_monitor import HealthMonitor
from sutra_grid.master.membership.heartbeat_handler import HeartbeatHandler
from sutra_grid.master.membership.host_watch import HostWatch
from sutra_grid.master.membership.reachability import ReachabilityMonitor
from sutra_grid.master.membership.refusals import HostRefusals
from sutra_grid.master.membership.registrar import Registrar
from sutra_grid.master.metrics import MasterMetrics, MetricSources
from sutra_grid.master.reads.events import EventReads
from sutra_grid.master.reads.forwarded import ForwardedReads
from sutra_grid.master.reads.views import Views
from sutra_grid.master.reconciliation.reconciler import Reconciler
from sutra_grid.master.reconciliation.writer import ReconciliationWriter
from sutra_grid.master.registry_writes.pruner import Pruner
from sutra_grid.master.registry_writes.registry_recovery import RegistryRecovery
from sutra_grid.master.registry_writes.write_behind import RegistryWriter
from sutra_grid.master.service import MasterService, Parts
from sutra_grid.master.state.cluster_state import ClusterState
from sutra_grid.registry import Registry
from sutra_grid.runtime.clock import Clock, SystemClock
from sutra_grid.runtime.logging import get_logger
from sutra_grid.runtime.metrics.endpoint import MetricsEndpoint
from sutra_grid.runtime.net import format_host_port, is_wildcard
from sutra_grid.runtime.ticker import Ticker
from sutra_grid.runtime.tls.credentials import CredentialFiles
from sutra_grid.wire.access_pb2_grpc import add_GridAccessServicer_to_server
from sutra_grid.wire.grid_pb2_grpc import add_GridMasterServicer_to_server
from sutra_grid.wire.server import Access, RunningServer, Security, ServerLimits, TlsPort, serve
from sutra_grid.wire.tls import ServerTls, TlsOpener

log = get_logger(__name__)

SERVICE_NAME = "grid.GridMaster"
CHECK_SECONDS = 0.5
MAX_CONCURRENT_READS = 16
STOP_GRACE_SECONDS = 3.0


class MasterCore:
    """A master without its threads and its port. Tests drive it directly.

    Its cluster state is loaded from the registry. ``calls`` reaches the agents; the caller closes it. ``new_id`` makes
    the ids of nodes. ``on_flush`` is called with the seconds of each write of observations.
    """

    def __init__(
        self,
        config: MasterConfig,
        registry: Registry,
        calls: AgentCaller,
        clock: Clock,
        new_id: Callable[[], str] = new_node_id,
        on_flush: Callable[[float], object] = lambda seconds: None,
    ) -> None:
        self.config = config
        self.registry = registry
        self.clock = clock
        self.state = ClusterState(clock)
        self.state.load(registry.contents())
        self.registry_writer = RegistryWriter(registry, self.state, clock, on_write=on_flush)
        self.commands_limit = ConcurrencyLimit("commands", config.max_concurrent_commands)
        self.reads_limit = ConcurrencyLimit("reads", MAX_CONCURRENT_READS)
        self.reconciler = Reconciler(self.state, self.registry_writer, clock)
        self.reconciliation_writer = ReconciliationWriter(self.state, registry, self.reconciler, clock)
        self.access = MasterAccess(registry, clock, _signer(config, clock), _endpoint(config))
        self.registry_recovery = RegistryRecovery(registry, self.state, clock, self.access.revocations.write_again)
        self.pruner = Pruner(registry, clock, config.events_max_age_ms, config.max_events)
        self.statuses = AgentStatuses(self.state, self.registry_writer)
        self.monitor = HealthMonitor(self.state, self.statuses, config.liveness, clock, CHECK_SECONDS)
        hosts = HostWatch(HostRefusals(registry, self.registry_writer, clock))
        self.registrar = Registrar(
            registry,
            self.state,
            self.reconciler,
            self.reconciliation_writer,
            self.statuses,
            hosts,
            clock,
        )
        self.heartbeats = HeartbeatHandler(
            self.state, self.reconciler, self.reconciliation_writer, self.statuses, self.registry_writer, hosts, clock
        )
        self.reachability = ReachabilityMonitor(self.state, calls, self.registry_writer, clock)
        applier = Applier(self.state, calls, self.reconciler, self.reconciliation_writer, self.reachability.look_soon)
        self.spawner = Spawner(registry, self.state, applier, self.reconciliation_writer, clock, new_id)
        self.node_commands = NodeCommands(registry, self.state, applier, self.reconciliation_writer, clock)
        forget = (calls.forget, hosts.forget)
        self.agent_commands = AgentCommands(registry, self.state, hosts.refusals, forget, clock)
        self.service = self._service(calls)
        grid = config.tls.current().grid if config.tls else ""
        self.access_service = AccessService(AccessParts(self.access, grid, users=Users(registry, clock)))

    def metric_sources(self) -> MetricSources:
        """The parts that the metrics read at each scrape."""
        return MetricSources(
            heartbeats_by_answer=self.heartbeats.counts,
            limits={"commands": self.commands_limit, "reads": self.reads_limit},
            registry_writer=self.registry_writer,
            registry_failures=lambda: self.registry.failures,
        )

    def _service(self, calls: AgentCaller) -> MasterService:
        config = self.config
        views = Views(
            self.state, self.clock, insecure=config.insecure, is_revoked=self.access.revocations.is_revoked_agent
        )
        commands = CommandHandler(
            Operations(self.spawner, self.node_commands, self.agent_commands),
            IdempotentCalls(self.registry, self.clock),
            views,
            self.registry_writer,
            self.commands_limit,
            self.clock,
            config.command_timeout_seconds,
        )
        parts = Parts(
            registrar=self.registrar,
            admissions=ConcurrencyLimit("registrations", max(1, config.workers // 2)),
            heartbeats=self.heartbeats,
            commands=commands,
            views=views,
            forwarded_reads=ForwardedReads(self.state, calls, self.reads_limit),
            event_reads=EventReads(self.registry, self.registry_writer, self.reads_limit),
            revocations=self.access.revocations,
        )
        return MasterService(parts, self.clock, int(config.default_interval_seconds * 1000))


class Master:
    """A master that serves while the context lasts. Owns its threads, its port and its channels, not the registry."""

    def __init__(self, config: MasterConfig, registry: Registry, clock: Clock | None = None) -> None:
        self._calls = AgentCalls(_openers(config.tls), self._is_revoked) if config.tls else AgentCalls()
        self._metrics = MasterMetrics()
        self.core = MasterCore(
            config, registry, self._calls, clock or SystemClock(), on_flush=self._metrics.observe_flush
        )
        self._stack = ExitStack()
        self.server: RunningServer | None = None

    @property
    def address(self) -> str:
        """The ``host:port`` at which it serves."""
        if self.server is None:
            raise RuntimeError("the master is not serving")
        return self.server.address

    def __enter__(self) -> Self:
        """Start serving. Raises ``GridError`` when the port cannot be opened; then nothing is left running."""
        config, core = self.core.config, self.core
        with ExitStack() as stack:
            stack.enter_context(MetricsEndpoint(config.metrics, self._metrics.registry))
            stack.callback(self._calls.close)
            stack.enter_context(core.registry_writer)
            stack.enter_context(core.reconciliation_writer)
            stack.enter_context(core.registry_recovery)
            stack.enter_context(core.pruner)
            stack.enter_context(core.access)
            self.server = serve(
                {
                    SERVICE_NAME: lambda server: add_GridMasterServicer_to_server(core.service, server),
                    ACCESS_SERVICE_NAME: lambda server: add_GridAccessServicer_to_server(core.access_service, server),
                },
                host=config.host,
                port=config.port,
                limits=ServerLimits(
                    workers=config.workers + config.max_concurrent_commands + MAX_CONCURRENT_READS,
                    calls=config.max_concurrent_calls,
                ),
                name="master",
                observe_call=self._metrics.calls.observe if config.metrics else None,
                security=self._security(),
            )
            stack.callback(self.server.stop, STOP_GRACE_SECONDS)
            self._metrics.watch(core.metric_sources(), self.server)
            stack.enter_context(core.reachability)
            stack.enter_context(Ticker("health-monitor", CHECK_SECONDS, core.monitor.check))
            self._stack = stack.pop_all()
        return self

    def _is_revoked(self, agent_id: str) -> bool:
        return self.core.access.revocations.is_revoked_agent(agent_id)

    def _security(self) -> Security:
        """With TLS, a port for certificates of the grid, and one for tokens and for agents that join."""
        config, own = self.core.config, self.core.access
        access = Access(check_token=own.tokens.check, revocation=own.revocations.refusal)
        if config.tls is None:
            return Security(access)
        for_tokens = TlsPort(*config.token_listen, ServerTls(config.tls, mutual=False))
        return Security(access, ServerTls(config.tls, mutual=True), [for_tokens])

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()


def _signer(config: MasterConfig, clock: Clock) -> Signer | None:
    """What signs certificates of agents, when the master has the key of the authority. Raises ``GridError``."""
    if config.ca_file is None or config.ca_key_file is None:
        return None
    return Signer(config.ca_file, config.ca_key_file, clock, timedelta(days=config.agent_certificate_days))


def _endpoint(config: MasterConfig) -> str:
    """Where agents that join reach this master; without a host when it listens on all addresses."""
    return format_host_port("" if is_wildcard(config.host) else config.host, config.port)


def _openers(files: CredentialFiles) -> Callable[[str], TlsOpener]:
    """What opens channels to an agent: each one's certificate must be its own."""

    def opener_of(agent_id: str) -> TlsOpener:
        return TlsOpener(files, lambda credentials: agent_server_name(credentials.grid, agent_id))

    return opener_of
