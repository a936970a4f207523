"""The tables, as typed mappings. Rows are read and written with Core statements.

A change here needs a migration in ``migrations/versions``; a test compares the two.
Integers have 64 bits. Text keys compare bytewise on every backend, so that lists have the same order.
"""

from __future__ import annotations

from typing import Any, ClassVar

from sqlalchemy import JSON, BigInteger, Double, ForeignKey, Index, Integer, LargeBinary, MetaData, Text, false
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

KEY = Text().with_variant(Text(collation="C"), "postgresql")
# SQLite assigns rising ids only to a column whose type is exactly INTEGER.
SERIAL = BigInteger().with_variant(Integer(), "sqlite")
DOCUMENT = JSON(none_as_null=True)


class Base(DeclarativeBase):
    """Metadata of the registry; constraints have names, so that migrations can name them."""

    metadata = MetaData(
        naming_convention={
            "pk": "pk_%(table_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        }
    )
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        int: BigInteger(),
        float: Double(),
        str: Text(),
        bytes: LargeBinary(),
        dict[str, Any]: DOCUMENT,
        list[str]: DOCUMENT,
    }


class AgentRow(Base):
    """One row per agent; ``last_heartbeat_ms`` and ``host`` are written in batches.

    The index has every column that the overview of thousands of agents shows, so that it reads no rows.
    """

    __tablename__ = "agents"
    __table_args__ = (Index("ix_agents_lists", "status", "agent_id", "drained", "max_storage_nodes"),)

    agent_id: Mapped[str] = mapped_column(KEY, primary_key=True)
    hostname: Mapped[str]
    platform: Mapped[str]
    max_storage_nodes: Mapped[int]
    version: Mapped[str]
    endpoint: Mapped[str]
    host_id: Mapped[str]
    instance_id: Mapped[str]
    session_id: Mapped[str]
    heartbeat_interval_ms: Mapped[int]
    engines: Mapped[list[str]]
    labels: Mapped[dict[str, Any]]
    data_path: Mapped[str]
    status: Mapped[str]
    reason: Mapped[str]
    message: Mapped[str]
    status_since_ms: Mapped[int]
    drained: Mapped[bool]
    registered_at_ms: Mapped[int]
    last_heartbeat_ms: Mapped[int]
    host: Mapped[dict[str, Any] | None]
    state_path: Mapped[str] = mapped_column(server_default="")
    reachability: Mapped[str] = mapped_column(server_default="")
    reachability_reason: Mapped[str] = mapped_column(server_default="")
    reachability_message: Mapped[str] = mapped_column(server_default="")
    reachability_since_ms: Mapped[int] = mapped_column(server_default="0")
    insecure: Mapped[str] = mapped_column(server_default="")  # words with a space between


class NodeRow(Base):
    """One row per node: the desired state, and the last report.

    ``report`` is the whole report. ``state`` to ``cpu_percent`` repeat what lists filter and sort by; they
    are null or zero until the first report. ``facts`` is what the status depends on, as one number
    (``registry.rows.facts``), updated with every change of a fact. ``report`` is the last column: SQLite
    reads a row from its start.

    One index counts an agent's nodes. The other is a narrow copy of the table for filtering and sorting.
    Neither has a column that changes with each measurement.
    """

    __tablename__ = "nodes"
    __table_args__ = (
        Index(None, "agent_id", "facts"),
        Index(
            "ix_nodes_lists",
            *("facts", "node_id", "agent_id", "engine", "reported_engine", "health", "restarts"),
            *("started_at_ms", "created_at_ms"),
        ),
    )

    node_id: Mapped[str] = mapped_column(KEY, primary_key=True)
    agent_id: Mapped[str] = mapped_column(KEY, ForeignKey("agents.agent_id"))
    engine: Mapped[str]
    port: Mapped[int]
    storage_path: Mapped[str]
    memory_limit_mb: Mapped[int]
    desired: Mapped[str]
    generation: Mapped[int]
    restart_generation: Mapped[int]
    created_at_ms: Mapped[int]
    state: Mapped[str | None]
    pid: Mapped[int | None]
    health: Mapped[str | None]
    reason: Mapped[str | None]
    reported_generation: Mapped[int | None]
    reported_engine: Mapped[str] = mapped_column(server_default="")
    restarts: Mapped[int] = mapped_column(server_default="0")
    started_at_ms: Mapped[int] = mapped_column(server_default="0")
    rss_bytes: Mapped[int] = mapped_column(server_default="0")
    cpu_percent: Mapped[float] = mapped_column(server_default="0")
    facts: Mapped[int] = mapped_column(server_default="0")
    stopped_by_drain: Mapped[bool] = mapped_column(server_default=false())
    report: Mapped[dict[str, Any] | None]


class TombstoneRow(Base):
    """A removed node. If its agent still reports it, it is not taken for a new node."""

    __tablename__ = "tombstones"
    __table_args__ = (Index(None, "removed_at_ms"),)

    node_id: Mapped[str] = mapped_column(KEY, primary_key=True)
    agent_id: Mapped[str] = mapped_column(KEY)
    generation: Mapped[int]
    removed_at_ms: Mapped[int]


