"""``/status``: the grid in numbers and one word."""

from __future__ import annotations

from flask import Response

from sutra_grid.admin.http.operations import NOT_MODIFIED, Operations, ResponseSpec
from sutra_grid.admin.http.responses import conditional_response
from sutra_grid.admin.schemas.responses import MASTER_ONLY_FIELDS, ClusterStatus
from sutra_grid.admin.services import registry
from sutra_grid.wire.convert import cluster_summary_to_message, to_json

blueprint = Operations("status", __name__, description="The grid in numbers and one word")


@blueprint.operation(
    "GET", "/status", ResponseSpec(ClusterStatus, "The grid in numbers, one word, and why"), NOT_MODIFIED
)
def show_status() -> Response:
    """Show the status of the grid.

    `healthy`: every agent is and every node that should run runs; `critical`: more than half of the agents are
    offline; else `degraded`.
    """
    status = to_json(cluster_summary_to_message(registry().cluster_summary()))
    return conditional_response({name: value for name, value in status.items() if name not in MASTER_ONLY_FIELDS})
