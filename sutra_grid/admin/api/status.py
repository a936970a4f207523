"""``/status``: the grid in numbers and one word."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify

from sutra_grid.admin.inputs import read_query
from sutra_grid.admin.links import registry
from sutra_grid.admin.views import cluster_status
from sutra_grid.wire.convert import to_json

blueprint = Blueprint("status", __name__)

#: What only the master can tell of itself; the registry, which is read here, does not have it.
OF_THE_MASTER = frozenset({"master_version", "master_started_at_ms"})


@blueprint.get("/status")
def show_status() -> Response:
    """A ``ClusterStatus`` without what concerns the master's process."""
    read_query([])
    rows = registry()
    nodes = rows.nodes()  # before the agents: whose agent registers in between is not taken for an orphan
    status = to_json(cluster_status(rows.agents(), nodes))
    return jsonify({name: value for name, value in status.items() if name not in OF_THE_MASTER})
