"""Checks the process table and the statuses. Plain values, no I/O.

At every moment: a node never has two processes, and a process ends only when the soak killed it.
After a fault: every node has one process, and its status has that process.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from support.harness.interfaces import NodeView
from support.harness.processes import NodeProcess

from soak.ledger import Violation


class ProcessJudge:
    """Checks samples of the process table. Not thread-safe: the watcher's lock guards it."""

    def __init__(self, node_ids: Collection[str]) -> None:
        self._node_ids = frozenset(node_ids)
        self._last: dict[str, NodeProcess] = {}
        self._doomed: set[NodeProcess] = set()
        self._excused: set[str] = set()
        self._told: set[Violation] = set()
        self.violations: list[Violation] = []

    def doom(self, processes: Iterable[NodeProcess]) -> None:
        """Expect these processes to end: the soak is about to kill them."""
        self._doomed.update(processes)

    def excuse(self, node_id: str, excused: bool) -> None:
        """Set whether the node's process may end by itself now, as it does on a full disk."""
        (self._excused.add if excused else self._excused.discard)(node_id)

    def sample(self, table: Collection[NodeProcess]) -> None:
        """Check one sample of all processes of all nodes."""
        for node_id, found in by_node(table).items():
            if node_id not in self._node_ids:
                self._tell("unknown process", f"{found} is of no node of this grid")
            if len(found) > 1:
                self._tell("doubled process", f"{node_id} runs as {sorted(process.pid for process in found)}")
                continue
            before, now = self._last.get(node_id), found[0]
            is_excused = before in self._doomed or node_id in self._excused
            if before is not None and now != before and not is_excused:
                self._tell("process replaced", f"{node_id}: pid {before.pid} was alive and well, now it is {now.pid}")
            self._last[node_id] = now

    def missing(self, table: Collection[NodeProcess]) -> list[str]:
        """Nodes that should run and have no process, or still the one that is about to be killed."""
        found = by_node(process for process in table if process not in self._doomed)
        return sorted(self._node_ids - set(found))

    def _tell(self, kind: str, message: str) -> None:
        violation = Violation(kind, message)
        if violation not in self._told:
            self._told.add(violation)
            self.violations.append(violation)


def by_node(table: Iterable[NodeProcess]) -> dict[str, list[NodeProcess]]:
    found: dict[str, list[NodeProcess]] = {}
    for process in table:
        found.setdefault(process.node_id, []).append(process)
    return found


def wrong_statuses(
    nodes: Iterable[NodeView], agents: Mapping[str, str], table: Collection[NodeProcess], agent_ids: Collection[str]
) -> list[str]:
    """Describe each status that is wrong while every agent is up and every node runs."""
    wrong = [f"{name} is {agents.get(name, 'not shown')}" for name in agent_ids if agents.get(name) != "healthy"]
    shown = {view.node_id: view for view in nodes}
    for node_id, found in sorted(by_node(table).items()):
        view = shown.get(node_id)
        if view is None:
            wrong.append(f"{node_id} is not shown")
        elif view.status != "running" or view.pid != found[0].pid:
            wrong.append(f"{node_id} runs as pid {found[0].pid} and is shown as {view.status} pid {view.pid}")
    wrong += [f"{node_id} is shown and has no process" for node_id in sorted(set(shown) - set(by_node(table)))]
    return wrong
