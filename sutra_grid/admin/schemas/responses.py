"""Schemas of responses: of wire messages, and of documents that only the HTTP API has."""

from __future__ import annotations

from typing import Final

from marshmallow import fields

from sutra_grid.admin.http.schemas import ProblemSchema, ResponseSchema
from sutra_grid.admin.schemas.messages import schema_of
from sutra_grid.core.types import Reason
from sutra_grid.wire import grid_pb2 as pb

#: Fields that only the master knows. The admin reads the status from the registry, which does not have them.
MASTER_ONLY_FIELDS: Final = frozenset({"master_version", "master_started_at_ms"})

NodeStatus = schema_of(pb.NodeStatus)
AgentRecord = schema_of(pb.AgentRecord)
EventList = schema_of(pb.EventList)
ClusterStatus = schema_of(pb.ClusterStatus, without=MASTER_ONLY_FIELDS)
NodeSampleList = schema_of(pb.NodeSampleList)
LogChunk = schema_of(pb.LogChunk)
"""``data`` is the log's text, not base64."""


#: Fields that a list of agents omits. ``/agents/ID`` has them.
NOT_IN_LISTS: Final = frozenset({"storage_nodes"})
ListedAgent = type("ListedAgent", (schema_of(pb.AgentRecord, without=NOT_IN_LISTS),), {})

_NEXT_CURSOR: Final = "Pass as `cursor` to get the next page; empty on the last page"
_TOTAL: Final = "Number of rows on all pages of this filter"
_AS_OF_MS: Final = "0 while the master answers. Else the rows are as last known then, when it last wrote"


class NodeListSchema(ResponseSchema):
    """A page of nodes."""

    nodes = fields.List(fields.Nested(NodeStatus), required=True)
    next_cursor = fields.String(required=True, metadata={"description": _NEXT_CURSOR})
    total = fields.Integer(required=True, metadata={"description": _TOTAL, "minimum": 0})
    as_of_ms = fields.Integer(required=True, metadata={"description": _AS_OF_MS, "minimum": 0})


class AgentListSchema(ResponseSchema):
    """A page of agents, without their nodes."""

    agents = fields.List(fields.Nested(ListedAgent), required=True)
    next_cursor = fields.String(required=True, metadata={"description": _NEXT_CURSOR})
    total = fields.Integer(required=True, metadata={"description": _TOTAL, "minimum": 0})
    as_of_ms = fields.Integer(required=True, metadata={"description": _AS_OF_MS, "minimum": 0})


class SpawnResultsSchema(ResponseSchema):
    """The result of spawning several nodes: the nodes that run, and a problem for each that does not."""

    nodes = fields.List(fields.Nested(NodeStatus), required=True)
    problems = fields.List(fields.Nested(ProblemSchema), required=True)
    summary = fields.String(
        required=True, metadata={"description": "How many run, and why the others do not; equal reasons are told once"}
    )


class RequestToSendSchema(ResponseSchema):
    """A request that the client can send next."""

    method = fields.String(required=True)
    path = fields.String(required=True)
    body = fields.Dict(required=True)


class RollingLineSchema(ResponseSchema):
    """One line of a rolling restart. Its ``kind`` decides which fields it has."""

    kind = fields.String(required=True, metadata={"enum": ["begin", "restarted", "waiting", "end"]})
    total = fields.Integer(metadata={"description": "begin, restarted: number of nodes to restart"})
    done = fields.Integer(metadata={"description": "restarted: number of nodes restarted so far"})
    node = fields.Nested(NodeStatus, metadata={"description": "restarted: the node after its restart"})
    message = fields.String(metadata={"description": "waiting: what the rolling restart waits for"})
    restarted = fields.List(fields.String(), metadata={"description": "end: ids of the restarted nodes"})
    left = fields.List(fields.String(), metadata={"description": "end: ids of the nodes that were not restarted"})
    failure = fields.Nested(
        ProblemSchema, allow_none=True, metadata={"description": "end: the error that ended it early, or null"}
    )
    resume = fields.Nested(
        RequestToSendSchema, allow_none=True, metadata={"description": "end: the request that resumes it, or null"}
    )


class IndexSchema(ResponseSchema):
    """Name, version, and links to the resources."""

    name = fields.String(required=True)
    version = fields.String(required=True)
    links = fields.Dict(keys=fields.String(), values=fields.String(), required=True)


class AliveSchema(ResponseSchema):
    """The process is alive."""

    status = fields.String(required=True, metadata={"enum": ["alive"]})


class PartSchema(ResponseSchema):
    """Whether a service that the admin needs responds, and if not, why."""

    ok = fields.Boolean(required=True)
    reason = fields.String(required=True, metadata={"enum": [reason.value for reason in Reason]})
    message = fields.String(required=True)
    hint = fields.String(required=True)


class ReadySchema(ResponseSchema):
    """Whether reads and commands work. ``read_only``: the master can't be asked, so commands fail."""

    status = fields.String(required=True, metadata={"enum": ["ready", "read_only", "unavailable"]})
    registry = fields.Nested(PartSchema, required=True)
    master = fields.Nested(PartSchema, required=True)
