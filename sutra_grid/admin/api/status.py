"""``/status``: the grid in numbers and one word."""

from __future__ import annotations

from flask import Response

from sutra_grid.admin.http.operations import NOT_MODIFIED, Answer, Operations
from sutra_grid.admin.http.responses import answer_unless_known
from sutra_grid.admin.schemas.responses import OF_THE_MASTER, ClusterStatus
from sutra_grid.admin.services import registry
from sutra_grid.wire.convert import cluster_summary_to_message, to_json

blueprint = Operations("status", __name__, description="The grid in numbers and one word")


@blueprint.operation("GET", "/status", Answer(ClusterStatus, "The grid in numbers, one word, and why"), NOT_MODIFIED)
def show_status() -> Response:
    """Show the status of the grid.

    `healthy`: every agent is and every node that should run runs; `critical`: more than half of the agents are
    offline; else `degraded`.
    """
    status = to_json(cluster_summary_to_message(registry().cluster_summary()))
    return answer_unless_known({name: value for name, value in status.items() if name not in OF_THE_MASTER})
