"""Schemas of queries and bodies. Unknown parameters and fields are refused."""

from __future__ import annotations

from typing import Any, ClassVar, Final

from marshmallow import ValidationError, validates_schema

from sutra_grid.admin.http.fields import Flag, Text, TextList, WholeNumber
from sutra_grid.admin.http.schemas import MAX_KEY_CHARACTERS, WHOLE_BODY, RequestSchema
from sutra_grid.core.types import Desired
from sutra_grid.runtime.net import MAX_PORT

MAX_MEMORY_LIMIT_MB: Final = 2**40
MAX_LOG_LINES: Final = 100_000
MAX_LOG_BYTES: Final = 1 << 20
MAX_GREP_CHARACTERS: Final = 200
MAX_EVENTS: Final = 1000
MAX_WAIT_SECONDS: Final = 60
MAX_TIMEOUT_SECONDS: Final = 600
MAX_COUNT: Final = 100
MAX_UNAVAILABLE: Final = 100
MAX_PAUSE_SECONDS: Final = 86_400
MAX_NAMED_NODES: Final = 200
MAX_EVENT_ID: Final = 2**63 - 1
MAX_MS: Final = 2**53
#: Limits for names and cursors in a query, so that URLs stay short.
MAX_NAME_CHARACTERS: Final = 255
MAX_CURSOR_CHARACTERS: Final = 1024


class ReadyQuery(RequestSchema):
    """What decides whether the admin is ready."""

    without = Text(  # `exclude` is an option of marshmallow's schemas
        "`master`: 200 also while the master can't be asked, because reads still work then",
        data_key="exclude",
        choices=["master"],
    )


class LogQuery(RequestSchema):
    """The part of a log to read."""

    tail = WholeNumber("Start this many lines before the end; default 100; 0 returns only the cursor", 0, MAX_LOG_LINES)
    cursor = Text("Continue after the response that returned this cursor", max_characters=MAX_CURSOR_CHARACTERS)
    max_bytes = WholeNumber(
        "Maximum number of bytes; 0 means 1 MiB for a tail, and 64 KiB with a cursor", 0, MAX_LOG_BYTES
    )
    follow = Flag("Stream new lines until the client disconnects, the node is removed, or an hour has passed")
    grep = Text(
        "Only lines with this text, in upper and lower case alike: the last `tail` of them in all that is kept, or "
        "after `cursor`. `omitted_lines` counts the matching lines before them. `more` says that the search reached "
        "its limit of 128 MiB or 30 s: search on from `cursor`",
        max_characters=MAX_GREP_CHARACTERS,
    )
    download = Flag("All that is kept of the log, with its rotated parts, as a file of text", only=True)

    @validates_schema
    def alike(self, data: dict[str, Any], **_: Any) -> None:
        """Refuse what cannot be combined."""
        if "grep" in data and data.get("follow"):
            raise ValidationError("cannot be combined with follow", "grep")
        others = sorted(set(data) - {"download"})
        if "download" in data and others:
            raise ValidationError(f"gives the whole log; omit {', '.join(others)}", "download")


class CommandQuery(RequestSchema):
    """How long to wait for a command."""

    timeout = WholeNumber(
        "Seconds until the command is answered with 504; default: the admin's command_timeout_secs",
        1,
        MAX_TIMEOUT_SECONDS,
    )


class RunQuery(CommandQuery):
    """What a command that starts a process waits for."""

    wait = Text(
        "`running`: respond when the node runs and its health probe, if any, succeeds", choices=[Desired.RUNNING.value]
    )


class DrainQuery(CommandQuery):
    """What to do with the nodes of a drained agent."""

    stop_nodes = Flag("Also stop its nodes, and respond when the agent reports no process of them")


class UndrainQuery(CommandQuery):
    """What to do with the nodes that the drain has stopped."""

    start_nodes = Flag("Also start the nodes that the drain has stopped, and respond when they run")


class RemoveAgentQuery(RequestSchema):
    """Whether an agent is removed though its nodes may still run."""

    force = Flag(
        "Remove it though its nodes may still run. Their records are lost, and the agent stops them if it comes back"
    )


class RollingRestart(RequestSchema):
    """Nodes to restart (by id, all, or by agent and engine), and how many at a time."""

    SHAPE: ClassVar[dict[str, Any]] = {
        "oneOf": [
            {"required": ["node_ids"]},
            {"required": ["all"]},
            {"anyOf": [{"required": ["agent_id"]}, {"required": ["engine"]}]},
        ]
    }

    node_ids = TextList("These nodes, in this order", MAX_NAMED_NODES, MAX_NAME_CHARACTERS)
    all = Flag("All nodes that should run", only=True)
    agent_id = Text("Nodes of this agent that should run")
    engine = Text("Nodes of this engine that should run")
    max_unavailable = WholeNumber(
        "Maximum number of nodes that are down at once, including those already down; default 1", 1, MAX_UNAVAILABLE
    )
    pause_seconds = WholeNumber(
        "As `min_ready_seconds`, but a node that turns unhealthy is a failure", 0, MAX_PAUSE_SECONDS
    )
    min_ready_seconds = WholeNumber(
        "Seconds that each node must be running and healthy, without a restart in between, before the next one is "
        "restarted; default 0",
        0,
        MAX_PAUSE_SECONDS,
    )
    started_before_ms = WholeNumber("Only nodes whose process started before this time; used to resume", 1, MAX_MS)

    @validates_schema
    def one_selection(self, data: dict[str, Any], **_: Any) -> None:
        """Require exactly one way to select nodes."""
        ways = ["node_ids" in data, "all" in data, bool({"agent_id", "engine"} & set(data))]
        if sum(ways) != 1:
            raise ValidationError(
                "select nodes with exactly one of: node_ids; all; agent_id, engine or both", WHOLE_BODY
            )


class Spawn(RequestSchema):
    """A new node, or several. The grid or the agent chooses what is absent."""

    SHAPE: ClassVar[dict[str, Any]] = {
        "dependentSchemas": {"count": {"properties": {"port": {"maximum": 0}, "storage_path": {"maxLength": 0}}}}
    }

    agent_id = Text("Agent to spawn on; empty: the healthy agent with the most free slots", may_be_empty=True)
    storage_path = Text("Data directory below the agent's data_path; empty: data_path/NODE_ID", may_be_empty=True)
    memory_limit_mb = WholeNumber("Memory limit in MiB; 0: the agent's default", 0, MAX_MEMORY_LIMIT_MB)
    port = WholeNumber("A free port in the agent's range; 0: the agent picks one", 0, MAX_PORT)
    engine = Text("Name of one of the agent's engines; empty: the default storage server", may_be_empty=True)
    request_id = Text(
        "Same as the header Idempotency-Key", may_be_empty=True, max_characters=MAX_KEY_CHARACTERS, is_ascii=True
    )
    count = WholeNumber("Number of identical nodes to spawn; the response is then a list", 1, MAX_COUNT)

    @validates_schema
    def alike(self, data: dict[str, Any], **_: Any) -> None:
        """Refuse a port or a path that several nodes would share."""
        taken = [name for name in ("port", "storage_path") if data.get(name)]
        if "count" in data and taken:
            raise ValidationError("applies to a single node; omit it when count is given", taken[0])
