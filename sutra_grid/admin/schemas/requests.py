"""What requests may hold: queries, bodies, and the headers that the API reads. Whatever else they hold is a fault."""

from __future__ import annotations

from typing import Any, ClassVar, Final

from marshmallow import ValidationError, validates_schema

from sutra_grid.admin.http.fields import Flag, Text, TextList, WholeNumber
from sutra_grid.admin.http.schemas import MAX_KEY_CHARACTERS, WHOLE_BODY, RequestSchema
from sutra_grid.core.types import Actor, Desired, Reason
from sutra_grid.runtime.net import MAX_PORT

MAX_MEMORY_LIMIT_MB: Final = 2**40
MAX_LOG_LINES: Final = 100_000
MAX_LOG_BYTES: Final = 1 << 20
MAX_EVENTS: Final = 1000
MAX_WAIT_SECONDS: Final = 60
MAX_TIMEOUT_SECONDS: Final = 600
MAX_COUNT: Final = 100
MAX_UNAVAILABLE: Final = 100
MAX_PAUSE_SECONDS: Final = 86_400
MAX_NAMED_NODES: Final = 200
MAX_EVENT_ID: Final = 2**63 - 1
MAX_MS: Final = 2**53
#: Of names and cursors in a query: a URL is short.
MAX_NAME_CHARACTERS: Final = 255
MAX_CURSOR_CHARACTERS: Final = 1024


class EventFilter(RequestSchema):
    """Which events."""

    after_event_id = WholeNumber("Only events after this one, oldest first; without it the newest", 0, MAX_EVENT_ID)
    before_event_id = WholeNumber(
        "Only events before this one, such as the first of a page: the page before", 0, MAX_EVENT_ID
    )
    limit = WholeNumber("At most so many; 100 without it", 1, MAX_EVENTS)
    node_id = Text("Only events of this node", max_characters=MAX_NAME_CHARACTERS)
    agent_id = Text("Only events of this agent", max_characters=MAX_NAME_CHARACTERS)
    kind = Text("A kind, or its first part: node finds node.spawned and its like", max_characters=MAX_NAME_CHARACTERS)
    reason = Text("Only events of this reason", choices=[reason.value for reason in Reason if reason.value])
    actor = Text("Only events that this one caused", choices=[*Actor])
    since_ms = WholeNumber("Only events from this time on", 0, MAX_MS)
    until_ms = WholeNumber("Only events up to this time", 0, MAX_MS)
    wait_seconds = WholeNumber("Without any to tell, wait so long for the next one", 0, MAX_WAIT_SECONDS)


class LogQuery(RequestSchema):
    """Which part of a log."""

    tail = WholeNumber(
        "Begin so many lines before the end; 100 without it, 0 for nothing but the cursor", 0, MAX_LOG_LINES
    )
    cursor = Text("Go on where the answer with this cursor ended", max_characters=MAX_CURSOR_CHARACTERS)
    max_bytes = WholeNumber("At most so many bytes; 0: 64 KiB", 0, MAX_LOG_BYTES)
    follow = Flag("Go on with new lines until the client leaves, the node is removed, or an hour has passed")


class CommandQuery(RequestSchema):
    """How long a command is waited for."""

    timeout = WholeNumber(
        "Seconds until the answer is 504, the outcome being open; without it command_timeout_secs of the admin",
        1,
        MAX_TIMEOUT_SECONDS,
    )


class RunQuery(CommandQuery):
    """What a command that has a node run waits for."""

    wait = Text("Answer when it runs and no health probe denies it", choices=[Desired.RUNNING.value])


class DrainQuery(CommandQuery):
    """What becomes of the nodes that are there."""

    stop_nodes = Flag("Stop them, and answer when none has a process left")


class RollingRestart(RequestSchema):
    """Which nodes, one of: those named, all, or those of an agent and an engine; and how carefully."""

    SHAPE: ClassVar[dict[str, Any]] = {
        "oneOf": [
            {"required": ["node_ids"]},
            {"required": ["all"]},
            {"anyOf": [{"required": ["agent_id"]}, {"required": ["engine"]}]},
        ]
    }

    node_ids = TextList("These, in this order", MAX_NAMED_NODES, MAX_NAME_CHARACTERS)
    all = Flag("All that should run", only=True)
    agent_id = Text("All of this agent that should run")
    engine = Text("All of this engine that should run")
    max_unavailable = WholeNumber("Never more of them down at once, those included that are down already; 1 without it", 1,
                            MAX_UNAVAILABLE)  # fmt: skip
    pause_seconds = WholeNumber("How long each must have stayed up before the next", 0, MAX_PAUSE_SECONDS)
    started_before_ms = WholeNumber(
        "Only those whose process was started before; to take up one that ended early", 1, MAX_MS
    )

    @validates_schema
    def one_selection(self, data: dict[str, Any], **_: Any) -> None:
        """Exactly one way to say which."""
        ways = ["node_ids" in data, "all" in data, bool({"agent_id", "engine"} & set(data))]
        if sum(ways) != 1:
            raise ValidationError("say which nodes: node_ids, or all, or agent_id and engine", WHOLE_BODY)


class Spawn(RequestSchema):
    """New nodes. What is absent, the grid or the agent chooses."""

    SHAPE: ClassVar[dict[str, Any]] = {
        "dependentSchemas": {"count": {"properties": {"port": {"maximum": 0}, "storage_path": {"maxLength": 0}}}}
    }

    agent_id = Text("Where; empty: the healthy agent with the most free slots", may_be_empty=True)
    storage_path = Text("Below the agent's data_path; empty: data_path/NODE_ID", may_be_empty=True)
    memory_limit_mb = WholeNumber("0: the agent's default", 0, MAX_MEMORY_LIMIT_MB)
    port = WholeNumber("Free, and in the agent's range; 0: the agent picks one", 0, MAX_PORT)
    engine = Text("A name of the agent's engines; empty: its own storage server", may_be_empty=True)
    request_id = Text(
        "The same as the header Idempotency-Key", may_be_empty=True, max_characters=MAX_KEY_CHARACTERS, is_ascii=True
    )
    count = WholeNumber("So many, alike; the answer is then a list", 1, MAX_COUNT)

    @validates_schema
    def alike(self, data: dict[str, Any], **_: Any) -> None:
        """Several can't have one port or one path."""
        taken = [name for name in ("port", "storage_path") if data.get(name)]
        if "count" in data and taken:
            raise ValidationError("belongs to one node; with count the agents choose it", taken[0])
