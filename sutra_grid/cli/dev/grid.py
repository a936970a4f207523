"""Starts and stops the processes of a dev grid in order, and waits for each."""

from __future__ import annotations

import http.client
import ssl
import time
from collections.abc import Callable, Sequence
from typing import Final

from sutra_grid.cli.client import NO_CREDENTIALS, Credentials, make_client
from sutra_grid.cli.dev import tagged
from sutra_grid.cli.dev.access import withdraw_access
from sutra_grid.cli.dev.certificates import OPERATOR
from sutra_grid.cli.dev.configs import HOST, write_configs
from sutra_grid.cli.dev.daemon import Daemon, end_daemons
from sutra_grid.cli.dev.layout import AgentPlan, GridPlan, Layout
from sutra_grid.cli.scripts import storage_server
from sutra_grid.client.master_client import MasterClient
from sutra_grid.core.errors import DeadlineExceeded, FailedPrecondition, GridError
from sutra_grid.core.types import AgentStatus, Reason
from sutra_grid.runtime.files import write_atomically
from sutra_grid.runtime.shutdown import Shutdown
from sutra_grid.runtime.tls.member import member_files

READY_SECONDS: Final = 30.0
POLL_SECONDS: Final = 0.1
PROBE_SECONDS: Final = 2.0
STOP_SECONDS: Final = 10.0
MAX_STARTS: Final = 5
# An agent exits with this code when a newer one with its id has superseded it. It must not be started again.
SUPERSEDED_EXIT_CODE: Final = 3

Say = Callable[[str, str], None]


class Interrupted(Exception):
    """A stop was requested while the grid was starting."""


