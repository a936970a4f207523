"""A rolling restart as a stream of JSON lines. It continues only while the client reads."""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from sutra_grid.admin.http.problems import problem_document
from sutra_grid.client.master_client import MasterClient
from sutra_grid.client.rolling_plan import newest_start_ms
from sutra_grid.client.rolling_restart import Progress, Roll, RollSpec
from sutra_grid.client.selection import Selection, choose_from, due, scope_of
from sutra_grid.wire import grid_pb2 as pb
from sutra_grid.wire.convert import to_json

PATH: Final = "/rolling-restarts"
#: Longest time without a line, so that clients and proxies do not time out.
MAX_SECONDS_BETWEEN_LINES: Final = 10.0


@dataclass(frozen=True, slots=True)
class RollingRestartRequest:
    """The nodes to restart, and how."""

    selection: Selection
    spec: RollSpec
    started_before_ms: int | None = None

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> RollingRestartRequest:
        """Make it from a validated body."""
        selection = Selection(tuple(body.get("node_ids", ())), body.get("agent_id", ""), body.get("engine", ""))
        spec = RollSpec(body.get("max_unavailable", 1), body.get("pause_seconds", 0), body.get("min_ready_seconds", 0))
        return cls(selection, spec, body.get("started_before_ms"))

    def resumed(self, left: list[str], resume_ms: int) -> dict[str, Any]:
        """The body of the request that resumes it, with the same limits."""
        chosen = self.selection
        if chosen.node_ids:
            body: dict[str, Any] = {"node_ids": left}
        else:
            named = {"agent_id": chosen.agent_id, "engine": chosen.engine}
            body = {name: value for name, value in named.items() if value} or {"all": True}
            body["started_before_ms"] = resume_ms
        usual = asdict(RollSpec())
        return body | {name: value for name, value in asdict(self.spec).items() if value != usual[name]}


def rolling_restart_lines(
    client: MasterClient, asked: RollingRestartRequest, is_over: Callable[[], bool]
) -> Iterator[str]:
    """Choose the nodes and return the lines. The first restart begins with the first read. Raises ``GridError``."""
    chosen = choose_from(client, asked.selection)
    names = due(chosen, asked.selection, asked.started_before_ms)
    resume_ms = asked.started_before_ms or newest_start_ms(chosen.values())
    lines: deque[dict[str, Any]] = deque()
    done: list[str] = []

    def report_restarted(node: pb.NodeStatus) -> None:
        done.append(node.node_id)
        lines.append({"kind": "restarted", "done": len(done), "total": len(names), "node": to_json(node)})

    def report_waiting(message: str) -> None:
        lines.append({"kind": "waiting", "message": message})

    roll = Roll(client, asked.spec, names, scope_of(client, asked.selection, chosen), report_restarted, report_waiting)
    lines.append({"kind": "begin", "total": len(names)})
    return _lines(roll, lines, is_over, lambda: _end(roll.progress, asked, resume_ms))


def _lines(
    roll: Roll, lines: deque[dict[str, Any]], is_over: Callable[[], bool], end: Callable[[], dict[str, Any]]
) -> Iterator[str]:
    written_at = time.monotonic()
    try:
        for _ in roll.turns():
            if not lines and time.monotonic() - written_at >= MAX_SECONDS_BETWEEN_LINES:
                lines.append(
                    {
                        "kind": "waiting",
                        "message": f"waiting for {', '.join(sorted(roll.progress.in_flight)) or 'nodes that are down'}",
                    }
                )
            while lines:
                yield json.dumps(lines.popleft()) + "\n"
                written_at = time.monotonic()
            if is_over():
                break
        while lines:
            yield json.dumps(lines.popleft()) + "\n"
        yield json.dumps(end()) + "\n"
    finally:
        roll.give_up()


def _end(progress: Progress, asked: RollingRestartRequest, resume_ms: int) -> dict[str, Any]:
    left = progress.unfinished()
    resume = {"method": "POST", "path": PATH, "body": asked.resumed(left, resume_ms)} if left else None
    return {
        "kind": "end",
        "restarted": list(progress.restarted),
        "left": left,
        "failure": problem_document(progress.failure, PATH) if progress.failure else None,
        "resume": resume,
    }
