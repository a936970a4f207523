"""An agent in memory that carries out every assignment at once: no process, no server."""

from __future__ import annotations

import itertools
from dataclasses import replace

from sutra_grid.core.types import Assignment, Desired, NodeExit, NodeReport, NodeSpec, NodeState, Reason

FIRST_PORT = 50051
FIRST_PID = 1000


class InMemoryAgent:
    """The journal and the processes of one agent. ``journal`` is its inventory."""

    def __init__(self, agent_id: str) -> None:
        self.agent_id = agent_id
        self.journal: dict[str, NodeReport] = {}
        self.ended: list[str] = []  # nodes whose process ended by an assignment
        self._pids = itertools.count(FIRST_PID)
        self._ports = itertools.count(FIRST_PORT)

    def obey(self, assignment: Assignment) -> NodeReport:
        """Journal it and report it as done; what is not newer changes nothing."""
        known = self.journal.get(assignment.node_id)
        if known is not None and known.generation >= assignment.generation:
            return known
        report = self._carried_out(assignment, known)
        if known is not None and known.pid and known.pid != report.pid:
            self.ended.append(assignment.node_id)
        if assignment.desired is Desired.ABSENT:
            self.journal.pop(assignment.node_id, None)
        else:
            self.journal[assignment.node_id] = report
        return report

    def restart_crashed(self, node_id: str) -> None:
        """The node's process was killed, and restarted at once."""
        known = self.journal[node_id]
        killed = NodeExit(code=None, signal=9, at_ms=known.pid, uptime_ms=1, reason=Reason.CRASHED)
        self.journal[node_id] = replace(
            known, pid=next(self._pids), restarts=known.restarts + 1, exits=(killed, *known.exits[:4])
        )

    def resolve(self, assignment: Assignment) -> NodeSpec:
        """What is empty is filled in."""
        asked = assignment.spec
        return NodeSpec(
            engine=asked.engine or "storage",
            port=asked.port or next(self._ports),
            storage_path=asked.storage_path or f"/data/{assignment.node_id}",
            memory_limit_mb=asked.memory_limit_mb or 2048,
        )

    def _carried_out(self, assignment: Assignment, known: NodeReport | None) -> NodeReport:
        runs = assignment.desired is Desired.RUNNING
        keeps = runs and known is not None and known.pid and assignment.restart_generation <= known.restart_generation
        spec = known.spec if known else self.resolve(assignment)
        return NodeReport(
            node_id=assignment.node_id,
            generation=assignment.generation,
            desired=assignment.desired,
            state=NodeState.RUNNING if runs else NodeState.STOPPED,
            pid=known.pid if keeps and known else next(self._pids) if runs else 0,
            endpoint=f"127.0.0.1:{spec.port}",
            spec=spec,
            reason=Reason.COMMANDED,
            message="started by command" if runs else "stopped by command",
            restart_generation=assignment.restart_generation,
            restarts=(known.restarts if known else 0) + bool(known and runs and not keeps),
            exits=known.exits if known else (),
        )
