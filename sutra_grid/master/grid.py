"""The grid in the master's memory: agents, nodes, tombstones, and when each agent was last heard.

Every call of an agent and every read is answered from here. What is desired and who is
registered was written to the registry *before* it is put here; what was observed is put
here first and reaches the registry behind. Values are immutable, so that a caller keeps
what it was given. Nothing here does I/O.
"""

from __future__ import annotations

import math
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import Enum

from sutra_grid.core.liveness import AGENT_TRANSITIONS, StatusChange
from sutra_grid.core.placement import Candidate
from sutra_grid.core.reconcile import keep_newer
from sutra_grid.core.types import Agent, Desired, HostSample, Node, NodeReport
from sutra_grid.registry import Contents
from sutra_grid.runtime.clock import Clock, wall_ms

#: Measurements that came with nothing else reach the registry so often; memory always has the newest.
SAMPLES_EVERY_SECONDS = 10.0

#: For so long after an agent's own answer about a node an inventory does not speak of it: it may have been made
#: before. Only where nothing better tells them apart: reports without numbers, and nodes that are not listed.
SETTLE_SECONDS = 1.0


class Source(Enum):
    """Where a report came from."""

    ANSWER = "answer"  # of the agent to an assignment
    REGISTRATION = "registration"  # made by a process that had nothing under way
    HEARTBEAT = "heartbeat"  # may have been made before an answer that came first


@dataclass(frozen=True, slots=True)
class _Word:
    """Which report of a node stands: the session and number of the newest, and when an answer brought one."""

    session_id: str
    sequence: int
    answered_at: float  # monotonic seconds


@dataclass(slots=True)
class _Life:
    """One agent and what its heartbeats change; guarded by the grid's lock."""

    agent: Agent
    heard_at: float  # monotonic seconds
    heard_since_start: bool
    last_heartbeat_ms: int
    host: HostSample | None
    samples_kept_at: float  # monotonic seconds
    claimed_nodes: int = 0  # what a client without an inventory says it has

    def now(self) -> Agent:
        return replace(self.agent, last_heartbeat_ms=self.last_heartbeat_ms, host=self.host)


@dataclass(frozen=True, slots=True)
class Silence:
    """How long an agent has been silent; all that liveness is judged by."""

    agent: Agent
    seconds: float
    heard_since_start: bool


@dataclass(frozen=True, slots=True)
class Heard:
    """What a heartbeat ended, and whether its measurements are to be written."""

    silence: Silence
    keep_samples: bool


