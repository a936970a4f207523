"""``/status``: the status of the grid."""

from __future__ import annotations

from flask import Response

from sutra_grid.admin.http.operations import NOT_MODIFIED, Operations, ResponseSpec
from sutra_grid.admin.http.responses import conditional_response
from sutra_grid.admin.reads.exposure import exposure
from sutra_grid.admin.reads.grid_status import grid_summary
from sutra_grid.admin.schemas.responses import MASTER_ONLY_FIELDS, ClusterStatus
from sutra_grid.admin.services import registry
from sutra_grid.wire.convert import cluster_summary_to_message, to_json

blueprint = Operations("status", __name__, description="Status of the grid")


@blueprint.operation("GET", "/status", ResponseSpec(ClusterStatus, "Status, counts and reasons"), NOT_MODIFIED)
def show_status() -> Response:
    """Show the status of the grid.

    `healthy`: all agents are healthy, and all nodes that should run do run, are not unhealthy, and were stable since
    their last crash. `critical`: more than half of the agents
    are offline. Otherwise `degraded`.

    `unknown`: the admin can't ask the master. The counts and the other reasons are then as last known at `as_of_ms`,
    which is 0 at all other times.
    """
    summary, opened = grid_summary(), exposure(registry().insecure_agents())
    status = to_json(
        cluster_summary_to_message(
            summary, insecure=opened.admin, insecure_agents=opened.agents, insecure_master=opened.master
        )
    )
    return conditional_response({name: value for name, value in status.items() if name not in MASTER_ONLY_FIELDS})
