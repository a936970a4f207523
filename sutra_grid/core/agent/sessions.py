"""Sessions of agents: which of two processes with the same agent id is newer.

A session id is ``<order>-<instance>``: 14 hex digits that rise with every registration (the
wall clock's milliseconds, but always above the session before, which the registry knows, and
the agent too) and a short digest of the agent process's instance id. So a heartbeat can be judged
without a list of old sessions: by a master that has just started, after the registry was lost or
restored, and after any jump of the wall clock.

* the record's own session is current;
* an older one of another process is superseded: that process must stop;
* anything else (same process, or newer than the record: a restored registry) registers again.
"""

from __future__ import annotations

import hashlib
from enum import StrEnum

_ORDER_DIGITS = 14
_MAX_REPORTED = 16 ** (_ORDER_DIGITS - 1)
"""A session that an agent reports counts below this (140,000 years from now), so that higher ones remain."""


class Standing(StrEnum):
    """How a presented session compares with the current one."""

    CURRENT = "current"
    SUPERSEDED = "superseded"
    UNKNOWN = "unknown"


class HeartbeatInstruction(StrEnum):
    """What the response to a heartbeat asks of the agent, beside its assignments."""

    CONTINUE = ""
    REGISTER = "register"  # get a new session
    SUPERSEDED = "superseded"  # a newer process has this agent's id: end this one; its nodes run on


def heartbeat_instruction(text: str) -> HeartbeatInstruction:
    """The instruction of that text. One that only a newer master knows asks nothing of this agent."""
    try:
        return HeartbeatInstruction(text)
    except ValueError:
        return HeartbeatInstruction.CONTINUE


def new_session(previous: str, instance_id: str, wall_ms: int, *, reported: str = "") -> str:
    """A session id for the process ``instance_id``, above the record's ``previous`` and the agent's ``reported`` one.

    Either may be empty; an invalid one counts as empty.
    """
    reported_order = _order(reported)
    order = max(wall_ms, _order(previous) + 1, reported_order + 1 if reported_order < _MAX_REPORTED else 0)
    return f"{order:0{_ORDER_DIGITS}x}-{_instance_tag(instance_id)}"


def standing(presented: str, current: str, instance_id: str) -> Standing:
    """Judge ``presented`` against the record's ``current`` session, held by ``instance_id``."""
    if presented == current and current:
        return Standing.CURRENT
    same_process = presented.endswith(f"-{_instance_tag(instance_id)}")
    older = 0 < _order(presented) < _order(current)
    return Standing.SUPERSEDED if older and not same_process else Standing.UNKNOWN


def _order(session_id: str) -> int:
    """The rising part; 0 for what is not a session id."""
    head, dash, _tag = session_id.partition("-")
    try:
        return int(head, 16) if dash and len(head) == _ORDER_DIGITS else 0
    except ValueError:
        return 0


def _instance_tag(instance_id: str) -> str:
    return hashlib.sha256(instance_id.encode()).hexdigest()[:8]