class Grid:
    """Thread-safe; every method is short and never blocks on anything but the lock."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        # guarded by _lock:
        self._lives: dict[str, _Life] = {}
        self._nodes: dict[str, Node] = {}
        self._nodes_of: dict[str, set[str]] = {}
        self._tombstones: dict[str, int] = {}
        self._removed_agents: set[str] = set()
        self._calls: Counter[str] = Counter()  # node id -> assignments under way to its agent
        self._words: dict[str, _Word] = {}  # by node id
        self._promised: Counter[str] = Counter()  # agent id -> slots of nodes that are being recorded

    def load(self, contents: Contents) -> None:
        """Take what the registry has and memory has not; the grace period of an agent that is new here begins now."""
        now = self._clock.monotonic()
        with self._lock:
            for agent in contents.agents:
                life = _Life(agent, now, False, agent.last_heartbeat_ms, agent.host, now)
                self._lives.setdefault(agent.agent_id, life)
            for node in contents.nodes:
                self._put_node(node)
            self._tombstones |= contents.tombstones

    def contents(self) -> Contents:
        """All that the registry should have."""
        with self._lock:
            return Contents(
                agents=[life.now() for life in self._lives.values()],
                nodes=list(self._nodes.values()),
                tombstones=dict(self._tombstones),
                removed_agents=frozenset(self._removed_agents),
            )

    # -- agents --

    def agent(self, agent_id: str) -> Agent | None:
        """The agent as it is now, or None."""
        with self._lock:
            life = self._lives.get(agent_id)
            return life.now() if life else None

    def agents(self) -> list[Agent]:
        """All agents by id."""
        with self._lock:
            return [self._lives[agent_id].now() for agent_id in sorted(self._lives)]

    def was_heard(self, agent_id: str) -> bool:
        """Whether the agent has registered or sent a heartbeat since this master started."""
        with self._lock:
            life = self._lives.get(agent_id)
            return life is not None and life.heard_since_start

    def put_agent(self, agent: Agent) -> None:
        """A registration: the agent is replaced and counts as heard now. Its being drained is kept."""
        now = self._clock.monotonic()
        with self._lock:
            known = self._lives.get(agent.agent_id)
            if known is not None:
                agent = replace(agent, drained=known.agent.drained)
            self._removed_agents.discard(agent.agent_id)
            self._lives[agent.agent_id] = _Life(agent, now, True, agent.last_heartbeat_ms, agent.host, now)

    def drop_agent(self, agent_id: str) -> None:
        """Forget an agent; its nodes become tombstones."""
        with self._lock:
            self._lives.pop(agent_id, None)
            self._removed_agents.add(agent_id)
            for node_id in self._nodes_of.pop(agent_id, set()):
                self._tombstones[node_id] = self._nodes.pop(node_id).generation
                self._words.pop(node_id, None)
            self._promised.pop(agent_id, None)

    def set_drained(self, agent_id: str, drained: bool) -> None:
        """Open or close an agent for new nodes."""
        with self._lock:
            if life := self._lives.get(agent_id):
                life.agent = replace(life.agent, drained=drained)

    def hear(self, agent_id: str, session_id: str, host: HostSample | None, claimed_nodes: int = 0) -> Heard | None:
        """A heartbeat of that session came. None: another session, or none, is the agent's now."""
        now = self._clock.monotonic()
        with self._lock:
            life = self._lives.get(agent_id)
            if life is None or (session_id and life.agent.session_id != session_id):
                return None
            ended = Silence(life.agent, now - life.heard_at, life.heard_since_start)
            keep_samples = now - life.samples_kept_at >= SAMPLES_EVERY_SECONDS
            if keep_samples:
                life.samples_kept_at = now
            life.heard_at = now
            life.heard_since_start = True
            life.last_heartbeat_ms = wall_ms(self._clock)
            life.host = host or life.host
            life.claimed_nodes = claimed_nodes
            return Heard(ended, keep_samples)

    def silences(self, missed: int) -> list[Silence]:
        """The agents that have been silent for at least ``missed`` of their intervals, and how long."""
        now = self._clock.monotonic()
        with self._lock:
            return [
                Silence(life.agent, now - life.heard_at, life.heard_since_start)
                for life in self._lives.values()
                if (now - life.heard_at) * 1000 >= missed * life.agent.heartbeat_interval_ms
            ]

    def forgive_silence(self, seconds: float) -> None:
        """Take ``seconds`` in which this process stood still off every agent's silence."""
        with self._lock:
            for life in self._lives.values():
                life.heard_at += seconds

    def change_status(self, judged: Agent, change: StatusChange, heard_before: float | None = None) -> Agent | None:
        """Give an agent a new status, unless it changed since it was ``judged``; the agent as it is then.

        ``heard_before``: nothing changes either when a heartbeat came at or after this monotonic moment.
        """
        with self._lock:
            life = self._lives.get(judged.agent_id)
            if life is None or life.agent.session_id != judged.session_id or life.agent.status is not judged.status:
                return None
            if heard_before is not None and life.heard_at >= heard_before:
                return None
            AGENT_TRANSITIONS.check(life.agent.status, change.status)
            life.agent = replace(
                life.agent,
                status=change.status,
                reason=change.reason,
                message=change.message,
                status_since_ms=wall_ms(self._clock),
            )
            return life.now()

    def claimed_nodes(self, agent_id: str) -> int:
        """How many nodes a client without an inventory said it has."""
        with self._lock:
            life = self._lives.get(agent_id)
            return life.claimed_nodes if life else 0

    # -- nodes --

    def node(self, node_id: str) -> Node | None:
        """The node, or None."""
        with self._lock:
            return self._nodes.get(node_id)

    def nodes(self, agent_id: str | None = None) -> list[Node]:
        """The nodes of an agent, or all, by id."""
        with self._lock:
            ids = self._nodes if agent_id is None else self._nodes_of.get(agent_id, ())
            return [self._nodes[node_id] for node_id in sorted(ids)]

    def tombstone(self, node_id: str) -> int | None:
        """The generation at which a node was removed, or None."""
        with self._lock:
            return self._tombstones.get(node_id)

    def put_node(self, node: Node) -> Node:
        """Take what the registry has of a node now, unless something newer is known; what stands is returned."""
        with self._lock:
            return self._put_node(node)

    def bury(self, node_id: str) -> None:
        """The node was removed; its generation stays as a tombstone."""
        with self._lock:
            node = self._nodes.pop(node_id, None)
            if node is None:
                return
            self._nodes_of[node.agent_id].discard(node_id)
            self._tombstones[node_id] = node.generation
            self._words.pop(node_id, None)

    def observe(self, agent: Agent, report: NodeReport, source: Source) -> Node | None:
        """Put a report of the agent's session to its node; the node as it was, or None when it is not taken.

        Not taken: a node of another agent or none, and a report that is older than the one that stands.
        """
        now = self._clock.monotonic()
        with self._lock:
            node = self._nodes.get(report.node_id)
            if node is None or node.agent_id != agent.agent_id:
                return None
            word = self._words.get(report.node_id)
            if word is not None and _is_older(word, agent.session_id, report.sequence, source, now):
                return None
            self._words[report.node_id] = _next_word(word, agent.session_id, report.sequence, source, now)
            self._nodes[report.node_id] = replace(node, report=report)
            return node

    # -- assignments under way --

    @contextmanager
    def calling(self, node_id: str) -> Iterator[None]:
        """Marks a node whose agent is being called about it."""
        with self._lock:
            self._calls[node_id] += 1
        try:
            yield
        finally:
            with self._lock:
                self._calls[node_id] -= 1
                self._calls += Counter()  # drops what is zero

    def is_settling(self, session_id: str, node_id: str, report: NodeReport | None) -> bool:
        """Whether a heartbeat's word on a node decides nothing: a call is under way, or the word is older.

        ``report`` is None for a node that the heartbeat did not list.
        """
        now = self._clock.monotonic()
        sequence = report.sequence if report is not None else 0
        with self._lock:
            word = self._words.get(node_id)
            older = word is not None and _is_older(word, session_id, sequence, Source.HEARTBEAT, now)
            return older or self._calls[node_id] > 0

    # -- slots --

    def candidates(self) -> list[Candidate]:
        """Every agent with the slots that are used or promised."""
        with self._lock:
            return [Candidate(life.agent, self._used_slots(agent_id)) for agent_id, life in self._lives.items()]

    def candidate(self, agent_id: str) -> Candidate | None:
        """One agent with its slots, or None."""
        with self._lock:
            life = self._lives.get(agent_id)
            return Candidate(life.agent, self._used_slots(agent_id)) if life else None

    def promise_slot(self, agent_id: str) -> bool:
        """Keep a slot for a node that is being recorded; false when none is free any more."""
        with self._lock:
            life = self._lives.get(agent_id)
            if life is None or self._used_slots(agent_id) >= life.agent.max_storage_nodes:
                return False
            self._promised[agent_id] += 1
            return True

    def end_promise(self, agent_id: str) -> None:
        """The node was recorded, or will not be."""
        with self._lock:
            if self._promised[agent_id] > 0:
                self._promised[agent_id] -= 1

    # -- with the lock held --

    def _put_node(self, node: Node) -> Node:
        buried = self._tombstones.get(node.node_id)
        if buried is not None and buried >= node.generation:
            return node
        known = self._nodes.get(node.node_id)
        newest = keep_newer(known, node)
        if known is not None and known.agent_id != newest.agent_id:
            self._nodes_of[known.agent_id].discard(node.node_id)
        self._nodes[node.node_id] = newest
        self._nodes_of.setdefault(newest.agent_id, set()).add(node.node_id)
        self._tombstones.pop(node.node_id, None)
        return newest

    def _used_slots(self, agent_id: str) -> int:
        nodes = (self._nodes[node_id] for node_id in self._nodes_of.get(agent_id, ()))
        return sum(node.desired is not Desired.ABSENT for node in nodes) + self._promised[agent_id]


def _is_older(word: _Word, session_id: str, sequence: int, source: Source, now: float) -> bool:
    """Whether a report is older than the one that stands: by the numbers of one session, else by the time."""
    if sequence and word.sequence and session_id == word.session_id:
        return sequence < word.sequence
    return source is Source.HEARTBEAT and now - word.answered_at < SETTLE_SECONDS


def _next_word(word: _Word | None, session_id: str, sequence: int, source: Source, now: float) -> _Word:
    """What stands after a report was taken. One without a number leaves the number of its session as it is."""
    if word is None:
        word = _Word(session_id, sequence, -math.inf)
    if not sequence and session_id == word.session_id:
        sequence = word.sequence
    return _Word(session_id, sequence, now if source is Source.ANSWER else word.answered_at)
