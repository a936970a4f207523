"""The facade of the registry: every method is one transaction and returns core types.

Thread-safe; several processes may have the same registry open. The change of a writing method is on
disk when it returns. When the database does not answer (locked, full, read-only, unreachable), a method
raises ``Unavailable`` with the reason ``registry_unavailable``, has changed nothing, and may be called
again; connections are renewed automatically. The queries are in ``rows`` and ``lists``, one file per subject.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection

from sutra_grid.core.types import Agent, ClusterSummary, Desired, Event, Node, NodeSpec
from sutra_grid.registry.access import AccessMethods
from sutra_grid.registry.database import schema
from sutra_grid.registry.database.engine import Database, open_database
from sutra_grid.registry.database.faults import RegistryDamaged
from sutra_grid.registry.database.integrity import damaged
from sutra_grid.registry.lists import agents as agent_lists
from sutra_grid.registry.lists import cluster_summary
from sutra_grid.registry.lists import counts as row_counts
from sutra_grid.registry.lists import events as event_lists
from sutra_grid.registry.lists import nodes as node_lists
from sutra_grid.registry.lists.paging import DEFAULT_LIMIT, Page
from sutra_grid.registry.lists.queries import AgentCell, AgentQuery, EventQuery, ListedAgent, ListedNode, NodeQuery
from sutra_grid.registry.people import PeopleMethods
from sutra_grid.registry.repair.refill import refill
from sutra_grid.registry.rows import agents as agent_rows
from sutra_grid.registry.rows import events as event_rows
from sutra_grid.registry.rows import idempotency, presence, retention, tombstones
from sutra_grid.registry.rows import nodes as node_rows
from sutra_grid.registry.rows import observations as observation_rows
from sutra_grid.registry.rows.codec import decoding
from sutra_grid.registry.values import Contents, GridCounts, IdempotencyRecord, Observations
from sutra_grid.runtime.clock import Clock, SystemClock, wall_ms

LOCK_WAIT_SECONDS = 5.0


class Registry(AccessMethods, PeopleMethods):
    """Agents, nodes, events and idempotency keys of one grid. Made by ``Registry.open``."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    @classmethod
    def open(
        cls,
        url: str,
        *,
        password_file: Path | None = None,
        migrate: bool,
        create: bool = True,
        hold: bool = False,
        lock_wait_seconds: float = LOCK_WAIT_SECONDS,
        clock: Clock | None = None,
    ) -> Registry:
        """Open ``sqlite:////path/file.db`` or ``postgresql+psycopg://…``.

        ``password_file`` has the password of the URL's user; each new connection reads it again.
        ``migrate``: migrate to this program's schema, under a lock between processes;
        ``create``: with it, create an SQLite file that does not exist; ``hold``: refuse an
        SQLite file that takes this one's place, until ``refill``. A call waits at most
        ``lock_wait_seconds`` for another writer. ``clock`` dates removals.

        Raises ``FailedPrecondition`` for a schema that is newer than the program, or a file
        that is not a registry; ``InvalidArgument`` for an invalid URL; ``Unavailable`` when
        there is no registry yet, or it does not answer.
        """
        database = open_database(url, password_file, wait_seconds=lock_wait_seconds)
        try:
            if migrate:
                schema.bring_up_to_date(database, create=create)
            else:
                schema.require_current(database)
            if hold:
                database.hold()
        except BaseException:
            database.dispose()
            raise
        return cls(database, clock or SystemClock())

    @property
    def name(self) -> str:
        """The file, or the URL without its password."""
        return self._database.name

    @property
    def failures(self) -> int:
        """How often a method raised ``Unavailable`` since this was opened."""
        return self._database.failures

    def close(self) -> None:
        """Close the connections. The caller has no call under way."""
        self._database.dispose()

    def check(self) -> None:
        """A cheap read that raises when the registry does not answer."""
        with self._database.reading() as connection:
            schema.read_revision(connection)

    def contents(self) -> Contents:
        """What a master loads at its start. Raises ``RegistryDamaged``, with a hint for repair, for unreadable rows."""
        try:
            return Contents(self.agents(), self.nodes(), self.tombstones())
        except RegistryDamaged as error:
            raise damaged(self._database, error.why) from error

    def loss(self) -> str:
        """How a held SQLite file was lost, for messages; empty while it is there. Checks only the name."""
        return self._database.loss()

    def refill(self, contents: Contents, events: Sequence[Event], last_event_id: int) -> Contents:
        """Make a new file in place of the lost one, and return what it holds.

        It gets ``contents``, merged with the file that took the lost one's place, if there is one. The ids
        of ``events`` and of all later ones are above ``last_event_id``. Raises ``Unavailable`` or
        ``RegistryDamaged``; then nothing was changed, and it may be called again. One thread at a time.
        """
        return refill(self._database, contents, events, last_event_id, wall_ms(self._clock))

    # -- agents --

    def agents(self) -> list[Agent]:
        """All agents by id."""
        with self._database.reading() as connection:
            return agent_rows.select_all(connection)

    def agent(self, agent_id: str) -> Agent | None:
        """The agent, or None."""
        with self._database.reading() as connection:
            return agent_rows.select_one(connection, agent_id)

    def agent_page(self, query: AgentQuery, *, counted: bool = False) -> Page[ListedAgent]:
        """A page of agents; ``counted``: with the total. ``InvalidArgument`` for a cursor of another filter or sort."""
        with self._database.reading() as connection, decoding("agents"):
            return agent_lists.select_page(connection, query, counted=counted)

    def platforms(self) -> set[str]:
        """The platforms that agents have."""
        with self._database.reading() as connection:
            return agent_lists.select_platforms(connection)

    def agent_cells(self) -> list[AgentCell]:
        """All agents by id, with only what an overview shows: cheap for 10,000."""
        with self._database.reading() as connection, decoding("agents"):
            return agent_lists.select_cells(connection)

    def cluster_summary(self, at_ms: int = 0) -> ClusterSummary:
        """The grid's status and its numbers, counted in the database. Times are as of ``at_ms``; 0: now."""
        with self._database.reading() as connection, decoding("agents and nodes"):
            return cluster_summary.summary(connection, at_ms or wall_ms(self._clock))

    def save_agent(self, agent: Agent, events: Sequence[Event] = ()) -> None:
        """Insert the agent, or overwrite all of its columns."""
        with self._writing(events) as connection:
            agent_rows.save(connection, agent)

    def set_drained(self, agent_id: str, drained: bool, events: Sequence[Event] = ()) -> Agent:
        """Open or close the agent for new nodes. ``NotFound`` for an unknown agent."""
        with self._writing(events) as connection:
            return agent_rows.set_drained(connection, agent_id, drained)

    def remove_agent(self, agent_id: str, events: Sequence[Event] = ()) -> None:
        """Delete the agent; its nodes become tombstones. ``NotFound`` for an unknown agent."""
        with self._writing(events) as connection:
            agent_rows.lock(connection, agent_id)
            tombstones.replace_nodes_of_agent(connection, agent_id, wall_ms(self._clock))
            agent_rows.remove(connection, agent_id)

    # -- nodes --

    def nodes(self, agent_id: str | None = None) -> list[Node]:
        """The nodes of an agent, or all, by id, without removed ones."""
        with self._database.reading() as connection:
            return node_rows.select_all(connection, agent_id)

    def node(self, node_id: str) -> Node | None:
        """The node, or None; also None for a removed node."""
        with self._database.reading() as connection:
            return node_rows.select_one(connection, node_id)

    def node_page(self, query: NodeQuery, at_ms: int = 0, *, counted: bool = False) -> Page[ListedNode]:
        """A page of nodes with their status; ``counted``: with the total. Times are as of ``at_ms``; 0: now.

        ``InvalidArgument`` for a cursor of another filter or sort.
        """
        with self._database.reading() as connection, decoding("nodes"):
            return node_lists.select_page(connection, query, at_ms or wall_ms(self._clock), counted=counted)

    def was_removed(self, node_id: str) -> bool:
        """Whether a node of this id was removed, as far as tombstones are kept."""
        with self._database.reading() as connection:
            return tombstones.exists(connection, node_id)

    def tombstones(self) -> dict[str, int]:
        """The generation of each removed node."""
        with self._database.reading() as connection:
            return tombstones.select_all(connection)

    def create_node(self, node: Node, *, record: IdempotencyRecord | None, events: Sequence[Event] = ()) -> None:
        """Record a new node and the idempotency key of the call that made it.

        ``AlreadyExists`` for a node id that is, or was, in use (reason ``concurrent_change``) and
        for an idempotency key in use (``request_id_reused``); ``NotFound`` for an unknown agent.
        """
        with self._writing(events) as connection:
            idempotency.insert(connection, record)
            node_rows.insert(connection, node)

    def adopt_node(self, node: Node, events: Sequence[Event] = ()) -> None:
        """Insert or overwrite a node as its agent reports it, and delete its tombstone. ``NotFound``: unknown agent."""
        with self._writing(events) as connection:
            node_rows.adopt(connection, node)

    def change_desired(
        self,
        node_id: str,
        desired: Desired,
        *,
        restart: bool = False,
        step: int = 1,
        for_drain: bool | None = None,
        record: IdempotencyRecord | None = None,
        events: Sequence[Event] = (),
    ) -> Node:
        """Set the desired state and raise the generation by ``step``; safe with concurrent changes.

        ``restart`` sets the restart generation to the new generation. ``for_drain``: the drain of its agent stops the
        node, which is remembered if it was to run; False for a command of a person, which ends that; None keeps it.
        Returns the changed node.
        ``NotFound``: reason ``node_removed`` for a removed node, else ``unknown_node``;
        ``AlreadyExists`` for an idempotency key in use.
        """
        with self._writing(events) as connection:
            idempotency.insert(connection, record)
            return node_rows.change_desired(
                connection, node_id, desired, restart=restart, step=step, for_drain=for_drain
            )

    def resolve_spec(self, node_id: str, generation: int, spec: NodeSpec) -> bool:
        """Store the specification as the agent resolved it. False, without effect, for another generation."""
        with self._database.writing() as connection:
            return node_rows.resolve_spec(connection, node_id, generation, spec)

    def remove_node(self, node_id: str, events: Sequence[Event] = ()) -> None:
        """Turn the node into a tombstone with its generation. Without such a node, do nothing and record no events."""
        with self._database.writing() as connection:
            if tombstones.replace_node(connection, node_id, wall_ms(self._clock)):
                event_rows.append(connection, events)

    def master_last_seen_ms(self) -> int:
        """When the master last wrote, at most a few seconds before it ended, in its wall clock; 0 if it never did."""
        with self._database.reading() as connection:
            return presence.last_seen_ms(connection)

    def counts(self, events_since_ms: int) -> GridCounts:
        """The grid in numbers. Events are counted by kind since ``events_since_ms``, a wall clock time."""
        with self._database.reading() as connection:
            return row_counts.count(connection, events_since_ms)

    def insecure_agents(self) -> int:
        """How many agents say that others reach them or their nodes without TLS."""
        with self._database.reading() as connection:
            return row_counts.insecure_agents(connection)

    # -- write-behind --

    def write_observations(self, observations: Observations) -> None:
        """Write a batch in one commit. Idempotent: the same batch again changes nothing and repeats no event."""
        with self._database.writing() as connection:
            observation_rows.write(connection, observations)

    # -- events --

    def append_events(self, events: Sequence[Event]) -> None:
        """Record events that belong to no other write."""
        if events:
            with self._writing(events):
                pass

    def events(
        self,
        *,
        after_event_id: int = 0,
        limit: int = DEFAULT_LIMIT,
        agent_id: str = "",
        node_id: str = "",
        kind: str = "",
    ) -> list[Event]:
        """Events, oldest first: the first ``limit`` after an id, or the newest ``limit`` after 0.

        ``kind`` is a kind or its first part (``node`` covers ``node.spawned``).
        """
        query = EventQuery(after_event_id, agent_id=agent_id, node_id=node_id, kind=kind, limit=limit)
        return self.event_page(query)

    def event_page(self, query: EventQuery) -> list[Event]:
        """Events, oldest first. Their ids are the cursors: continue after the last, or before the first."""
        with self._database.reading() as connection:
            return event_lists.select_page(connection, query)

    def event_count(self, query: EventQuery, most: int) -> int:
        """How many events match the query, or ``most`` when there are more."""
        with self._database.reading() as connection:
            return event_lists.count_up_to(connection, query, most)

    def last_event_id(self) -> int:
        """The newest event's id; 0 before the first."""
        with self._database.reading() as connection:
            return event_rows.last_id(connection)

    def prune(self, now_ms: int, max_age_ms: int, max_events: int) -> None:
        """Delete old events, idempotency records and tombstones; ``rows.retention`` has the limits.

        At most some thousand rows a call, so that the lock is held for a short time: call it regularly.
        """
        with self._database.writing() as connection:
            retention.delete_old_rows(connection, now_ms, max_age_ms, max_events)

    # -- idempotency keys --

    def idempotency_record(self, key: str) -> IdempotencyRecord | None:
        """The record of an idempotency key, or None."""
        with self._database.reading() as connection:
            return idempotency.select_one(connection, key)

    def save_outcome(self, key: str, outcome: bytes) -> None:
        """Store the answer of a call under its idempotency key; without effect if the record was pruned meanwhile."""
        with self._database.writing() as connection:
            idempotency.save_outcome(connection, key, outcome)

    @contextmanager
    def _writing(self, events: Sequence[Event]) -> Iterator[Connection]:
        """A writing transaction that ends with its events; ``events.append`` says why they come last."""
        with self._database.writing() as connection:
            yield connection
            event_rows.append(connection, events)
