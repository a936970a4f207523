"""Which of two reports of one node is the newer: by the agent's numbers, and where there are none by time."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum

#: For this long after an agent's answer about a node, a heartbeat without a report number decides nothing about the
#: node: the heartbeat may have been made before the answer. Reports without numbers come from older agents and stand
#: for nodes that an inventory does not list.
SETTLE_SECONDS = 1.0


class ReportSource(Enum):
    """Where a report came from."""

    ANSWER = "answer"  # the agent's answer to an assignment
    REGISTRATION = "registration"  # made while the agent had nothing under way
    HEARTBEAT = "heartbeat"  # may have been made before an answer that came first


@dataclass(frozen=True, slots=True)
class ReportVersion:
    """The newest report of a node: its session and number, and when the agent last answered an assignment for it."""

    session_id: str
    sequence: int  # 0: the report had no number
    answered_at: float  # monotonic seconds

    def is_newer_than(self, session_id: str, sequence: int, source: ReportSource, now: float) -> bool:
        """Whether a report that comes ``now`` is older. Numbers of different sessions are not compared."""
        if sequence and self.sequence and session_id == self.session_id:
            return sequence < self.sequence
        return source is ReportSource.HEARTBEAT and now - self.answered_at < SETTLE_SECONDS

    def followed_by(self, session_id: str, sequence: int, source: ReportSource, now: float) -> ReportVersion:
        """The version after a report was taken. A report without a number keeps the number of its session."""
        if not sequence and session_id == self.session_id:
            sequence = self.sequence
        return ReportVersion(session_id, sequence, now if source is ReportSource.ANSWER else self.answered_at)


#: The version of a node that no agent of this master's lifetime has reported.
NO_REPORT = ReportVersion("", 0, -math.inf)
