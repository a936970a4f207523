"""The report of a soak, for people. Plain values, no I/O."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from soak.ledger import Violation

SHOWN_VIOLATIONS = 50


@dataclass(frozen=True, slots=True)
class FaultRecord:
    """One fault. ``recovery_seconds``: from its end until every status was right again; None: never."""

    kind: str
    at_seconds: float
    detail: str
    recovery_seconds: float | None


@dataclass(frozen=True, slots=True)
class Report:
    """The results of a soak."""

    version: str
    started: str
    seed: int
    minutes: float
    agents: int
    nodes: int
    heartbeat_seconds: float
    operations_per_second: float
    writes: int
    writes_in_doubt: int
    reads: int
    faults: Sequence[FaultRecord]
    violations: Sequence[Violation]
    left_out: Mapping[str, str] = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        return not self.violations

    def markdown(self) -> str:
        verdict = "passed: no violation" if self.passed else f"FAILED: {len(self.violations)} violations"
        lines = [
            f"# Soak of Sutra Grid {self.version}: {verdict}",
            "",
            f"- started {self.started}, ran {self.minutes:.1f} minutes, seed {self.seed}",
            f"- {self.agents} agents, {self.nodes} nodes, a heartbeat every {self.heartbeat_seconds:g} s",
            f"- {len(self.faults)} faults, {self.writes} writes acknowledged, "
            f"{self.writes_in_doubt} with an unknown outcome",
            f"- {self.reads} reads judged, each of all keys of a node; "
            f"target rate {self.operations_per_second:g} operations a second",
            *[f"- not tried here: {kind}, {why}" for kind, why in self.left_out.items()],
            "",
            *fault_table(self.faults),
            "",
            "Recovery time begins at the end of the fault, after the soak has started killed daemons again as an init",
            "script would. It ends when every process runs once, every node answers and every status is right.",
            "What must hold during a fault is checked while it lasts. Between faults no status may change.",
            "",
            "## Violations",
            "",
            *violation_lines(self.violations),
            "",
            "## Faults in their order",
            "",
            *[fault_line(fault) for fault in self.faults],
        ]
        return "\n".join(lines) + "\n"


def fault_table(faults: Sequence[FaultRecord]) -> list[str]:
    """One row per kind of fault, with its count and recovery times."""
    lines = ["| fault | times | recovery min | median | max |", "|---|---:|---:|---:|---:|"]
    for kind, times in sorted(Counter(fault.kind for fault in faults).items()):
        recoveries = [
            fault.recovery_seconds for fault in faults if fault.kind == kind and fault.recovery_seconds is not None
        ]
        if recoveries:
            numbers = (min(recoveries), statistics.median(recoveries), max(recoveries))
            shown = " | ".join(f"{number:.2f} s" for number in numbers)
        else:
            shown = "never | never | never"
        lines.append(f"| {kind} | {times} | {shown} |")
    return lines


def violation_lines(violations: Sequence[Violation]) -> list[str]:
    if not violations:
        return ["None."]
    lines = [f"- **{violation.kind}**: {violation.message}" for violation in violations[:SHOWN_VIOLATIONS]]
    if len(violations) > SHOWN_VIOLATIONS:
        lines.append(f"- and {len(violations) - SHOWN_VIOLATIONS} more")
    return lines


def fault_line(fault: FaultRecord) -> str:
    recovered = "never recovered" if fault.recovery_seconds is None else f"recovered in {fault.recovery_seconds:.2f} s"
    detail = f" ({fault.detail})" if fault.detail else ""
    return f"- {fault.at_seconds:7.1f} s  {fault.kind}{detail}: {recovered}"
