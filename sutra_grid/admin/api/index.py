"""``/``: what there is, for whoever comes without documentation."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from flask import redirect, request

from sutra_grid import __version__
from sutra_grid.admin.http.operations import Operations, ResponseSpec
from sutra_grid.admin.http.responses import json_response
from sutra_grid.admin.schemas.responses import IndexSchema

blueprint = Operations("index", __name__, description="Where to go")

LINKS = {
    "status": "/status",
    "agents": "/agents",
    "nodes": "/nodes",
    "events": "/events",
    "metrics": "/metrics",
    "alive": "/livez",
    "ready": "/readyz",
    "openapi": "/openapi.json",
    "docs": "/docs",
    "pages": "/ui/",
}


@blueprint.operation(
    "GET",
    "/",
    ResponseSpec(IndexSchema, "What there is"),
    ResponseSpec(None, "The pages, for who accepts text/html rather than JSON", status=HTTPStatus.FOUND),
    problems=frozenset({400, 500}),
)
def show_index() -> Any:
    """Tell name, version and where to go; a browser is sent to the pages."""
    if request.accept_mimetypes.best_match(["application/json", "text/html"]) == "text/html":
        answer: Any = redirect("/ui/")
    else:
        answer = json_response({"name": "sutra-grid-admin", "version": __version__, "links": LINKS})
    answer.vary.add("Accept")
    return answer
