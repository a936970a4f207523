"""What an agent's answer to an assignment means for the command that caused it.

Pure: the row that was assigned and the report that came back go in, a verdict comes out.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from enum import StrEnum

from sutra_grid.core.types import Desired, Node, NodeExit, NodeReport, NodeState, Reason

#: Ends of a process that nobody asked for.
CRASHES = frozenset(
    {
        Reason.CRASHED,
        Reason.START_FAILED,
        Reason.START_TIMEOUT,
        Reason.LOST,
        Reason.REBOOTED,
        Reason.PROBE_FAILED,
        Reason.MEMORY_LIMIT,
    }
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


def judge_report(node: Node, report: NodeReport, before: NodeReport | None = None) -> Outcome:
    """Judge the answer ``report`` to the assignment of ``node``.

    Crashes that were known ``before`` the command do not count.
    """
    if report.generation > node.generation:
        newer = f"generation {report.generation} ({report.desired}) came between"
        return Outcome(Verdict.OVERTAKEN, Reason.CONCURRENT_CHANGE, newer)
    if report.generation < node.generation:
        kept = f"the agent stays at generation {report.generation}, asked was {node.generation}"
        return Outcome(Verdict.FAILED, Reason.STALE_GENERATION, kept)
    if node.desired is Desired.RUNNING:
        return _running(report, before)
    if report.pid == 0 and report.state in {NodeState.STOPPED, NodeState.FAILED}:
        return DONE
    return Outcome(Verdict.PENDING, Reason.STOP_TIMEOUT, f"its process {report.pid} has not ended yet")


def new_exits(before: NodeReport | None, report: NodeReport) -> tuple[NodeExit, ...]:
    """The exits that ``report`` adds, newest first. Their own times are a wall clock's and are not compared."""
    known = before.exits if before else ()
    return tuple(itertools.takewhile(lambda exit_: exit_ not in known, report.exits))


def exit_in_words(exit_: NodeExit) -> str:
    """One end of a process: how, and after what time."""
    if exit_.signal:
        how = f"ended by signal {exit_.signal}"
    elif exit_.code is None:
        how = "ended, nobody saw how"
    else:
        how = f"exit code {exit_.code}"
    return f"{how} after {exit_.uptime_ms / 1000:.1f} s"


def _running(report: NodeReport, before: NodeReport | None) -> Outcome:
    if report.state is NodeState.RUNNING:
        return DONE
    crash = next((exit_ for exit_ in new_exits(before, report) if exit_.reason in CRASHES), None)
    if report.state is NodeState.FAILED:
        words = [report.message or str(report.reason or Reason.START_FAILED)]
        if crash is not None:
            words.append(exit_in_words(crash))
        return Outcome(Verdict.FAILED, report.reason or Reason.START_FAILED, "; ".join(words))
    if crash is not None:
        return _ended(report, crash)
    if report.state is NodeState.STARTING and report.pid and not report.backoff_ms:
        return Outcome(Verdict.DONE, message="its process lives and is not ready yet")
    return Outcome(Verdict.PENDING, report.reason or Reason.TIMED_OUT, report.message or f"it is {report.state}")


def _ended(report: NodeReport, crash: NodeExit) -> Outcome:
    """Its process ended, and the agent would start it again: that is what follows, and not why the command failed."""
    if crash.reason is not Reason.START_FAILED:
        return Outcome(Verdict.FAILED, crash.reason, exit_in_words(crash))
    words = report.end_cause or report.message or "its process did not start"
    return Outcome(Verdict.FAILED, report.reason or crash.reason, words)
