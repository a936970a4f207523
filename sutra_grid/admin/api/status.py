"""``/status``: the grid in numbers and one word."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify

from sutra_grid.admin.inputs import read_query
from sutra_grid.admin.links import registry
from sutra_grid.admin.views import cluster_status
from sutra_grid.wire.convert import to_json

blueprint = Blueprint("status", __name__)


@blueprint.get("/status")
def show_status() -> Response:
    """A ``ClusterStatus``."""
    read_query([])
    rows = registry()
    nodes = rows.nodes()  # before the agents: whose agent registers in between is not taken for an orphan
    return jsonify(to_json(cluster_status(rows.agents(), nodes)))
