"""``/docs``: the OpenAPI document for people, by Swagger UI from files of this package; no other server is asked."""

from __future__ import annotations

from typing import Final

from flask import Blueprint, Response, current_app

blueprint = Blueprint("docs", __name__)

# Its scripts are files. Swagger UI sets styles on its elements, and has its icons as data.
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


@blueprint.get("/docs")
def show_docs() -> Response:
    """The page."""
    page = current_app.send_static_file("docs/index.html")
    page.headers["Content-Security-Policy"] = POLICY
    return page
