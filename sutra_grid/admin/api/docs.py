"""``/docs``: the OpenAPI document in Swagger UI, served from files of this package only."""

from __future__ import annotations

from typing import Final

from flask import Blueprint, Response, current_app

blueprint = Blueprint("docs", __name__)

# Swagger UI sets inline styles and has its icons as data URLs. Its scripts are files.
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


@blueprint.get("/docs")
def show_docs() -> Response:
    """Show the API documentation."""
    page = current_app.send_static_file("docs/index.html")
    page.headers["Content-Security-Policy"] = POLICY
    return page
