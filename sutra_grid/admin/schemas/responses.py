"""Answers that are no messages of the wire, and those that are."""

from __future__ import annotations

from typing import Final

from marshmallow import fields

from sutra_grid.admin.http.schemas import ProblemSchema, ResponseSchema
from sutra_grid.admin.schemas.messages import schema_of
from sutra_grid.core.types import Reason
from sutra_grid.wire import grid_pb2 as pb

#: What only the master can tell of itself; the registry, which is read here, does not have it.
MASTER_ONLY_FIELDS: Final = frozenset({"master_version", "master_started_at_ms"})

NodeStatus = schema_of(pb.NodeStatus)
AgentRecord = schema_of(pb.AgentRecord)
EventList = schema_of(pb.EventList)
ClusterStatus = schema_of(pb.ClusterStatus, without=MASTER_ONLY_FIELDS)
NodeSampleList = schema_of(pb.NodeSampleList)
LogChunk = schema_of(pb.LogChunk)
"""Its ``data`` is the log's text, not base64."""


#: What a list of agents leaves out; ``/agents/ID`` has it, and ``/nodes`` lists them.
NOT_IN_LISTS: Final = frozenset({"storage_nodes"})
ListedAgent = type("ListedAgent", (schema_of(pb.AgentRecord, without=NOT_IN_LISTS),), {})

_NEXT_CURSOR: Final = "`cursor` of the next page; empty on the last one"


class NodeListSchema(ResponseSchema):
    """A page of nodes."""

    nodes = fields.List(fields.Nested(NodeStatus), required=True)
    next_cursor = fields.String(required=True, metadata={"description": _NEXT_CURSOR})


class AgentListSchema(ResponseSchema):
    """A page of agents, without their nodes."""

    agents = fields.List(fields.Nested(ListedAgent), required=True)
    next_cursor = fields.String(required=True, metadata={"description": _NEXT_CURSOR})


class SpawnResultsSchema(ResponseSchema):
    """What came of spawning several: the nodes that run, and a problem for each of the others."""

    nodes = fields.List(fields.Nested(NodeStatus), required=True)
    problems = fields.List(fields.Nested(ProblemSchema), required=True)


class RequestToSendSchema(ResponseSchema):
    """A request that a client may send next."""

    method = fields.String(required=True)
    path = fields.String(required=True)
    body = fields.Dict(required=True)


class RollingLineSchema(ResponseSchema):
    """One line of a rolling restart: what it is about, and what belongs to it."""

    kind = fields.String(required=True, metadata={"enum": ["begin", "restarted", "waiting", "end"]})
    total = fields.Integer(metadata={"description": "begin, restarted: how many are to be restarted"})
    done = fields.Integer(metadata={"description": "restarted: how many are"})
    node = fields.Nested(NodeStatus, metadata={"description": "restarted: it, as it is now"})
    message = fields.String(metadata={"description": "waiting: for what"})
    restarted = fields.List(fields.String(), metadata={"description": "end: their ids"})
    left = fields.List(fields.String(), metadata={"description": "end: those that are still to be restarted"})
    failure = fields.Nested(
        ProblemSchema, allow_none=True, metadata={"description": "end: why it ended early, or null"}
    )
    resume = fields.Nested(
        RequestToSendSchema, allow_none=True, metadata={"description": "end: what takes it up again, or null"}
    )


class IndexSchema(ResponseSchema):
    """Name, version, and where to go."""

    name = fields.String(required=True)
    version = fields.String(required=True)
    links = fields.Dict(keys=fields.String(), values=fields.String(), required=True)


class AliveSchema(ResponseSchema):
    """The process answers."""

    status = fields.String(required=True, metadata={"enum": ["alive"]})


class PartSchema(ResponseSchema):
    """Whether a part that the admin needs answers; else why not."""

    ok = fields.Boolean(required=True)
    reason = fields.String(required=True, metadata={"enum": [reason.value for reason in Reason]})
    message = fields.String(required=True)
    hint = fields.String(required=True)


class ReadySchema(ResponseSchema):
    """Whether reads work, and commands too. ``read_only``: the master does not answer."""

    status = fields.String(required=True, metadata={"enum": ["ready", "read_only", "unavailable"]})
    registry = fields.Nested(PartSchema, required=True)
    master = fields.Nested(PartSchema, required=True)
