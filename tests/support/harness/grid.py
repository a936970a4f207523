"""A whole grid of real processes in a directory of its own: master, admin, agents and their nodes.

Leaving the context ends every process that it started and every node of its agents, and fails when
a daemon does not end by itself, anything is left, or an event does not say why it happened.
"""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

import grpc

from support.faults.link import LINK_HOST, Link
from support.harness import processes
from support.harness.daemons import Daemon, script, serves_grpc, serves_http, write_config
from support.harness.http import HttpClient
from support.harness.interfaces import CliInterface, GrpcInterface, NodeView, RestInterface
from support.harness.kv import CHANNEL_OPTIONS, KvClient
from support.harness.ports import PortBlock
from support.harness.processes import NodeProcess
from support.harness.tls import GridTls
from support.waiting import eventually
from sutra_grid.core.access.identity import Role, agent_server_name
from sutra_grid.runtime.net import is_loopback, parse_host_port
from sutra_grid.wire import grid_pb2 as pb
from sutra_grid.wire import grid_pb2_grpc as rpc

LIVE: set[Grid] = set()
"""The grids that run now: a failing test shows their logs."""

PORTS_PER_AGENT = 12
FIRST_LINK_PORT = 2
FIRST_AGENT_PORT = 8
MASTER_METRICS_PORT = 2
FIRST_AGENT_METRICS_PORT = 3
TOKEN_PORT = 7


#: For ``master_extra`` of a grid whose heartbeats come fast: far more missed heartbeats than a busy machine makes.
PATIENT: Mapping[str, Mapping[str, Any]] = {"liveness": {"degraded_after_missed": 10, "offline_after_missed": 20}}


@dataclass(frozen=True, slots=True)
class GridSpec:
    """What a grid is made of.

    ``extra`` sections are laid over each agent's configuration, ``master_extra`` over the master's, ``admin_extra``
    over the admin's. ``run_in`` are the words before a daemon's command, by its name. ``registry_url`` is the master's
    and the admin's; empty means a file in the grid's directory. ``with_links``: master and agents reach each other
    through links that can be cut. ``with_tls``: every connection of the grid has mutual TLS; nodes and the admin's own
    port have none.
    ``agents_explain``: they give a reason for all that they report, as ours do and random messages do not.
    """

    agents: int = 1
    max_storage_nodes: int = 10
    heartbeat_seconds: float = 0.5
    health_check_seconds: float = 1.0
    with_admin: bool = True
    registry_url: str = ""
    with_links: bool = False
    with_metrics: bool = False
    with_tls: bool = False
    agents_explain: bool = True
    extra: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    master_extra: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    admin_extra: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    run_in: Mapping[str, Sequence[str]] = field(default_factory=dict)


