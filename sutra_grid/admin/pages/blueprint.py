"""The blueprint of the pages: what holds for each request of a page, and how a page says that something failed."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final

from flask import Blueprint, Response, request
from flask_wtf.csrf import CSRFError, CSRFProtect
from werkzeug.exceptions import HTTPException

from sutra_grid.admin.http.origins import SAFE_METHODS
from sutra_grid.admin.http.problems import RETRY_AFTER_SECONDS, http_status
from sutra_grid.admin.pages.renderer import render_page
from sutra_grid.core.errors import GridError
from sutra_grid.runtime.logging import get_logger

log = get_logger(__name__)

# Scripts and styles are files of this package; nothing is inline, evaluated, or of another server.
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)

csrf = CSRFProtect()
blueprint = Blueprint("pages", __name__, url_prefix="/ui")


@blueprint.before_request
def refuse_forged_forms() -> None:
    """Every form carries a token that only a page of this admin could give it. Raises ``CSRFError``."""
    if request.method not in SAFE_METHODS:
        csrf.protect()


@blueprint.after_request
def add_headers(answer: Response) -> Response:
    """What browsers may do with a page."""
    answer.headers["Content-Security-Policy"] = POLICY
    answer.headers["Referrer-Policy"] = "same-origin"
    answer.vary.add("HX-Request")
    return answer


@blueprint.app_errorhandler(CSRFError)
def of_forged_form(error: CSRFError) -> Any:
    """A form of another site, or of a page that was opened before the admin started anew."""
    hint = "Open the page again and send its form: the admin was started anew since, or the cookie of this site is gone"
    return _failed("This form is not valid any more", error.description or "", hint, HTTPStatus.FORBIDDEN)


@blueprint.errorhandler(GridError)
def of_grid_error(error: GridError) -> Any:
    """What the grid refuses, or can't answer now."""
    status = http_status(error)
    title = "The registry does not answer" if status == HTTPStatus.SERVICE_UNAVAILABLE else "That did not work"
    if status == HTTPStatus.NOT_FOUND:
        title = "There is no such thing"
    return _failed(title, error.message, error.hint, status)


@blueprint.errorhandler(HTTPException)
def of_http_exception(error: HTTPException) -> Any:
    """HTTP's own refusals."""
    status = HTTPStatus(error.code or 500)
    if status < HTTPStatus.BAD_REQUEST:
        return error  # a redirect
    return _failed(status.phrase, error.description or "", "", status)


@blueprint.errorhandler(Exception)
def of_fault(error: Exception) -> Any:
    """The edge of a request: whatever was not foreseen is logged here and told to nobody else."""
    log.exception("page failed", method=request.method, path=request.path, error=type(error).__name__)
    hint = "The admin's log says why; report it with that"
    return _failed("A fault of the program", f"{request.path} failed", hint, HTTPStatus.INTERNAL_SERVER_ERROR)


def _failed(title: str, words: str, hint: str, status: HTTPStatus) -> Response:
    answer = render_page("error.html", status=status, title=title, words=words, hint=hint)
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        answer.headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return answer
