"""Logs the transitions of a node: from which phase to which, and why."""

from __future__ import annotations

from sutra_grid.core.node.record import NodeRuntime
from sutra_grid.runtime.logging import get_logger

log = get_logger(__name__)


def log_transition(before: NodeRuntime, after: NodeRuntime) -> None:
    """Write one line when the phase or its reason has changed."""
    old, new = before.record, after.record
    if (old.phase, old.reason) != (new.phase, new.reason):
        fields: dict[str, object] = {
            "node": after.node_id,
            "from": old.phase,
            "to": new.phase,
            "reason": new.reason or "-",
            "pid": new.process.pid if new.process else 0,
            "message": new.message,
        }
        log.info("node changed", **fields)