class Grid:
    """The daemons of one grid and clients to look at it from outside."""

    def __init__(self, root: Path, spec: GridSpec | None = None) -> None:
        self.spec = spec or GridSpec()
        self.root = root.resolve()
        self.root.mkdir(parents=True, exist_ok=True)
        self.ports = PortBlock(FIRST_AGENT_PORT + self.spec.agents * PORTS_PER_AGENT)
        self.master_address = f"127.0.0.1:{self.ports[0]}"
        self.admin_address = f"127.0.0.1:{self.ports[1]}"
        self.token_address = f"127.0.0.1:{self.ports[TOKEN_PORT]}"
        self.tls = GridTls(self.root / "tls") if self.spec.with_tls else None
        self.registry = self.root / "registry.db"
        self.registry_url = self.spec.registry_url or f"sqlite:///{self.registry}"
        self.master = self._make_master()
        self.admin = self._make_admin()
        names = [f"agent-{number}" for number in range(1, self.spec.agents + 1)]
        self.links = {name: self._make_link(index) for index, name in enumerate(names)} if self.spec.with_links else {}
        self.agents = {name: self._make_agent(name, index) for index, name in enumerate(names)}
        self._channel = self._open_channel()
        self.stub = rpc.GridMasterStub(self._channel)
        self.grpc = GrpcInterface(self.stub)
        self.http = HttpClient(self.admin_address)
        self.rest = RestInterface(self.http)
        self.cli = CliInterface(self.master_address, self.tls.options(Role.ADMIN, "test") if self.tls else ())

    def _open_channel(self) -> grpc.Channel:
        if self.tls is not None:
            return self.tls.channel(self.master_address, Role.ADMIN, "test")
        return grpc.insecure_channel(self.master_address, options=CHANNEL_OPTIONS)

    def _serves_grpc(self, address: str, server_name: str = "") -> bool:
        tls = self.tls
        if tls is None:
            return serves_grpc(address)
        return serves_grpc(address, open_=lambda at: tls.channel(at, Role.ADMIN, "test", server_name))

    # -- the daemons --

    @property
    def daemons(self) -> list[Daemon]:
        admin = [self.admin] if self.spec.with_admin else []
        return [self.master, *admin, *self.agents.values()]

    def _make_master(self) -> Daemon:
        config: dict[str, dict[str, Any]] = {
            "master": {"listen": self.master_address, "registry_url": self.registry_url}
        }
        if self.tls is not None:
            config["master"]["token_listen"] = self.token_address
            config["tls"] = {**self.tls.section(Role.MASTER, "master"), "ca_key_file": str(self.tls.ca_key)}
        if self.spec.with_metrics:
            config["metrics"] = {"listen": self.master_metrics_address}
        for section, values in self.spec.master_extra.items():
            config.setdefault(section, {}).update(values)
        _open_where_others_reach(config, config["master"]["listen"])
        path = write_config(self.root / "master.toml", config)
        return Daemon(
            "master",
            "sutra-grid-master",
            path,
            ready=lambda: self._serves_grpc(self.master_address),
            run_in=self.spec.run_in.get("master", ()),
        )

    def _make_admin(self) -> Daemon:
        config: dict[str, dict[str, Any]] = {
            "admin": {
                "listen": self.admin_address,
                "registry_url": self.registry_url,
                "master": self.master_address,
            }
        }
        if self.tls is not None:
            config["master_tls"] = self.tls.section(Role.ADMIN, "admin")
        for section, values in self.spec.admin_extra.items():
            config.setdefault(section, {}).update(values)
        path = write_config(self.root / "admin.toml", config)
        return Daemon(
            "admin",
            "sutra-grid-admin",
            path,
            ready=lambda: serves_http(self.admin_address),
            run_in=self.spec.run_in.get("admin", ()),
        )

    def _make_agent(self, agent_id: str, index: int) -> Daemon:
        first = FIRST_AGENT_PORT + index * PORTS_PER_AGENT
        address = f"127.0.0.1:{self.ports[first]}"
        config: dict[str, dict[str, Any]] = {
            "agent": {
                "agent_id": agent_id,
                "master_host": self.master_address,
                "platform": "desktop",
                "max_storage_nodes": self.spec.max_storage_nodes,
                "listen": address,
                "state_path": str(self.state_path(agent_id)),
            },
            "storage": {
                "binary_path": str(script("sutra-storage-server")),
                "data_path": str(self.data_path(agent_id)),
                "default_memory_mb": 128,
                "default_port_range": f"{self.ports[first + 1]}-{self.ports[first + PORTS_PER_AGENT - 1]}",
            },
            "monitoring": {
                "heartbeat_interval_secs": self.spec.heartbeat_seconds,
                "health_check_interval_secs": self.spec.health_check_seconds,
                "restart_failed_nodes": True,
            },
        }
        if link := self.links.get(agent_id):
            config["agent"] |= {"master_host": link.master_address, "advertise": LINK_HOST}
            config["storage"]["bind"] = LINK_HOST  # nodes are reached without a link
        if self.tls is not None:
            config["tls"] = self.tls.section(Role.AGENT, agent_id)
        if self.spec.with_metrics:
            config["metrics"] = {"listen": self._agent_metrics_address(index)}
        for section, values in self.spec.extra.items():
            config.setdefault(section, {}).update(values)
        _open_where_others_reach(config, config["agent"]["listen"], config["storage"].get("bind", ""))
        self.data_path(agent_id).mkdir(parents=True, exist_ok=True)
        path = write_config(self.root / f"{agent_id}.toml", config)
        return Daemon(
            agent_id,
            "sutra-grid-agent",
            path,
            ready=lambda: self._serves_grpc(address, agent_server_name("grid", agent_id)),
            run_in=self.spec.run_in.get(agent_id, ()),
        )

    def _make_link(self, index: int) -> Link:
        agent_port = self.ports[FIRST_AGENT_PORT + index * PORTS_PER_AGENT]
        return Link(self.ports[0], self.ports[FIRST_LINK_PORT + index], agent_port)

    def agent_address(self, agent_id: str) -> str:
        index = list(self.agents).index(agent_id)
        return f"127.0.0.1:{self.ports[FIRST_AGENT_PORT + index * PORTS_PER_AGENT]}"

    @property
    def master_metrics_address(self) -> str:
        return f"127.0.0.1:{self.ports[MASTER_METRICS_PORT]}"

    def agent_metrics_address(self, agent_id: str = "agent-1") -> str:
        return self._agent_metrics_address(list(self.agents).index(agent_id))

    def _agent_metrics_address(self, index: int) -> str:
        port = FIRST_AGENT_METRICS_PORT + index
        assert port < FIRST_AGENT_PORT, "no port is left for this agent's metrics"
        return f"127.0.0.1:{self.ports[port]}"

    def node_port(self, agent_id: str, offset: int) -> int:
        """A port of the agent's range, counted from its end, so that the agent's own choices seldom take it."""
        index = list(self.agents).index(agent_id)
        return self.ports[FIRST_AGENT_PORT + (index + 1) * PORTS_PER_AGENT - 1 - offset]

    def data_path(self, agent_id: str) -> Path:
        return self.root / agent_id / "data"

    def state_path(self, agent_id: str) -> Path:
        return self.root / agent_id / "state"

    # -- coming up and going down --

    def __enter__(self) -> Grid:
        LIVE.add(self)
        try:
            self._start_all()
        except BaseException:
            LIVE.discard(self)
            self._end_everything()
            raise
        return self

    def _start_all(self) -> None:
        # The admin may not find a registry before the master has made one.
        for link in self.links.values():
            link.open()
        self.master.start()
        self.master.wait_ready()
        for daemon in self.daemons[1:]:
            daemon.start()
        for daemon in self.daemons[1:]:
            daemon.wait_ready()
        self.wait_agents("healthy")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        LIVE.discard(self)
        unexplained = self._unexplained_events() if kind is None else []
        stubborn = self._end_everything()
        if kind is None and stubborn:
            raise AssertionError(f"had to be killed, because SIGTERM did not end them:\n{stubborn}")
        if unexplained:
            raise AssertionError(f"events without a reason or message: {unexplained}")

    def _unexplained_events(self) -> list[pb.Event]:
        """Whatever a test did to the grid: nothing may have happened in it that does not say why."""
        with contextlib.suppress(grpc.RpcError):
            known = [event for event in self.events() if event.actor != "agent" or self.spec.agents_explain]
            return [event for event in known if not (event.reason and event.message)]
        return []

    def _end_everything(self) -> str:
        """End all processes of this grid; answers which daemons SIGTERM did not end, with their logs."""
        running = [daemon for daemon in self.daemons if daemon.is_running]
        for daemon in running:
            daemon.signal(signal.SIGCONT)
            daemon.signal(signal.SIGTERM)
        stubborn = []
        for daemon in running:
            try:
                daemon.exit_code()
            except AssertionError as error:
                stubborn.append(str(error))
                daemon.kill()
        self._channel.close()
        for link in self.links.values():
            link.close()
        processes.kill_and_wait(processes.processes_below(self.root))
        self.ports.close()
        return "\n".join(stubborn)

    def logs(self) -> dict[str, str]:
        """The ends of the logs of all daemons, and of their nodes, by name."""
        logs = {daemon.name: daemon.log_tail() for daemon in self.daemons}
        for path in self.root.glob("agent-*/state/**/*.log"):
            with contextlib.suppress(OSError):
                logs[path.name] = "\n".join(path.read_text(errors="replace").splitlines()[-10:])
        return logs

    # -- looking at it --

    def agent(self, agent_id: str = "agent-1") -> pb.AgentRecord:
        record: pb.AgentRecord = self.stub.GetAgent(pb.AgentId(agent_id=agent_id), timeout=10)
        return record

    def agent_statuses(self) -> dict[str, str]:
        """Status by agent, as the master says now; empty while it does not answer."""
        try:
            answer = self.stub.ListAgents(pb.Empty(), timeout=5)
        except grpc.RpcError:
            return {}
        return {record.agent_id: record.status for record in answer.agents}

    def wait_agents(self, status: str, timeout_seconds: float = 20.0) -> None:
        expected = dict.fromkeys(self.agents, status)
        eventually(lambda: self.agent_statuses() == expected, timeout_seconds, f"agents {expected}")

    def wait_node(self, node_id: str, status: str, timeout_seconds: float = 15.0) -> NodeView:
        """Wait until the master shows the node with that status; the node as it is then."""

        def shown() -> NodeView | None:
            with contextlib.suppress(grpc.RpcError):
                view = self.grpc.show(node_id)
                return view if view.status == status else None
            return None

        view = eventually(shown, timeout_seconds, f"{node_id} shown as {status}")
        assert view is not None
        return view

    def processes(self) -> dict[str, list[NodeProcess]]:
        """The live processes of each node, by the process table."""
        table: dict[str, list[NodeProcess]] = {}
        for process in processes.node_processes(self.root):
            table.setdefault(process.node_id, []).append(process)
        return table

    def pids(self) -> dict[str, int]:
        """The one pid of each node that has a process; fails when one has more."""
        table = self.processes()
        assert all(len(found) == 1 for found in table.values()), f"a node runs more than once: {table}"
        return {node_id: found[0].pid for node_id, found in table.items()}

    def kv(self, node: NodeView) -> KvClient:
        return KvClient(node.endpoint)

    def events(self, **fields: Any) -> list[pb.Event]:
        return list(self.stub.ListEvents(pb.ListEventsRequest(limit=1000, **fields), timeout=10).events)


def _open_where_others_reach(config: dict[str, dict[str, Any]], *addresses: str) -> None:
    """Allow what a test without TLS does on addresses of its namespaces."""
    if "tls" in config:
        return
    hosts = [
        parse_host_port(address, 1)[0] if address.count(":") < 2 or "[" in address else address
        for address in addresses
        if address
    ]
    if not all(is_loopback(host) for host in hosts):
        config.setdefault("tls", {}).setdefault("insecure", True)
