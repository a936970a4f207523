"""The moments of the daemons' work that matter when it is cut short, each with a name.

A step lies between two effects that last: what is on a disk, what another process was told,
what became of a process. Whoever has had such an effect calls ``reached``. By itself that does
nothing: nobody in this package ever looks, and no setting makes it look. The tests set
``on_step`` in a daemon of theirs and end it there, at every step of every path.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum


class Step(StrEnum):
    """What has just been done. Some come with a word on what it was about, as is told beside them."""

    # A file that replaces another.
    FILE_WRITTEN = "file written"  # under its temporary name
    FILE_KEPT = "file kept"  # what it was before stands beside it

    # The agent.
    ASSIGNMENT_RECEIVED = "assignment received"  # by a call
    ASSIGNMENT_FETCHED = "assignment fetched"  # with the answer to a heartbeat or registration
    NODE_JOURNALED = "node journaled"  # with the phase that the journal tells now
    PROCESS_STARTED = "process started"  # nobody knows its identity yet
    SIGNAL_SENT = "signal sent"  # with the signal's name
    PROCESS_REAPED = "process reaped"
    JOURNAL_CUT = "journal cut"  # the record before the last is deleted
    JOURNAL_DELETED = "journal deleted"
    REPORT_DUE = "report due"  # the answer to a call is about to be sent
    HEARTBEAT_ANSWERED = "heartbeat answered"

    # The master.
    COMMAND_RECEIVED = "command received"
    NODE_RECORDED = "node recorded"
    DESIRED_RECORDED = "desired recorded"  # with what is desired
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


#: Called with a step and what comes with it, in the thread that reached it. Set by tests only.
on_step: Callable[[Step, str], None] | None = None


def reached(step: Step, about: str = "") -> None:
    """The work has come to ``step``. Any thread; costs one comparison."""
    if on_step is not None:
        on_step(step, about)
