"""A real agent daemon without a master, and the calls that a master would make to it."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc

from support.harness.daemons import Daemon, serves_grpc, write_config
from support.harness.ports import free_port
from support.programs.node_program import write_node_program
from support.waiting import eventually
from sutra_grid.agent.processes.identity import boot_id, start_ticks
from sutra_grid.agent.state.journal_format import decode, encode
from sutra_grid.core.errors import GridError
from sutra_grid.core.node.record import NodeRecord
from sutra_grid.core.types import Assignment, Desired, NodeReport, NodeSpec, NodeState
from sutra_grid.wire import grid_pb2
from sutra_grid.wire.convert import assignment_to_message, node_report_from_message
from sutra_grid.wire.errors import from_rpc_error
from sutra_grid.wire.grid_pb2_grpc import GridAgentStub


class AgentHarness:
    """One agent of the directory ``home``; its nodes run ``support.programs.node_program`` in its several modes."""

    def __init__(self, home: Path, **overrides: Mapping[str, Any]) -> None:
        home.mkdir(parents=True, exist_ok=True)
        self.home = home
        self.data = home / "data"
        self.state = self.data / ".agent"
        self.address = f"127.0.0.1:{free_port()}"
        self.sections = _sections(home, self.address, overrides)
        self.daemon = self._daemon("agent")
        self._channel: grpc.Channel | None = None
        self._generations: dict[str, int] = {}

    def _daemon(self, name: str, run_in: Sequence[str] = ()) -> Daemon:
        config = write_config(self.home / f"{name}.toml", self.sections)
        return Daemon(
            name,
            "sutra-grid-agent",
            config,
            ready=lambda: serves_grpc(self.address, ["grid.GridAgent"]),
            run_in=run_in,
        )

    def move_to(self, run_in: Sequence[str]) -> None:
        """From the next start on the agent runs behind these words. Only while it is down."""
        self.daemon = self._daemon("agent", run_in)

    def rewrite_config(self, **overrides: Mapping[str, Any]) -> None:
        """Lay these sections over the configuration; the next start reads it."""
        for name, keys in overrides.items():
            self.sections.setdefault(name, {}).update(keys)
        write_config(self.daemon.config, self.sections)

    def start(self) -> AgentHarness:
        self.daemon.start()
        self.daemon.wait_ready()
        return self

    def kill(self) -> None:
        self.daemon.kill()
        self._close()

    def stop(self) -> int:
        code = self.daemon.stop()
        self._close()
        return code

    def _close(self) -> None:
        if self._channel is not None:
            self._channel.close()
            self._channel = None

    @property
    def stub(self) -> GridAgentStub:
        if self._channel is None:
            self._channel = grpc.insecure_channel(self.address)
        return GridAgentStub(self._channel)

    def apply(self, assignment: Assignment, timeout_seconds: float = 15.0) -> NodeReport:
        """Raises the ``GridError`` that the agent answers."""
        self._generations[assignment.node_id] = assignment.generation
        try:
            answer = self.stub.Apply(assignment_to_message(assignment), timeout=timeout_seconds, wait_for_ready=True)
        except grpc.RpcError as error:
            raise from_rpc_error(error, self.address) from error
        return node_report_from_message(answer)

    def want(
        self,
        node_id: str,
        desired: Desired,
        spec: NodeSpec | None = None,
        *,
        restart: bool = False,
        timeout_seconds: float = 15.0,
    ) -> NodeReport:
        """Apply the next generation."""
        generation = self._generations.get(node_id, 0) + 1
        return self.apply(
            Assignment(node_id, generation, desired, spec or NodeSpec(), generation if restart else 0),
            timeout_seconds,
        )

    def run(self, node_id: str, engine: str = "", **spec: Any) -> NodeReport:
        return self.want(node_id, Desired.RUNNING, NodeSpec(engine=engine, **spec))

    def reports(self) -> dict[str, NodeReport]:
        listed = self.stub.ListNodes(grid_pb2.Empty(), timeout=5, wait_for_ready=True)
        return {one.node_id: node_report_from_message(one) for one in listed.nodes}

    def wait_for(
        self, node_id: str, check: Callable[[NodeReport], bool] | NodeState, timeout_seconds: float = 15.0
    ) -> NodeReport:
        """The first report of the node that is in that state, or passes the check."""

        def found() -> NodeReport | None:
            report = self.reports().get(node_id)
            good = report is not None and (report.state is check if isinstance(check, NodeState) else check(report))
            return report if good else None

        report = eventually(found, timeout_seconds, f"{node_id} as expected; reports {self.reports()}")
        assert report is not None
        return report

    def wait_for_removal(self, node_id: str, timeout_seconds: float = 15.0) -> None:
        """Return when the agent no longer lists the node."""
        eventually(lambda: node_id not in self.reports(), timeout_seconds, f"the removal of {node_id}")

    def journal_file(self, node_id: str) -> Path:
        return self.state / "nodes" / f"{node_id}.json"

    def journaled(self, node_id: str) -> NodeRecord:
        """The record on disk."""
        record, _ = decode(self.journal_file(node_id).read_bytes(), boot_id())
        return record

    def rewrite_journal(self, node_id: str, **changes: Any) -> NodeRecord:
        """Change the record on disk, as if the agent had ended at another moment. Only while it is down."""
        record = self.journaled(node_id)
        self.journal_file(node_id).write_bytes(encode(replace(record, **changes), boot_id()))
        return record


def kill_now(pid: int) -> None:
    """Send SIGKILL. An invalid pid (0 would be this test's own group) fails the test instead."""
    assert pid > 1, f"no process to kill: pid {pid}"
    os.kill(pid, signal.SIGKILL)


def kill_process(pid: int) -> None:
    """Send SIGKILL and wait until the process is gone."""
    kill_now(pid)
    eventually(lambda: start_ticks(pid) is None, message=f"end of process {pid}")


def is_alive(pid: int) -> bool:
    return start_ticks(pid) is not None


def refusal_of(call: Callable[[], object]) -> GridError:
    """The error that the call raises."""
    try:
        answer = call()
    except GridError as error:
        return error
    raise AssertionError(f"not refused: {answer}")


def _sections(home: Path, address: str, overrides: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    program = str(write_node_program(home))
    first = free_port()
    contract = ["--port", "{port}", "--storage-path", "{storage_path}", "--node-id", "{node_id}"]

    def mood(*flags: str, **keys: Any) -> dict[str, Any]:
        return {"binary_path": program, "args": contract + list(flags), **keys}

    sections: dict[str, dict[str, Any]] = {
        "agent": {
            "agent_id": "agent-1",
            "master_host": f"127.0.0.1:{free_port()}",
            "platform": "desktop",
            "max_storage_nodes": 5,
            "listen": address,
        },
        "storage": {
            "binary_path": program,
            "health_probe": "tcp",
            "data_path": str(home / "data"),
            "default_memory_mb": 64,
            "default_port_range": f"{first}-{min(first + 50, 65535)}",
            "disk_reserve_mb": 0,
        },
        "monitoring": {
            "heartbeat_interval_secs": 0.5,
            "health_check_interval_secs": 0.3,
            "restart_failed_nodes": True,
        },
        "restart": {
            "stable_secs": 0.2,
            "first_delay_secs": 0.1,
            "max_delay_secs": 0.4,
            "max_crashes": 3,
        },
        "engines": {
            "stubborn": mood("--ignore-term", "--child", stop_grace_secs=0.3),
            "broken": mood("--exit", "3"),
            "short": mood("--lives", "0.15"),
            "deaf": mood("--deaf", start_timeout_secs=0.5),
            "missing": {"binary_path": str(home / "no-such-program")},
            "plain": {"binary_path": str(home / "agent.toml")},
        },
    }
    for name, keys in overrides.items():
        sections.setdefault(name, {}).update(keys)
    return sections
