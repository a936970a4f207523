"""Errors as pages: for everything below ``/ui``, and wherever a browser asks. Programs get problem documents."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

from flask import Response, request
from flask_wtf.csrf import CSRFError

from sutra_grid.admin.http.origins import SAFE_METHODS
from sutra_grid.admin.http.problems import TITLES, http_status, problem_response, title_of
from sutra_grid.admin.pages.blueprint import PREFIX, add_headers
from sutra_grid.admin.pages.renderer import POLL_SECONDS, render_page
from sutra_grid.core.errors import GridError
from sutra_grid.core.types import Reason

_JSON_FIRST: Final = ("application/problem+json", "application/json", "text/html")

#: Statuses of errors that may pass by themselves: such a page is polled.
_PASSING: Final = frozenset({HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT})

_TITLES: Final[Mapping[Reason, str]] = {Reason.REGISTRY_UNAVAILABLE: "Registry unavailable"}

#: What a person does next, where the error's own hint is for a program.
_HINTS: Final[Mapping[HTTPStatus | Reason, str]] = {
    HTTPStatus.NOT_FOUND: "Check the address, search for an agent or a node, or choose a page",
    HTTPStatus.METHOD_NOT_ALLOWED: "Open the page, and use its buttons",
    HTTPStatus.BAD_REQUEST: "Open the page again",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "Send less at once: the limit is 64 KiB",
    Reason.UNKNOWN_AGENT: "See the list of agents, or search for it",
    Reason.UNKNOWN_NODE: "See the list of nodes, or search for it",
    Reason.NODE_REMOVED: "Its data and its log are still on its host. See its events for when and by whom",
}


def respond(error: GridError, status: HTTPStatus | None = None) -> Response:
    """The response for an error: a page or a problem document. Needs a request context."""
    is_page = _is_below_pages()
    response = _page_of(error, status) if is_page or _is_for_browser() else problem_response(error, status)
    if not is_page:
        response.vary.add("Accept")
    return response


def respond_to_expired_form(error: CSRFError) -> Response:
    """A form from another site, or from a page that was opened before the admin restarted."""
    hint = "Reload the page and send the form again. The admin was restarted, or the browser deleted its cookie"
    return _render("The form has expired", error.description or "", hint, HTTPStatus.FORBIDDEN)


def _is_below_pages() -> bool:
    return request.path == PREFIX or request.path.startswith(f"{PREFIX}/")


def _is_for_browser() -> bool:
    return request.accept_mimetypes.best_match(_JSON_FIRST) == "text/html"


def _page_of(error: GridError, status: HTTPStatus | None) -> Response:
    title = title_of(status) if status else _TITLES.get(error.reason, TITLES[error.code])
    hint = _HINTS.get(status or error.reason, error.hint)
    return _render(title, error.message, hint, status or http_status(error), error.reason)


def _render(title: str, message: str, hint: str, status: HTTPStatus, reason: Reason = Reason.NONE) -> Response:
    is_polled = status in _PASSING and request.method in SAFE_METHODS and _is_below_pages()
    view = request.view_args or {}
    response = render_page(
        "error.html",
        status=status,
        poll_seconds=POLL_SECONDS if is_polled else 0,
        title=title,
        message=message,
        hint=hint,
        removed_node_id=view.get("node_id", "") if reason is Reason.NODE_REMOVED else "",
        plain_path=request.path if _is_below_pages() and request.url_rule and request.args else "",
    )
    return add_headers(response)
