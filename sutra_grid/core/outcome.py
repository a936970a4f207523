"""What an agent's answer to an assignment means for the command that caused it.

Pure: the row that was assigned and the report that came back go in, a verdict comes out.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from sutra_grid.core.types import Desired, Node, NodeExit, NodeReport, NodeState, Reason

#: Ends of a process that nobody asked for.
CRASHES = frozenset(
    {Reason.CRASHED, Reason.START_FAILED, Reason.START_TIMEOUT, Reason.LOST, Reason.PROBE_FAILED, Reason.MEMORY_LIMIT}
)


class Verdict(StrEnum):
    """How a command came out."""

    DONE = "done"
    FAILED = "failed"
    PENDING = "pending"
    OVERTAKEN = "overtaken"


@dataclass(frozen=True, slots=True)
class Outcome:
    """A verdict, why, and the same in words."""

    verdict: Verdict
    reason: Reason = Reason.NONE
    message: str = ""


DONE = Outcome(Verdict.DONE)


def judge_report(node: Node, report: NodeReport, known_exit_at_ms: int = 0) -> Outcome:
    """Judge the answer ``report`` to the assignment of ``node``.

    Crashes that were known before the command (at or before ``known_exit_at_ms``) do not count.
    """
    if report.generation > node.generation:
        newer = f"generation {report.generation} ({report.desired}) came between"
        return Outcome(Verdict.OVERTAKEN, Reason.CONCURRENT_CHANGE, newer)
    if report.generation < node.generation:
        kept = f"the agent stays at generation {report.generation}, asked was {node.generation}"
        return Outcome(Verdict.FAILED, Reason.STALE_GENERATION, kept)
    if node.desired is Desired.RUNNING:
        return _running(report, known_exit_at_ms)
    if report.pid == 0 and report.state in {NodeState.STOPPED, NodeState.FAILED}:
        return DONE
    return Outcome(Verdict.PENDING, Reason.STOP_TIMEOUT, f"its process {report.pid} has not ended yet")


def latest_exit_at_ms(report: NodeReport | None) -> int:
    """When the process of ``report`` last ended; 0: never, or nothing is known."""
    return max((exit_.at_ms for exit_ in report.exits), default=0) if report else 0


def exit_in_words(exit_: NodeExit) -> str:
    """One end of a process: how, and after what time."""
    if exit_.signal:
        how = f"ended by signal {exit_.signal}"
    elif exit_.code is None:
        how = "ended, nobody saw how"
    else:
        how = f"exit code {exit_.code}"
    return f"{how} after {exit_.uptime_ms / 1000:.1f} s"


def _running(report: NodeReport, known_exit_at_ms: int) -> Outcome:
    if report.state is NodeState.RUNNING:
        return DONE
    crash = next((e for e in report.exits if e.reason in CRASHES and e.at_ms > known_exit_at_ms), None)
    if report.state is NodeState.FAILED or crash is not None:
        words = [report.message or str(report.reason or Reason.START_FAILED)]
        if crash is not None:
            words.append(exit_in_words(crash))
        return Outcome(Verdict.FAILED, report.reason or Reason.START_FAILED, "; ".join(words))
    if report.state is NodeState.STARTING and report.pid and not report.backoff_ms:
        return Outcome(Verdict.DONE, message="its process lives and is not ready yet")
    return Outcome(Verdict.PENDING, report.reason or Reason.TIMED_OUT, report.message or f"it is {report.state}")