class DevGrid:
    """The processes of one dev grid. The caller holds the directory's lock. Used by one thread.

    ``say(who, what)`` prints a line per step. ``with_tls``: the certificates are made already.
    """

    def __init__(self, layout: Layout, plan: GridPlan, shutdown: Shutdown, say: Say, *, with_tls: bool = False) -> None:
        self.layout = layout
        self.plan = plan
        self.with_tls = with_tls
        self.master_address = f"{HOST}:{plan.master_port}"
        self.admin_url = f"http{'s' if with_tls else ''}://{HOST}:{plan.admin_port}"
        self._shutdown = shutdown
        self._say = say
        self._master = Daemon("master", "master", layout)
        self._admin = Daemon("admin", "admin", layout)
        self._agents = [Daemon(agent.agent_id, "agent", layout) for agent in plan.agents]
        credentials = Credentials(member_files(layout.tls.files("admin"))) if with_tls else NO_CREDENTIALS
        self._client = make_client(self.master_address, "the dev grid's plan", READY_SECONDS, credentials)

    @property
    def client(self) -> MasterClient:
        """The client of this grid's master."""
        return self._client

    def start(self) -> None:
        """Start master, admin and agents. Raises GridError that names a daemon that does not start, or Interrupted."""
        self.layout.make_subdirectories(self.plan)
        write_configs(self.layout, self.plan, storage_server(), with_tls=self.with_tls)
        self.layout.save_plan(self.plan)
        began = time.monotonic()
        self._master.start()
        self._await_ready(self._master, self._master_answers)
        self._say("master", f"ready at {self.master_address} ({_since(began)})")
        self._tell_other_commands()
        if not self.with_tls and self.layout.tls.directory.exists():
            withdraw_access(self._client)  # with a user, the admin would ask for a login
        began = time.monotonic()
        began_ms = time.time_ns() // 1_000_000
        for daemon in (*self._agents, self._admin):
            daemon.start()
        for daemon, agent in zip(self._agents, self.plan.agents, strict=True):
            self._await_ready(daemon, lambda name=agent.agent_id: self._agent_is_healthy(name, began_ms))  # type: ignore[misc]
            self._say(agent.agent_id, f"ready at {HOST}:{agent.port} ({_since(began)})")
        self._await_ready(self._admin, self._admin_answers)
        self._say("admin", f"ready at {self.admin_url} ({_since(began)})")

    def save_spawned(self, agent: AgentPlan, spawned: int) -> None:
        """Save that one more node was spawned on an agent."""
        self.plan = self.plan.with_spawned(agent.agent_id, spawned)
        self.layout.save_plan(self.plan)

    def revive(self) -> None:
        """Start daemons again that have ended, as an init system does, a few times at most."""
        for daemon in (self._master, self._admin, *self._agents):
            ended = daemon.ended()
            if not ended or not daemon.started:
                continue
            if daemon.starts >= MAX_STARTS or daemon.exit_code() == SUPERSEDED_EXIT_CODE:
                self._say(daemon.name, f"{ended} and is not started again; its log: {self.layout.log(daemon.name)}")
                daemon.await_end(0)
                continue
            daemon.start()
            self._say(daemon.name, f"{ended}; started again as pid {daemon.pid}")

    def stop(self) -> None:
        """Stop everything of this grid: agents, then node processes, then the master and the admin.

        Agents stop first, so that none restarts a node. The desired states do not change, so the
        next start brings the nodes back.
        """
        began = time.monotonic()
        agents = sum(daemon.started for daemon in self._agents)
        what = [name for name, daemon in (("master", self._master), ("admin", self._admin)) if daemon.started]
        self._admin.terminate()  # takes a second, and nothing depends on it
        killed = end_daemons(self._agents, STOP_SECONDS)
        with tagged.find_nodes(self.layout.directory) as nodes:
            stubborn = tagged.end_all(nodes, STOP_SECONDS)
            killed += sorted({process.name for process in stubborn})
            count = len({process.name for process in nodes})
        killed += end_daemons([self._master, self._admin], STOP_SECONDS)
        with tagged.find_daemons(self.layout.directory) as rest:  # workers that outlived their daemon
            tagged.end_all(rest, STOP_SECONDS)
        self._client.close()
        self.layout.address_file.unlink(missing_ok=True)
        self.layout.tls_file.unlink(missing_ok=True)
        hard = f"; killed {', '.join(killed)}" if killed else ""
        what += [f"{number} {kind}" for number, kind in ((agents, "agents"), (count, "nodes")) if number]
        self._say("stopped", f"{', '.join(what) or 'nothing ran'} ({_since(began)}){hard}")

    def pause(self, seconds: float) -> None:
        """Wait a moment. Raises Interrupted when a stop is requested."""
        if self._shutdown.wait(seconds):
            raise Interrupted

    def _await_ready(self, daemon: Daemon, is_ready: Callable[[], bool]) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while not is_ready():
            if ended := daemon.ended():
                raise _did_not_come_up(daemon, ended, self.layout)
            if time.monotonic() >= deadline:
                raise DeadlineExceeded(
                    _with_log(f"{daemon.name} is not ready after {READY_SECONDS:g} s", daemon.log_tail()),
                    reason=Reason.TIMED_OUT,
                    hint=f"Find the cause in its log, {self.layout.log(daemon.name)}",
                )
            self.pause(POLL_SECONDS)

    def _tell_other_commands(self) -> None:
        """Write down where the master is, after what its callers need."""
        if self.with_tls:
            files = self.layout.tls.files(OPERATOR)
            lines = f"{files.ca_file}\n{files.cert_file}\n{files.key_file}\n"
            write_atomically(self.layout.tls_file, lines.encode())
        else:
            self.layout.tls_file.unlink(missing_ok=True)
        write_atomically(self.layout.address_file, self.master_address.encode() + b"\n")

    def _master_answers(self) -> bool:
        try:
            self._client.cluster_status(timeout_seconds=PROBE_SECONDS)
        except GridError:
            return False
        return True

    def _agent_is_healthy(self, agent_id: str, began_ms: int) -> bool:
        """Whether it is healthy by a heartbeat of this run: the master keeps agents of the last run."""
        try:
            agent = self._client.get_agent(agent_id, timeout_seconds=PROBE_SECONDS)
        except GridError:
            return False
        return agent.status == AgentStatus.HEALTHY and agent.last_heartbeat * 1000 >= began_ms - 1000

    def _admin_answers(self) -> bool:
        connection = self._connection()
        try:
            connection.request("GET", "/readyz?exclude=master")
            return connection.getresponse().status < 300
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def _connection(self) -> http.client.HTTPConnection:
        if not self.with_tls:
            return http.client.HTTPConnection(HOST, self.plan.admin_port, timeout=PROBE_SECONDS)
        context = ssl.create_default_context(cafile=self.layout.tls.ca)
        return http.client.HTTPSConnection(HOST, self.plan.admin_port, timeout=PROBE_SECONDS, context=context)


def end_leftovers(layout: Layout, say: Say, *, with_tls: bool) -> None:
    """Stop the daemons of an earlier dev that was killed. Their nodes run on, and the new agents adopt them.

    Nodes with TLS are stopped before a start without it, and the other way round: agents could not reach them.
    """
    with tagged.find_daemons(layout.directory) as leftovers:
        if leftovers:
            names = ", ".join(sorted({process.name for process in leftovers}))
            say("leftover", f"daemons of an earlier run; stopping {names}")
            tagged.end_all(leftovers, STOP_SECONDS)
    if layout.address_file.exists() and layout.tls_file.exists() != with_tls:
        with tagged.find_nodes(layout.directory) as nodes:
            tagged.end_all(nodes, STOP_SECONDS)


def _did_not_come_up(daemon: Daemon, ended: str, layout: Layout) -> FailedPrecondition:
    return FailedPrecondition(
        _with_log(f"{daemon.name} {ended} at its start", daemon.log_tail()),
        reason=Reason.START_FAILED,
        hint=f"Find the cause in its log, {layout.log(daemon.name)}; its configuration is {layout.config(daemon.name)}",
    )


def _with_log(message: str, lines: Sequence[str]) -> str:
    return "\n  | ".join([message, *lines])


def _since(began: float) -> str:
    return f"{time.monotonic() - began:.1f}s"
