"""``/``: what there is, for whoever comes without documentation."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify

from sutra_grid import __version__

blueprint = Blueprint("index", __name__)

LINKS = {
    "status": "/status",
    "agents": "/agents",
    "nodes": "/nodes",
    "events": "/events",
    "alive": "/livez",
    "ready": "/readyz",
}


@blueprint.get("/")
def show_index() -> Response:
    """Name, version and where to go."""
    return jsonify(name="sutra-grid-admin", version=__version__, links=LINKS)
