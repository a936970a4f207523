"""``/``: what there is, for whoever comes without documentation."""

from __future__ import annotations

from flask import Response

from sutra_grid import __version__
from sutra_grid.admin.answering import answer_json
from sutra_grid.admin.operations import Answer, Operations
from sutra_grid.admin.schemas.answers import IndexSchema

blueprint = Operations("index", __name__, description="Where to go")

LINKS = {
    "status": "/status",
    "agents": "/agents",
    "nodes": "/nodes",
    "events": "/events",
    "alive": "/livez",
    "ready": "/readyz",
    "openapi": "/openapi.json",
    "docs": "/docs",
}


@blueprint.operation("GET", "/", Answer(IndexSchema, "What there is"), problems=frozenset({400, 500}))
def show_index() -> Response:
    """Tell name, version and where to go."""
    return answer_json({"name": "sutra-grid-admin", "version": __version__, "links": LINKS})
