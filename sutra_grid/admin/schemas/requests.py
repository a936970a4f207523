"""What requests may hold: queries, bodies, and the headers that the API reads. Whatever else they hold is a fault."""

from __future__ import annotations

from typing import Any, Final

from marshmallow import EXCLUDE, RAISE, Schema, post_load

from sutra_grid.admin.schemas.fields import Text, Whole
from sutra_grid.core.types import AgentStatus, NodeStatus

MAX_PORT: Final = 65_535
MAX_MEMORY_LIMIT_MB: Final = 2**40
MAX_LOG_LINES: Final = 100_000
MAX_LOG_BYTES: Final = 1 << 20
MAX_EVENTS: Final = 1000
MAX_EVENT_ID: Final = 2**63 - 1
MAX_KEY_CHARACTERS: Final = 100
KEY_HEADER: Final = "Idempotency-Key"


class RequestSchema(Schema):
    """A query or a body; an unknown name is a fault."""

    class Meta:
        """marshmallow's options."""

        unknown = RAISE


class Nothing(RequestSchema):
    """Of a request that takes no query, or no body."""


class AgentFilter(RequestSchema):
    """Which agents."""

    status = Text("Only agents of this status", choices=[status.value for status in AgentStatus])


class NodeFilter(RequestSchema):
    """Which nodes."""

    agent_id = Text("Only nodes of this agent")
    status = Text("Only nodes of this status", choices=[status.value for status in NodeStatus])
    engine = Text("Only nodes of this engine")


class EventFilter(RequestSchema):
    """Which events."""

    after_event_id = Whole("Only events after this one, oldest first; without it the newest", 0, MAX_EVENT_ID)
    limit = Whole("At most so many; 100 without it", 1, MAX_EVENTS)
    node_id = Text("Only events of this node")
    agent_id = Text("Only events of this agent")
    kind = Text("A kind, or its first part: node finds node.spawned and its like")


class LogQuery(RequestSchema):
    """Which part of a log."""

    tail_lines = Whole("Begin so many lines before the end; 100 without it", 0, MAX_LOG_LINES)
    cursor = Text("Go on where the answer with this cursor ended")
    max_bytes = Whole("At most so many bytes; 0: 64 KiB", 0, MAX_LOG_BYTES)


class Spawn(RequestSchema):
    """A new node. What is absent, the grid or the agent chooses."""

    agent_id = Text("Where; empty: the healthy agent with the most free slots", may_be_empty=True)
    storage_path = Text("Below the agent's data_path; empty: data_path/NODE_ID", may_be_empty=True)
    memory_limit_mb = Whole("0: the agent's default", 0, MAX_MEMORY_LIMIT_MB)
    port = Whole("Free, and in the agent's range; 0: the agent picks one", 0, MAX_PORT)
    engine = Text("A name of the agent's engines; empty: its own storage server", may_be_empty=True)
    request_id = Text(
        "The same as the header Idempotency-Key", may_be_empty=True, max_characters=MAX_KEY_CHARACTERS, is_ascii=True
    )


class CommandHeaders(Schema):
    """The header that makes a retry harmless. Loads to the key itself, empty without one."""

    class Meta:
        """marshmallow's options."""

        unknown = EXCLUDE

    key = Text(
        "Of your choice, such as a UUID: a retry with the same key gets the first answer and changes nothing again; "
        "another request with it is refused with 422",
        data_key=KEY_HEADER,
        may_be_empty=True,
        max_characters=MAX_KEY_CHARACTERS,
        is_ascii=True,
    )

    @post_load
    def the_key(self, data: dict[str, Any], **_: Any) -> str:
        """The key alone."""
        key: str = data.get("key", "")
        return key
