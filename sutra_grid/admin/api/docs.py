"""``/docs``: the OpenAPI document in Swagger UI, served from files of this package only."""

from __future__ import annotations

from typing import Final

from flask import Blueprint, Response, make_response, render_template

blueprint = Blueprint("docs", __name__)

# Swagger UI sets inline styles and has its icons as data URLs. Its scripts are files.
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


@blueprint.get("/docs")
def show_docs() -> Response:
    """Show the API documentation."""
    page = make_response(render_template("docs.html"))
    page.headers["Content-Security-Policy"] = POLICY
    return page
