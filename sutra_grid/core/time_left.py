"""Times that are left in a node's report, as of now. Pure.

An agent reports how long it still waits (``backoff_ms``) and until a node is stable (``stable_in_ms``). A report is
kept for longer than that, so the master adds when it got it, and who shows the node takes off what has passed since.
The clocks are those of master and reader, for people: what is left never exceeds what was reported, and never ends
before a report says so.
"""

from __future__ import annotations

from dataclasses import replace

from sutra_grid.core.types import Node, NodeReport


def stamped(report: NodeReport, now_ms: int) -> NodeReport:
    """The report as its receiver keeps it: with the time, if it has a time that is left."""
    if report.reported_at_ms or not (report.backoff_ms or report.stable_in_ms):
        return report
    return replace(report, reported_at_ms=now_ms)


def seen_at(node: Node, now_ms: int) -> Node:
    """The node with what is left of its times at the wall-clock millisecond ``now_ms``; 0: as reported."""
    report = node.report
    if report is None or not report.reported_at_ms or not now_ms:
        return node
    passed_ms = max(0, now_ms - report.reported_at_ms)
    left = replace(
        report,
        backoff_ms=_left(report.backoff_ms, passed_ms),
        stable_in_ms=_left(report.stable_in_ms, passed_ms),
        reported_at_ms=max(report.reported_at_ms, now_ms),  # asked again, it takes off only what has passed since
    )
    return replace(node, report=left)


def _left(reported_ms: int, passed_ms: int) -> int:
    """At least 1 of a time that was reported: 0 says that nothing is waited for."""
    return max(1, reported_ms - passed_ms) if reported_ms else 0
