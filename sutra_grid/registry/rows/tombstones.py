"""Rows of removed nodes. A removed node that an agent still reports is not taken for a new one."""

from __future__ import annotations

from sqlalchemy import Connection, bindparam, delete, literal, select, update

from sutra_grid.registry.rows.statements import NODES, TOMBSTONES, insert_new, upsert

_ONE = select(TOMBSTONES.c.node_id).where(TOMBSTONES.c.node_id == bindparam("key"))
_ALL = select(TOMBSTONES.c.node_id, TOMBSTONES.c.generation)
_NODE = NODES.c.node_id == bindparam("key")
_LOCKED_NODE = select(NODES.c.agent_id, NODES.c.generation).where(_NODE).with_for_update()
_DELETE_NODE = delete(NODES).where(_NODE)


def select_all(connection: Connection) -> dict[str, int]:
    """The generation of each removed node."""
    return {row.node_id: row.generation for row in connection.execute(_ALL)}


def exists(connection: Connection, node_id: str) -> bool:
    """Whether a node of this id was removed."""
    return connection.execute(_ONE, {"key": node_id}).one_or_none() is not None


def replace_node(connection: Connection, node_id: str, at_ms: int) -> bool:
    """Turn a node into a tombstone; False if there is no such node."""
    row = connection.execute(_LOCKED_NODE, {"key": node_id}).one_or_none()
    if row is None:
        return False
    connection.execute(_DELETE_NODE, {"key": node_id})
    upsert(
        connection,
        TOMBSTONES,
        {"node_id": node_id, "agent_id": row.agent_id, "generation": row.generation, "removed_at_ms": at_ms},
    )
    return True


def replace_nodes_of_agent(connection: Connection, agent_id: str, at_ms: int) -> None:
    """Turn all nodes of an agent into tombstones."""
    of_agent = NODES.c.agent_id == agent_id
    removed = select(NODES.c.node_id, NODES.c.agent_id, NODES.c.generation, literal(at_ms)).where(of_agent)
    names = ["node_id", "agent_id", "generation", "removed_at_ms"]
    connection.execute(TOMBSTONES.insert().from_select(names, removed))
    connection.execute(delete(NODES).where(of_agent))


def put(connection: Connection, node_id: str, generation: int, at_ms: int) -> None:
    """Store a tombstone in place of whatever is known of the node. Its agent stays unknown."""
    connection.execute(_DELETE_NODE, {"key": node_id})
    values = {"node_id": node_id, "agent_id": "", "generation": generation, "removed_at_ms": at_ms}
    if not insert_new(connection, TOMBSTONES, values):
        raise_generation(connection, node_id, generation)


def raise_generation(connection: Connection, node_id: str, generation: int) -> None:
    """Raise a tombstone's generation to at least ``generation``; it never falls."""
    lower = (TOMBSTONES.c.node_id == node_id) & (TOMBSTONES.c.generation < generation)
    connection.execute(update(TOMBSTONES).where(lower).values(generation=generation))


def remove(connection: Connection, node_id: str) -> None:
    """Delete the tombstone of a node, if there is one."""
    connection.execute(delete(TOMBSTONES).where(TOMBSTONES.c.node_id == node_id))
