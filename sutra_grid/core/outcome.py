"""What an agent's response to an assignment means for the command that caused it.

Pure: takes the node that was assigned and the report that came back, returns an outcome.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from enum import StrEnum

from sutra_grid.core.types import Desired, Node, NodeExit, NodeReport, NodeState, Reason

#: Reasons of exits that were not commanded.
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

#: Exits that the agent or the kernel made, so that the node starts again: what the process did.
WHY_STOPPED = {
    Reason.MEMORY_LIMIT: "used more memory than its limit",
    Reason.PROBE_FAILED: "did not answer its health probe",
}

#: Why an agent refuses a restart before it stops the process. A process that runs has none of them otherwise.
RESTART_OBSTACLES = frozenset(
    {
        Reason.UNKNOWN_ENGINE,
        Reason.BINARY_MISSING,
        Reason.BINARY_NOT_EXECUTABLE,
        Reason.PATH_NOT_WRITABLE,
        Reason.DISK_FULL,
        Reason.DISK_NOT_MOUNTED,
        Reason.ADDRESS_MISSING,
        Reason.LIMIT_REACHED,
        Reason.CERTIFICATE_MISSING,
    }
)


class Verdict(StrEnum):
    """The result of a command."""

    DONE = "done"
    FAILED = "failed"
    PENDING = "pending"
    OVERTAKEN = "overtaken"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Outcome:
    """A verdict, its reason, and a message for people."""

    verdict: Verdict
    reason: Reason = Reason.NONE
    message: str = ""


DONE = Outcome(Verdict.DONE)


def judge_report(node: Node, report: NodeReport, before: NodeReport | None = None) -> Outcome:
    """The outcome of a command whose assignment of ``node`` was answered with ``report``.

    Exits that the report ``before`` the command lists already do not count.
    """
    if report.generation > node.generation:
        newer = f"a newer command replaced it: generation {report.generation}, desired {report.desired}"
        return Outcome(Verdict.OVERTAKEN, Reason.CONCURRENT_CHANGE, newer)
    if report.generation < node.generation:
        kept = f"the agent keeps generation {report.generation} and did not take generation {node.generation}"
        return Outcome(Verdict.FAILED, Reason.STALE_GENERATION, kept)
    if node.desired is Desired.RUNNING:
        return _refusal(node, report) or _running(report, before)
    if report.pid == 0 and report.state in {NodeState.STOPPED, NodeState.FAILED}:
        return DONE
    if report.reason is Reason.UNPROVED_PROCESS:
        return Outcome(Verdict.FAILED, report.reason, report.message or f"process {report.pid} may be its process")
    waits_for = f"process {report.pid} has not ended yet" if report.pid else report.message or f"it is {report.state}"
    return Outcome(Verdict.PENDING, Reason.STOP_TIMEOUT, waits_for)


def is_restart_refused(report: NodeReport) -> bool:
    """Whether the node's process runs on, because the agent refused to stop it for a restart that would fail."""
    runs = report.pid > 0 and report.state in {NodeState.RUNNING, NodeState.STARTING}
    return runs and report.reason in RESTART_OBSTACLES


def new_exits(before: NodeReport | None, report: NodeReport) -> tuple[NodeExit, ...]:
    """The exits that ``report`` adds, newest first. They are found by content: their times are of a wall clock.

    What had to be killed is added to an exit later, so it is not compared.
    """
    known = [replace(exit_, killed="") for exit_ in before.exits] if before else []
    return tuple(itertools.takewhile(lambda exit_: replace(exit_, killed="") not in known, report.exits))


def without_process(exit_: NodeExit) -> bool:
    """Whether it is a start that failed before there was a process: nothing ended."""
    return exit_.reason is Reason.START_FAILED and exit_.code is None and not (exit_.signal or exit_.uptime_ms)


def describe_exit(exit_: NodeExit) -> str:
    """Why and how a process ended, after what time if that is known, and what had to be killed beside it."""
    how = _how_it_ended(exit_)
    if exit_.reason in WHY_STOPPED:
        how = f"{WHY_STOPPED[exit_.reason]}: {how}"
    return f"{how}; {exit_.killed}" if exit_.killed else how


def _how_it_ended(exit_: NodeExit) -> str:
    uptime = f"after {exit_.uptime_ms / 1000:.1f} s"
    if exit_.signal:
        return f"ended by signal {exit_.signal} {uptime}"
    if exit_.code is not None:
        return f"exit code {exit_.code} {uptime}"
    if without_process(exit_):
        return "its process did not start"
    if exit_.reason in {Reason.LOST, Reason.REBOOTED}:
        return "exited (when and how is unknown: no agent watched it)"
    return f"exited {uptime} (exit status unknown)"


def _refusal(node: Node, report: NodeReport) -> Outcome | None:
    if report.restart_generation < node.restart_generation and is_restart_refused(report):
        return Outcome(Verdict.REFUSED, report.reason, report.message)
    return None


def _running(report: NodeReport, before: NodeReport | None) -> Outcome:
    if report.state is NodeState.RUNNING:
        return DONE
    crash = next((exit_ for exit_ in new_exits(before, report) if exit_.reason in CRASHES), None)
    if report.state is NodeState.FAILED:
        parts = [report.message or str(report.reason or Reason.START_FAILED)]
        if crash is not None:
            parts.append(describe_exit(crash))
        return Outcome(Verdict.FAILED, report.reason or Reason.START_FAILED, "; ".join(parts))
    if crash is not None:
        return _ended(report, crash)
    if report.state is NodeState.STARTING and report.pid and not report.backoff_ms:
        return Outcome(Verdict.DONE, message="its process runs and is not ready yet")
    return Outcome(Verdict.PENDING, report.reason or Reason.TIMED_OUT, report.message or f"it is {report.state}")


def _ended(report: NodeReport, crash: NodeExit) -> Outcome:
    """The process ended, and the agent is about to start it again. The command failed because of the end."""
    if report.reason is Reason.NOT_IN_FOREGROUND and report.end_cause:
        return Outcome(Verdict.FAILED, report.reason, report.end_cause)
    if crash.reason is not Reason.START_FAILED:
        return Outcome(Verdict.FAILED, crash.reason, describe_exit(crash))
    message = report.end_cause or report.message or "its process did not start"
    return Outcome(Verdict.FAILED, report.reason or crash.reason, message)
