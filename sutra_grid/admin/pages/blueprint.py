"""The blueprint of the pages: CSRF protection, headers and error pages."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final

from flask import Blueprint, Response, request
from flask_wtf.csrf import CSRFError, CSRFProtect
from werkzeug.exceptions import HTTPException

from sutra_grid.admin.http.origins import SAFE_METHODS
from sutra_grid.admin.http.problems import RETRY_AFTER_SECONDS, TITLES, http_status
from sutra_grid.admin.pages.renderer import render_page
from sutra_grid.core.errors import GridError
from sutra_grid.core.types import Reason
from sutra_grid.runtime.logging import get_logger

log = get_logger(__name__)

# Scripts and styles are files of this package. Nothing is inline, evaluated, or loaded from another server.
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)

csrf = CSRFProtect()
blueprint = Blueprint("pages", __name__, url_prefix="/ui")


@blueprint.before_request
def refuse_forged_forms() -> None:
    """Require the token that only pages of this admin put in their forms. Raises ``CSRFError``."""
    if request.method not in SAFE_METHODS:
        csrf.protect()


@blueprint.after_request
def add_headers(response: Response) -> Response:
    """Restrict what browsers may do with a page."""
    response.headers["Content-Security-Policy"] = POLICY
    response.headers["Referrer-Policy"] = "same-origin"
    response.vary.add("HX-Request")
    return response


@blueprint.app_errorhandler(CSRFError)
def handle_csrf_error(error: CSRFError) -> Any:
    """A form from another site, or from a page that was opened before the admin restarted."""
    hint = "Reload the page and send the form again. The admin was restarted, or the browser deleted its cookie"
    return _error_page("The form has expired", error.description or "", hint, HTTPStatus.FORBIDDEN)


@blueprint.errorhandler(GridError)
def handle_grid_error(error: GridError) -> Any:
    """An error of the grid, such as an unknown id or an unavailable registry."""
    status = http_status(error)
    title = "Registry unavailable" if error.reason is Reason.REGISTRY_UNAVAILABLE else TITLES[error.code]
    return _error_page(title, error.message, error.hint, status)


@blueprint.errorhandler(HTTPException)
def handle_http_exception(error: HTTPException) -> Any:
    """An error of the HTTP layer."""
    status = HTTPStatus(error.code or 500)
    if status < HTTPStatus.BAD_REQUEST:
        return error  # a redirect
    return _error_page(status.phrase, error.description or "", "", status)


@blueprint.errorhandler(Exception)
def handle_unexpected_error(error: Exception) -> Any:
    """An unexpected error. The details go to the log only: they may contain secrets."""
    log.exception("page failed", method=request.method, path=request.path, error=type(error).__name__)
    hint = "See the admin's log for the cause, and report it as a bug"
    return _error_page(TITLES["internal"], f"{request.path} failed", hint, HTTPStatus.INTERNAL_SERVER_ERROR)


def _error_page(title: str, message: str, hint: str, status: HTTPStatus) -> Response:
    response = render_page("error.html", status=status, title=title, message=message, hint=hint)
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        response.headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return response
