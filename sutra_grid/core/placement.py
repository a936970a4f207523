"""Chooses the agent for a new node, and gives the reason why each other agent was not chosen.

Pure. Chooses the healthy, reachable, undrained agent that has the engine and the most free slots. Among equals it is
the first by id, so that the same grid gives the same result.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sutra_grid.core.agent.reachability import remedy
from sutra_grid.core.errors import FailedPrecondition, GridError, InvalidArgument, NotFound, ResourceExhausted
from sutra_grid.core.types import Agent, AgentStatus, ReachState, Reason

_SHOWN_REJECTIONS = 5
_SHOWN_ENGINES = 20
_MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Candidate:
    """An agent and how many of its slots are used or reserved."""

    agent: Agent
    used_slots: int

    @property
    def free_slots(self) -> int:
        """Slots that a new node may take."""
        return max(0, self.agent.max_storage_nodes - self.used_slots)


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why an agent was not chosen."""

    agent_id: str
    reason: Reason
    message: str


@dataclass(frozen=True, slots=True)
class Placement:
    """The agent that was chosen (None: no agent can take the node), and why the others were not.

    Agents without the engine come last. ``unknown_engine``: the engine that was asked for, if no agent has it, whatever
    its status; else empty. ``engines``: those that the agents have.
    """

    agent: Agent | None
    rejections: tuple[Rejection, ...] = ()
    unknown_engine: str = ""
    engines: tuple[str, ...] = ()


def place(candidates: Iterable[Candidate], engine: str, memory_limit_mb: int = 0) -> Placement:
    """Choose an agent for a node of ``engine`` (empty: each agent's default) with that memory limit (0: likewise)."""
    fitting: list[Candidate] = []
    rejections: list[Rejection] = []
    engines: set[str] = set()
    for candidate in candidates:
        engines.update(candidate.agent.engines)
        obstacle = obstacle_to_placement(candidate, engine, memory_limit_mb)
        if obstacle is None:
            fitting.append(candidate)
        else:
            rejections.append(obstacle)
    if not fitting:
        unknown = engine if engines and engine not in engines else ""
        return Placement(None, _by_id(rejections), unknown, tuple(sorted(engines)))
    best = min(fitting, key=lambda candidate: (-candidate.free_slots, candidate.agent.agent_id))
    rejections += [_lost_to(best, other) for other in fitting if other is not best]
    return Placement(best.agent, _by_id(rejections))


def obstacle_to_placement(candidate: Candidate, engine: str, memory_limit_mb: int = 0) -> Rejection | None:
    """Why the master would not choose this agent by itself; None: it may."""
    agent = candidate.agent
    never = _never_fits(agent, engine, memory_limit_mb)
    if never is not None:
        return never
    if agent.status is AgentStatus.DEGRADED:
        return Rejection(agent.agent_id, Reason.MISSED_HEARTBEATS, f"is degraded: {agent.message}")
    if agent.status is not AgentStatus.OFFLINE and agent.reachability.state is ReachState.UNREACHABLE:
        found = agent.reachability
        return Rejection(
            agent.agent_id, found.reason, f"can't be called back by the master: {found.message}. {remedy(found.reason)}"
        )
    return obstacle_to_spawn(candidate, engine, memory_limit_mb)


def obstacle_to_spawn(candidate: Candidate, engine: str, memory_limit_mb: int = 0) -> Rejection | None:
    """Why this agent can't take such a node, even when a caller names the agent; None: it can."""
    agent = candidate.agent
    name = agent.agent_id
    never = _never_fits(agent, engine, memory_limit_mb)
    if never is not None:  # first: the other obstacles may pass by themselves
        return never
    if agent.status is AgentStatus.OFFLINE:
        return Rejection(name, Reason.AGENT_OFFLINE, f"is offline: {agent.message or agent.reason}")
    if not agent.endpoint:
        return Rejection(name, Reason.UNSUPPORTED, "registered without an endpoint, so the master can't call it")
    if agent.drained:
        return Rejection(name, Reason.AGENT_DRAINED, "is drained")
    if candidate.free_slots == 0:
        return Rejection(
            name,
            Reason.SLOTS_FULL,
            f"has no free slot: {candidate.used_slots} of {agent.max_storage_nodes} are used or reserved",
        )
    return None


def refusal(rejection: Rejection) -> GridError:
    """The error for a caller who named this agent."""
    message = f"agent {rejection.agent_id} {rejection.message}"
    hint = _HINTS.get(rejection.reason, "")
    error = _ERRORS.get(rejection.reason, FailedPrecondition)
    return error(message, reason=rejection.reason, hint=hint)


