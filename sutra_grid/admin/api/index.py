"""``/``: the list of resources."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from flask import redirect, request

from sutra_grid import __version__
from sutra_grid.admin.http.operations import Operations, ResponseSpec
from sutra_grid.admin.http.proxies import at_root
from sutra_grid.admin.http.responses import json_response
from sutra_grid.admin.schemas.responses import IndexSchema

blueprint = Operations("index", __name__, description="The list of resources")

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
    ResponseSpec(IndexSchema, "Name, version and links to the resources"),
    ResponseSpec(None, "Redirect to the web pages, if `Accept` prefers text/html to JSON", status=HTTPStatus.FOUND),
    problems=frozenset({400, 500}),
)
def show_index() -> Any:
    """Show name, version and links. A browser is redirected to the web pages."""
    if request.accept_mimetypes.best_match(["application/json", "text/html"]) == "text/html":
        response: Any = redirect(at_root("/ui/"))
    else:
        links = {name: at_root(path) for name, path in LINKS.items()}
        response = json_response({"name": "sutra-grid-admin", "version": __version__, "links": links})
    response.vary.add("Accept")
    return response
