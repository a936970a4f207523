"""Named points in the daemons' work at which tests can kill a daemon.

A step lies between two lasting effects: on a disk, in another process, or on a process. Code that has
just had such an effect calls ``reached``, which does nothing in production; no setting changes that.
Tests set ``on_step`` in a daemon and kill it there, at every step of every path.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum


class Step(StrEnum):
    """What has just been done. The comments say which steps come with a detail."""

    # A file that replaces another one.
    FILE_WRITTEN = "file written"  # under its temporary name
    FILE_KEPT = "file kept"  # the old content is beside it

    # The agent.
    ASSIGNMENT_RECEIVED = "assignment received"  # by a call
    ASSIGNMENT_FETCHED = "assignment fetched"  # with the answer to a heartbeat or registration
    NODE_JOURNALED = "node journaled"  # with the phase that the journal has now
    PROCESS_STARTED = "process started"  # its identity is not recorded yet
    SIGNAL_SENT = "signal sent"  # with the signal's name
    PROCESS_REAPED = "process reaped"
    JOURNAL_CUT = "journal cut"  # the record before the last one is deleted
    JOURNAL_DELETED = "journal deleted"
    REPORT_DUE = "report due"  # the answer to a call is about to be sent
    HEARTBEAT_ANSWERED = "heartbeat answered"

    # The master.
    COMMAND_RECEIVED = "command received"
    NODE_RECORDED = "node recorded"
    DESIRED_RECORDED = "desired recorded"  # with the desired state
    AGENT_ANSWERED = "agent answered"
    SPEC_RESOLVED = "spec resolved"
    NODE_REMOVED = "node removed"
    ANSWER_KEPT = "answer kept"  # and is about to be sent
    HEARTBEAT_RECEIVED = "heartbeat received"
    OBSERVATIONS_WRITTEN = "observations written"
    REGISTRATION_RECEIVED = "registration received"
    AGENT_SAVED = "agent saved"
    NODE_ADOPTED = "node adopted"
    REGISTRATION_DUE = "registration due"  # the answer is about to be sent


#: Called with a step and its detail, in the thread that reached it. Set by tests only.
on_step: Callable[[Step, str], None] | None = None


def reached(step: Step, detail: str = "") -> None:
    """Mark that the work has reached ``step``. Any thread; costs one comparison."""
    if on_step is not None:
        on_step(step, detail)