def no_agent_available(placement: Placement) -> GridError:
    """The error when no agent can take the node. It names the obstacles of the first few agents."""
    if not placement.rejections:
        hint = "Start an agent: `sutra-grid-agent --config agent-config.toml`"
        return FailedPrecondition("no agent is registered", reason=Reason.NO_AGENT_AVAILABLE, hint=hint)
    if placement.unknown_engine:
        return _unknown_engine(placement.unknown_engine, placement.engines)
    shown = [f"{r.agent_id} {r.message}" for r in placement.rejections[:_SHOWN_REJECTIONS]]
    more = len(placement.rejections) - len(shown)
    obstacles = "; ".join(shown) + (f"; and {more} more" if more > 0 else "")
    hint = "Correct the cause at one of them, or add an agent. List them with `sutra-grid-cli agents list`"
    if all(rejection.reason in _PERMANENT for rejection in placement.rejections):
        message = f"no agent can ever take the node: {obstacles}"
        return InvalidArgument(message, reason=Reason.INVALID_ARGUMENT, hint=_HINTS[Reason.INVALID_ARGUMENT])
    return ResourceExhausted(f"no agent can take the node: {obstacles}", reason=Reason.NO_AGENT_AVAILABLE, hint=hint)


def unknown_agent(agent_id: str) -> NotFound:
    """The error for an agent id that is not registered."""
    return NotFound(
        f"agent {agent_id!r} is not registered",
        reason=Reason.UNKNOWN_AGENT,
        hint="List the registered agents: `sutra-grid-cli agents list`",
    )


#: What time does not change, unlike a full or an offline agent.
_PERMANENT = frozenset({Reason.UNKNOWN_ENGINE, Reason.INVALID_ARGUMENT})

_ERRORS: dict[Reason, type[GridError]] = {
    Reason.INVALID_ARGUMENT: InvalidArgument,
    Reason.SLOTS_FULL: ResourceExhausted,
    Reason.UNKNOWN_ENGINE: InvalidArgument,
}

_HINTS = {
    Reason.AGENT_OFFLINE: "Start the agent on its host, or omit the agent to let the master choose",
    Reason.AGENT_DRAINED: "Run `sutra-grid-cli agents undrain`, or omit the agent to let the master choose",
    Reason.SLOTS_FULL: "Choose another agent, or raise max_storage_nodes in the agent's config. A node that is not "
    "needed any more frees its slot when it is removed: it can't be started again, its data stays",
    Reason.UNKNOWN_ENGINE: "Choose one of them, or add an [engines.NAME] table to the agent's config",
    Reason.INVALID_ARGUMENT: "Choose a memory limit below the memory of the host",
    Reason.UNSUPPORTED: "Run a current sutra-grid-agent there: it sends its endpoint",
}


def _lost_to(best: Candidate, other: Candidate) -> Rejection:
    if other.free_slots == best.free_slots:
        why = f"has as many free slots as {best.agent.agent_id} ({best.free_slots}), whose id comes first"
    else:
        why = f"has {other.free_slots} free slots, {best.agent.agent_id} has {best.free_slots}"
    return Rejection(other.agent.agent_id, Reason.NONE, why)


def _lack_of_engine(agent: Agent, engine: str) -> Rejection | None:
    if not engine or engine in agent.engines or not agent.endpoint:  # without an endpoint it told no engines either
        return None
    has = _engine_list(agent.engines)
    return Rejection(agent.agent_id, Reason.UNKNOWN_ENGINE, f"has no engine {engine!r}; its engines are: {has}")


def _never_fits(agent: Agent, engine: str, memory_limit_mb: int) -> Rejection | None:
    """Why the agent can't take the node however long one waits."""
    lacking = _lack_of_engine(agent, engine)
    total_mb = agent.host.memory_total_bytes // _MIB if agent.host else 0
    if lacking is not None or not total_mb or memory_limit_mb <= total_mb:
        return lacking
    has = f"has {total_mb} MiB of memory, and a limit of {memory_limit_mb} MiB was asked for"
    return Rejection(agent.agent_id, Reason.INVALID_ARGUMENT, has)


def _unknown_engine(engine: str, engines: tuple[str, ...]) -> InvalidArgument:
    message = f"no agent has an engine {engine!r}; the engines of the agents are: {_engine_list(engines)}"
    return InvalidArgument(message, reason=Reason.UNKNOWN_ENGINE, hint=_HINTS[Reason.UNKNOWN_ENGINE])


def _engine_list(engines: tuple[str, ...]) -> str:
    more = len(engines) - _SHOWN_ENGINES
    shown = ", ".join(engines[:_SHOWN_ENGINES]) or "none"
    return f"{shown} and {more} more" if more > 0 else shown


def _by_id(rejections: list[Rejection]) -> tuple[Rejection, ...]:
    """By agent, those that never fit last: they would hide an agent that only has no free slot."""
    return tuple(sorted(rejections, key=lambda one: (one.reason in _PERMANENT, one.agent_id)))
