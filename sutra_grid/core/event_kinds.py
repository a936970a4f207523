"""What kinds of events there are. Each has one meaning; its text on the wire and in the registry never changes.

An event is made with an ``EventKind``. One that is read may come from a newer program, which knows more kinds:
``event_kind`` keeps such a text as an ``UnknownEventKind``, so that a person still sees it and a filter still finds it.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class EventKind(StrEnum):
    """What happened. The part before the point says to what."""

    AGENT_REGISTERED = "agent.registered"
    AGENT_SUPERSEDED = "agent.superseded"  # a newer process of the agent took over
    AGENT_REFUSED = "agent.refused"  # another host holds the agent's id
    AGENT_DEGRADED = "agent.degraded"
    AGENT_OFFLINE = "agent.offline"
    AGENT_RECOVERED = "agent.recovered"
    AGENT_UNREACHABLE = "agent.unreachable"  # it sends heartbeats, but the master can't call it back
    AGENT_REACHABLE = "agent.reachable"  # the master can call it back again
    AGENT_DRAINED = "agent.drained"
    AGENT_UNDRAINED = "agent.undrained"
    AGENT_REMOVED = "agent.removed"
    AGENT_LOW_DISK = "agent.low_disk"
    AGENT_DISK_RECOVERED = "agent.disk_recovered"
    AGENT_JOINED = "agent.joined"  # it got its first certificate for a join token
    NODE_SPAWNED = "node.spawned"  # recorded; its agent is asked to start it
    NODE_SPAWN_FAILED = "node.spawn_failed"
    NODE_COMMANDED = "node.commanded"  # a start, stop, restart or removal was recorded
    NODE_STARTED = "node.started"
    NODE_STOPPED = "node.stopped"
    NODE_RESTARTED = "node.restarted"
    NODE_RESTART_REFUSED = "node.restart_refused"  # its start would fail, so its process was not stopped
    NODE_EXITED = "node.exited"  # the process ended, and not by command
    NODE_LEFTOVERS = "node.leftovers"  # its process has ended, and other processes of its launch have not
    NODE_LEFTOVERS_KILLED = "node.leftovers_killed"  # they outlived the grace and got SIGKILL
    NODE_FAILED = "node.failed"
    NODE_OOM_KILLED = "node.oom_killed"  # the kernel killed processes of it for lack of memory; its first one lives
    NODE_UNHEALTHY = "node.unhealthy"
    NODE_HEALTHY = "node.healthy"
    NODE_LOG_PROBLEM = "node.log_problem"  # its log can't be rotated, or it writes to a file that was moved
    NODE_LOG_RECOVERED = "node.log_recovered"
    NODE_UNREACHABLE = "node.unreachable"  # it passes its probe, but does not answer at its endpoint
    NODE_REACHABLE = "node.reachable"
    NODE_ADOPTED = "node.adopted"  # a restarted agent found the node's process and supervises it again
    NODE_TAKEN_OVER = "node.taken_over"  # the registry did not have the node and records it as its agent reports it
    NODE_FOLLOWED = "node.followed"  # the registry and the agent disagreed about what is desired, and it was settled
    NODE_FOREIGN = "node.foreign"  # an agent reports a node of an agent on another host
    NODE_REMOVED = "node.removed"
    TOKEN_CREATED = "token.created"
    TOKEN_REVOKED = "token.revoked"
    CERTIFICATE_REVOKED = "certificate.revoked"
    CERTIFICATE_RESTORED = "certificate.restored"
    USER_ADDED = "user.added"
    USER_PASSWORD_CHANGED = "user.password_changed"
    USER_REMOVED = "user.removed"
    REGISTRY_REBUILT = "registry.rebuilt"  # a damaged registry was set aside, and an empty one was made
    REGISTRY_REFILLED = "registry.refilled"  # the registry was lost, and was restored from the master's memory


class UnknownEventKind(str):
    """The text of a kind that only a newer program knows."""

    __slots__ = ()


AnyEventKind = EventKind | UnknownEventKind

_BY_TEXT: Final = {kind.value: kind for kind in EventKind}


def event_kind(text: str) -> AnyEventKind:
    """The kind of that text, as the registry holds it; never fails."""
    return _BY_TEXT.get(text) or UnknownEventKind(text)
