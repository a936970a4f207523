"""Puts the parts of an agent together, starts them in order, and stops them in reverse.

The order of a start: lock the state directory, read the journal, adopt live processes, serve, register,
send heartbeats. A stop ends the agent's own threads and nothing else.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import os
import random
import socket
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from sutra_grid import __version__
from sutra_grid.agent.access.node_certificates import CHECK_SECONDS as CERTIFICATE_SECONDS
from sutra_grid.agent.access.node_certificates import NodeCertificateLink, NodeCertificates
from sutra_grid.agent.access.renewal import CertificateRenewal, RenewalLink
from sutra_grid.agent.access.revocations import FollowedRevocations
from sutra_grid.agent.addresses import NodeAddresses, agent_host, find_addresses, insecure_parts
from sutra_grid.agent.config import AgentConfig, MemoryLimits
from sutra_grid.agent.engines import LISTEN_VARIABLE
from sutra_grid.agent.heartbeat import Heartbeat, HeartbeatSource
from sutra_grid.agent.inventory import Inventory
from sutra_grid.agent.limits.host_memory import node_memory
from sutra_grid.agent.limits.memory_groups import MemoryGroups, make_memory_groups
from sutra_grid.agent.limits.memory_monitor import MemoryMonitor
from sutra_grid.agent.limits.oom_monitor import OomMonitor
from sutra_grid.agent.logs import NodeLogs
from sutra_grid.agent.master_link import MasterLink
from sutra_grid.agent.metrics import AgentMetrics, MetricsSources
from sutra_grid.agent.name_check import CHECK_SECONDS, NameCheck, names_of
from sutra_grid.agent.os_errors import from_os_error, unread_processes_as_error
from sutra_grid.agent.processes.identity import boot_id
from sutra_grid.agent.processes.launch_members import OrphanKeeper, OsLaunchMembers
from sutra_grid.agent.processes.launch_plan import LaunchPlanner
from sutra_grid.agent.processes.launcher import OsProcessLauncher
from sutra_grid.agent.processes.member_search import MemberSearch
from sutra_grid.agent.processes.orphans import become_subreaper
from sutra_grid.agent.processes.sightings import read_sightings
from sutra_grid.agent.resources.node_members import NodeMembers
from sutra_grid.agent.resources.sampler import ResourceSampler
from sutra_grid.agent.service import GridAgentService
from sutra_grid.agent.state.data_disk import DataDisk
from sutra_grid.agent.state.host_id import load_host_id
from sutra_grid.agent.state.journal import Journal
from sutra_grid.agent.state.session import SessionFile
from sutra_grid.agent.supervision.admission import Admission
from sutra_grid.agent.supervision.collaborators import Collaborators
from sutra_grid.agent.supervision.supervisor import Supervisor
from sutra_grid.core.types import Agent, Reason
from sutra_grid.runtime.clock import Clock, SystemClock
from sutra_grid.runtime.files import lock_file
from sutra_grid.runtime.logging import get_logger
from sutra_grid.runtime.metrics.endpoint import MetricsEndpoint
from sutra_grid.runtime.net import format_host_port
from sutra_grid.runtime.ticker import Ticker
from sutra_grid.wire.grid_pb2_grpc import add_GridAgentServicer_to_server
from sutra_grid.wire.server import Access, RunningServer, Security, ServerLimits, serve
from sutra_grid.wire.tls import ServerTls, TlsOpener

log = get_logger(__name__)

SERVICE: Final = "grid.GridAgent"
NAME_CHECK_STOP_SECONDS: Final = 0.2  # one that waits for the name service ends with the process
SAMPLE_SECONDS: Final = 5.0  # ``sampler.HISTORY`` counts on it
LOG_SECONDS: Final = 1.0  # a log can exceed its size by what the node writes in this time
GROUPS_SECONDS: Final = 5.0
MEMORY_SECONDS: Final = 1.0  # a node can exceed its limit for this long where there are no control groups
ORPHAN_SECONDS: Final = 5.0  # an orphan that has ended keeps its pid for this long at most


class GridAgent:
    """One agent. A context manager; entering it raises ``GridError`` when the agent can't start.

    ``on_superseded`` is called from the heartbeat thread when a newer agent process has this agent id. ``environ``:
    the environment that nodes inherit; by default this process's own.
    """

    def __init__(
        self,
        config: AgentConfig,
        *,
        on_superseded: Callable[[str], None],
        clock: Clock | None = None,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self._config = config
        self._clock = clock or SystemClock()
        self._on_superseded = on_superseded
        self._environ = environ
        self._parts = contextlib.ExitStack()
        self._metrics = AgentMetrics()
        self._revocations = FollowedRevocations()
        self._certificates: NodeCertificates | None = None
        self._server: RunningServer | None = None
        self._heartbeat: Heartbeat | None = None
        self._sampler: Ticker | None = None

    @property
    def endpoint(self) -> str:
        """The host:port at which the master reaches this agent."""
        assert self._server is not None
        return format_host_port(agent_host(self._config), self._server.port)

    def unregister(self, reason: str) -> None:
        """Stop the heartbeats and tell the master why the agent stops."""
        if self._heartbeat is not None:
            self._heartbeat.stop()
            self._heartbeat.unregister(reason)

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as parts:
            self._start(parts)
            self._parts = parts.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._parts.close()

    def _start(self, parts: contextlib.ExitStack) -> None:
        config, clock = self._config, self._clock
        disk = DataDisk(config.data_path, config.state_path, config.require_mount)
        disk.check_mounted()
        _make_directories(config.data_path, config.state_path, config.state_path / "logs")
        parts.enter_context(lock_file(config.state_path / "lock", f"agent {config.agent_id}"))
        host_id = load_host_id(config.state_path)
        disk.started(host_id)
        self._check_names(parts)
        become_subreaper()
        parts.enter_context(MetricsEndpoint(config.metrics, self._metrics.registry))
        logs = NodeLogs(config.state_path / "logs", max_bytes=config.log_max_bytes, keep_files=config.log_keep_files)
        groups = make_memory_groups(config.memory_limits, host_id)
        addresses = find_addresses(config)
        self._certificates = certificates = self._node_certificates(parts, addresses)
        planner = LaunchPlanner(
            agent_id=config.agent_id,
            host_id=host_id,
            log_directory=logs.directory,
            environ=self._environ,
            tls_files=certificates.paths if certificates else None,
        )
        if withheld := planner.withheld_names(config.engines.values()):
            log.warning(
                "nodes do not get these variables of the agent, because they look like secrets",
                variables=",".join(withheld),
                hint="name those that a node needs in pass_secrets of its engine, and restart the agent",
            )
        search = MemberSearch(host_id, groups.pids)
        members = NodeMembers(search, planner.clues)
        resources = ResourceSampler(
            config.data_path,
            clock,
            members,
            disk_reserve_bytes=config.disk_reserve_bytes,
            places={"state": config.state_path, "logs": logs.directory},
            group_bytes=groups.resident_bytes,
        )
        inventory = Inventory(clock, resources.newest, self._report_soon)
        supervisor = self._recovered_supervisor(search, inventory, logs, groups, planner, disk, addresses)
        parts.enter_context(supervisor)
        if certificates is not None:
            self._watch_certificates(parts, certificates, inventory)
        described = functools.cache(lambda: self._describe(host_id))  # its endpoint is known once the server runs
        service = GridAgentService(supervisor, inventory, logs, resources, clock, described)
        self._server = parts.enter_context(self._serve(service))
        resources.take_samples(inventory.views())
        sampler = Ticker("sampler", SAMPLE_SECONDS, lambda: resources.take_samples(inventory.views()))
        self._sampler = parts.enter_context(sampler)
        if config.memory_limits is not MemoryLimits.OFF:
            monitor = MemoryMonitor(members, supervisor.memory_exceeded, groups.unreclaimable_bytes)
            parts.enter_context(Ticker("memory-limits", MEMORY_SECONDS, lambda: monitor.check(inventory.views())))
            oom = OomMonitor(groups, supervisor.members_oom_killed)
            parts.enter_context(Ticker("oom-kills", MEMORY_SECONDS, lambda: oom.check(inventory.views())))
            parts.enter_context(Ticker("memory-groups", GROUPS_SECONDS, groups.retry_removals))
        parts.callback(logs.close)
        watch_logs = Ticker("node-logs", LOG_SECONDS, lambda: logs.look(inventory.views(), inventory.put_log_problem))
        parts.enter_context(watch_logs)
        parts.enter_context(Ticker("orphans", ORPHAN_SECONDS, supervisor.check_orphans))
        opener = TlsOpener(config.tls) if config.tls else None
        link = parts.enter_context(MasterLink(format_host_port(*config.master), opener, revocations=self._revocations))
        report = HeartbeatSource(described(), inventory, resources.host)
        heartbeat = Heartbeat(
            report,
            link,
            clock,
            sessions=SessionFile(config.state_path),
            on_assignments=supervisor.assign_all,
            on_superseded=self._on_superseded,
        )
        sources = MetricsSources(report.agent, inventory.reports, resources.host, heartbeat, config.tls)
        self._metrics.watch(sources, self._server)
        self._heartbeat = parts.enter_context(heartbeat)
        self._renew_certificate(parts)

    def _node_certificates(self, parts: contextlib.ExitStack, addresses: NodeAddresses) -> NodeCertificates | None:
        config = self._config
        if config.tls is None or config.tls_files is None:
            return None
        target, opener = format_host_port(*config.master), TlsOpener(config.tls)
        link = parts.enter_context(NodeCertificateLink(config.agent_id, target, opener))
        hosts = addresses.certificate_hosts()
        files = config.tls_files
        return parts.enter_context(
            NodeCertificates(config.state_path, config.tls, files, link.issue, hosts, self._clock)
        )

    def _watch_certificates(
        self, parts: contextlib.ExitStack, certificates: NodeCertificates, inventory: Inventory
    ) -> None:
        """Renew the certificates of nodes, and get those of nodes that will need one at their next start."""
        engines = self._config.engines

        def check() -> None:
            for view in inventory.views():
                record = view.runtime.record
                engine = engines.get(record.assignment.spec.engine)
                if record.tls or (engine is not None and engine.tls):
                    certificates.check([record.assignment.node_id])

        ticker = parts.enter_context(Ticker("node-certificates", CERTIFICATE_SECONDS, check))
        ticker.trigger()

    def _renew_certificate(self, parts: contextlib.ExitStack) -> None:
        config = self._config
        if config.tls is None or config.tls_files is None:
            return
        link = parts.enter_context(RenewalLink(format_host_port(*config.master), TlsOpener(config.tls)))
        parts.enter_context(CertificateRenewal(config.tls_files, config.tls, link.renew, self._clock))

    def _check_names(self, parts: contextlib.ExitStack) -> None:
        """Say which names have a problem, in a thread: the name service may not answer for long."""
        check = Ticker("name-check", CHECK_SECONDS, NameCheck(names_of(self._config)).check)
        parts.callback(check.stop, NAME_CHECK_STOP_SECONDS)
        check.start()
        check.trigger()
        if ignored := os.environ.get(LISTEN_VARIABLE):
            log.warning(
                "a variable is not passed on: bind in [storage] decides", variable=LISTEN_VARIABLE, value=ignored
            )

    def _recovered_supervisor(
        self,
        search: MemberSearch,
        inventory: Inventory,
        logs: NodeLogs,
        groups: MemoryGroups,
        planner: LaunchPlanner,
        disk: DataDisk,
        addresses: NodeAddresses,
    ) -> Supervisor:
        config = self._config
        journal = Journal(config.state_path / "nodes", boot_id(), disk.problem)
        try:
            journal.open()
            entries = journal.load()
        except OSError as error:
            raise from_os_error(
                f"the journal in {config.state_path} can't be read", error, Reason.PATH_NOT_WRITABLE
            ) from error
        collaborators = Collaborators(
            journal=journal,
            launcher=OsProcessLauncher(),
            planner=planner,
            admission=Admission(config, addresses, disk.check),
            inventory=inventory,
            log_tail=logs.tail,
            prepare_log=logs.prepare,
            clock=self._clock,
            chance=random.random,
            groups=groups,
            sightings=read_sightings,
            members=OsLaunchMembers(search),
            orphans=OrphanKeeper(search),
            host_memory=functools.partial(node_memory, groups.place),
            certificates=self._certificates,
        )
        if self._certificates is not None:
            self._certificates.forget_all_but(entry.node_id for entry in entries)
        supervisor = Supervisor(config, collaborators, addresses)
        log.info("recovering", journaled=len(entries))
        with unread_processes_as_error():
            sightings = read_sightings()
        supervisor.recover(entries, sightings)
        groups.remove_leftovers()
        return supervisor

    def _serve(self, service: GridAgentService) -> RunningServer:
        host, port = self._config.listen
        return serve(
            {SERVICE: lambda server: add_GridAgentServicer_to_server(service, server)},
            host=host,
            port=port,
            limits=ServerLimits(workers=self._config.workers, calls=self._config.max_concurrent_calls),
            name="agent-service",
            observe_call=self._metrics.calls.observe if self._config.metrics else None,
            security=Security(
                Access(revocation=self._revocations.refusal),
                ServerTls(self._config.tls, mutual=True) if self._config.tls else None,
            ),
        )

    def _describe(self, host_id: str) -> Agent:
        config = self._config
        return Agent(
            agent_id=config.agent_id,
            hostname=socket.gethostname(),
            platform=config.platform,
            max_storage_nodes=config.max_storage_nodes,
            version=__version__,
            endpoint=self.endpoint,
            host_id=host_id,
            instance_id=uuid.uuid4().hex,
            heartbeat_interval_ms=int(config.heartbeat_interval_seconds * 1000),
            engines=tuple(sorted(config.engines)),
            labels=config.labels,
            data_path=str(config.data_path),
            state_path=str(config.state_path),
            insecure=insecure_parts(config),
        )

    def _report_soon(self) -> None:
        """Sample the nodes and send a heartbeat now, because a node has settled in another state than before."""
        if self._sampler is not None:
            self._sampler.trigger()
        if self._heartbeat is not None:
            self._heartbeat.trigger()


def _make_directories(*paths: Path) -> None:
    for path in paths:
        try:
            path.mkdir(parents=True, exist_ok=True)
            if not os.access(path, os.W_OK | os.X_OK):
                raise PermissionError(errno.EACCES, "this user can't write there", str(path))
        except OSError as error:
            raise from_os_error(f"the directory {path} can't be used", error, Reason.PATH_NOT_WRITABLE) from error