class EventRow(Base):
    """One row per event. Ids only rise: the id of a deleted event is never used again."""

    __tablename__ = "events"
    __table_args__ = (
        Index(None, "at_ms"),
        Index(None, "agent_id", "event_id"),
        Index(None, "node_id", "event_id"),
        {"sqlite_autoincrement": True},
    )

    event_id: Mapped[int] = mapped_column(SERIAL, primary_key=True, autoincrement=True)
    at_ms: Mapped[int]
    kind: Mapped[str] = mapped_column(KEY)
    agent_id: Mapped[str] = mapped_column(KEY)
    node_id: Mapped[str] = mapped_column(KEY)
    reason: Mapped[str]
    message: Mapped[str]
    actor: Mapped[str]
    actor_name: Mapped[str] = mapped_column(server_default="")
    actor_address: Mapped[str] = mapped_column(server_default="")


class MasterRow(Base):
    """The master's presence: one row. ``last_seen_ms`` is its wall clock, written every few seconds while it runs."""

    __tablename__ = "masters"

    name: Mapped[str] = mapped_column(KEY, primary_key=True)
    last_seen_ms: Mapped[int]


class IdempotencyRow(Base):
    """One row per idempotency key, which is ``request_id`` here and on the wire; see ``values.IdempotencyRecord``."""

    __tablename__ = "requests"
    __table_args__ = (Index(None, "created_at_ms"),)

    request_id: Mapped[str] = mapped_column(KEY, primary_key=True)
    method: Mapped[str]
    fingerprint: Mapped[str]
    node_id: Mapped[str]
    created_at_ms: Mapped[int]
    outcome: Mapped[bytes | None]


class TokenRow(Base):
    """One row per token. The secret itself is not stored: ``secret_hash`` is its SHA-256, in hexadecimal digits.

    A secret has 256 random bits, so a fast hash is enough. ``uses_left`` is null for a token without a limit;
    ``expires_at_ms`` and ``revoked_at_ms`` are 0 for never.
    """

    __tablename__ = "tokens"
    __table_args__ = (Index(None, "expires_at_ms"),)

    token_id: Mapped[str] = mapped_column(KEY, primary_key=True)
    kind: Mapped[str]
    secret_hash: Mapped[str]
    role: Mapped[str]
    name: Mapped[str]
    agent_pattern: Mapped[str]
    uses_left: Mapped[int | None]
    uses: Mapped[int]
    created_at_ms: Mapped[int]
    created_by: Mapped[str]
    expires_at_ms: Mapped[int]
    revoked_at_ms: Mapped[int]
    revoked_by: Mapped[str]
    last_used_at_ms: Mapped[int]


class CertificateRow(Base):
    """One row per certificate that a master has issued, until some time after its end."""

    __tablename__ = "certificates"
    __table_args__ = (Index(None, "role", "name"), Index(None, "not_after_ms"))

    serial: Mapped[str] = mapped_column(KEY, primary_key=True)
    role: Mapped[str] = mapped_column(KEY)
    name: Mapped[str] = mapped_column(KEY)
    issued_at_ms: Mapped[int]
    not_after_ms: Mapped[int]
    issued_for: Mapped[str]


class RevocationRow(Base):
    """One row per revocation: of one certificate (``serial``), or of every one of an identity (``role``, ``name``)."""

    __tablename__ = "revocations"
    __table_args__ = (Index(None, "serial", "role", "name", unique=True),)

    revocation_id: Mapped[int] = mapped_column(SERIAL, primary_key=True, autoincrement=True)
    serial: Mapped[str] = mapped_column(KEY)
    role: Mapped[str] = mapped_column(KEY)
    name: Mapped[str] = mapped_column(KEY)
    at_ms: Mapped[int]
    by: Mapped[str]
    reason: Mapped[str]


class CounterRow(Base):
    """Numbers that only rise: ``revocations`` is the version of the revocation list."""

    __tablename__ = "counters"

    name: Mapped[str] = mapped_column(KEY, primary_key=True)
    value: Mapped[int]


class UserRow(Base):
    """One row per user of the pages. ``password_hash`` is Werkzeug's text for scrypt, with its salt and costs."""

    __tablename__ = "users"

    name: Mapped[str] = mapped_column(KEY, primary_key=True)
    role: Mapped[str]
    password_hash: Mapped[str]
    created_at_ms: Mapped[int]
    created_by: Mapped[str]
    password_changed_at_ms: Mapped[int]


class SessionRow(Base):
    """One row per login. ``session_hash`` is the SHA-256 of the id that the browser's cookie carries.

    The admin writes these rows itself, so that people can log in while the master is away.
    """

    __tablename__ = "sessions"
    __table_args__ = (Index(None, "user_name"), Index(None, "ends_at_ms"))

    session_hash: Mapped[str] = mapped_column(KEY, primary_key=True)
    user_name: Mapped[str] = mapped_column(KEY)
    created_at_ms: Mapped[int]
    last_seen_at_ms: Mapped[int]
    ends_at_ms: Mapped[int]
    address: Mapped[str]
