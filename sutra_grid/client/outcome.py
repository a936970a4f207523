"""What the response to a change says: the node, or the refusal as an error."""

from __future__ import annotations

from typing import Any

from google.protobuf.message import Message

from sutra_grid.core.errors import GridError, Internal
from sutra_grid.wire import errors as wire_errors
from sutra_grid.wire import grid_pb2 as pb


def outcome(result: pb.NodeResult | pb.SpawnResponse | pb.StopResponse) -> pb.NodeStatus:
    """The node of a response that says success. Raises the refusal as ``GridError`` otherwise."""
    if result.success:
        return result.node
    raise refusal_of(result) or Internal(result.error_message or "the master refused and gave no reason")


def refusal_of(response: Message) -> GridError | None:
    """The refusal that a response carries; a method whose response has no place for one ends the call with it."""
    answer: Any = response
    if "error" not in answer.DESCRIPTOR.fields_by_name or not answer.HasField("error"):
        return None
    return wire_errors.from_detail(answer.error)
