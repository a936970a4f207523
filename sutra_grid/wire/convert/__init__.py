"""Messages of the wire <-> values of ``core.types``, and messages as JSON.

``X_from_message`` is the inverse of ``X_to_message``. It refuses an unknown value of an enumeration that decides
something (desired, state, health): ``InvalidArgument`` names the field. A reason only explains, so an unknown one
becomes ``NONE``.
"""

from sutra_grid.wire.convert.agents import (
    agent_from_info,
    agent_record,
    agent_to_info,
    host_sample_from_message,
    host_sample_to_message,
)
from sutra_grid.wire.convert.cluster import (
    cluster_summary_to_message,
    event_to_message,
)
from sutra_grid.wire.convert.jsonform import to_json
from sutra_grid.wire.convert.nodes import (
    assignment_from_message,
    assignment_to_message,
    node_exit_from_message,
    node_exit_to_message,
    node_report_from_message,
    node_report_to_message,
    node_sample_from_message,
    node_sample_to_message,
    node_spec_from_message,
    node_spec_to_message,
    node_status,
    spec_from_spawn_request,
)
from sutra_grid.wire.convert.revocations import revocations_from_message, revocations_to_message
from sutra_grid.wire.errors import error_detail

__all__ = [
    "agent_from_info",
    "agent_record",
    "agent_to_info",
    "assignment_from_message",
    "assignment_to_message",
    "cluster_summary_to_message",
    "error_detail",
    "event_to_message",
    "host_sample_from_message",
    "host_sample_to_message",
    "node_exit_from_message",
    "node_exit_to_message",
    "node_report_from_message",
    "node_report_to_message",
    "node_sample_from_message",
    "node_sample_to_message",
    "node_spec_from_message",
    "node_spec_to_message",
    "node_status",
    "revocations_from_message",
    "revocations_to_message",
    "spec_from_spawn_request",
    "to_json",
]
