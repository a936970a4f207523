"""The blueprint of the pages: CSRF protection and headers."""

from __future__ import annotations

from typing import Final

from flask import Blueprint, Response, request
from flask_wtf.csrf import CSRFProtect

from sutra_grid.admin.http.origins import SAFE_METHODS

#: The path that all pages begin with.
PREFIX: Final = "/ui"

# Scripts and styles are files of this package. Nothing is inline, evaluated, or loaded from another server.
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)

csrf = CSRFProtect()
blueprint = Blueprint("pages", __name__, url_prefix=PREFIX)


@blueprint.before_request
def refuse_forged_forms() -> None:
    """Require the token that only pages of this admin put in their forms. Raises ``CSRFError``."""
    if request.method not in SAFE_METHODS:
        csrf.protect()


@blueprint.after_request
def add_headers(response: Response) -> Response:
    """Restrict what browsers may do with a page."""
    response.headers["Content-Security-Policy"] = POLICY
    response.vary.add("HX-Request")
    return response
