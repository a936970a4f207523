"""How a page is answered: whole, or to htmx only the part that is polled, or what a dialog holds."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final

from flask import Flask, Response, current_app, make_response, render_template, request

from sutra_grid import __version__
from sutra_grid.admin.pages.cached_value import CachedValue
from sutra_grid.admin.pages.models.timestamps import Timestamp, timestamp
from sutra_grid.admin.services import master
from sutra_grid.admin.upstream.master import check_master
from sutra_grid.core.errors import GridError
from sutra_grid.core.types import Agent
from sutra_grid.runtime.clock import Clock

_KEY: Final = "sutra_grid.pages"
POLL_SECONDS: Final = 3
MASTER_KEPT_SECONDS: Final = 2.0
DISKS_KEPT_SECONDS: Final = 15.0
DIALOG: Final = "dialog"


class PageState:
    """What pages need beside the links of the application, and what they need not find anew each time."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.master_fault: CachedValue[GridError | None] = CachedValue(clock, MASTER_KEPT_SECONDS)
        self.low_disks: CachedValue[list[Agent]] = CachedValue(clock, DISKS_KEPT_SECONDS)


def install_page_state(app: Flask, seeing: PageState) -> None:
    """Give ``app`` the clock of its pages, and what templates call."""
    app.extensions[_KEY] = seeing
    app.jinja_env.filters["ago"] = ago
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True


def now_ms() -> int:
    """Wall-clock milliseconds. Within a request."""
    return int(page_state().clock.wall() * 1000)


def ago(at_ms: int) -> Timestamp | None:
    """The time as seen now. Within a request."""
    return timestamp(at_ms, now_ms())


def master_fault() -> GridError | None:
    """Why commands can't be carried out now, or None. Within a request."""
    return page_state().master_fault.get(_ask_master)


def is_from_htmx() -> bool:
    """Whether htmx asks, for a part. Within a request."""
    return request.headers.get("HX-Request") == "true"


def render_page(
    template: str, status: int = HTTPStatus.OK, *, section: str = "", poll_seconds: int = POLL_SECONDS, **values: Any
) -> Response:
    """Answer a page. ``section`` is where it stands in the navigation. Within a request."""
    layout = "page.html"
    if is_from_htmx():
        layout = "dialog.html" if request.headers.get("HX-Target") == DIALOG else "part.html"
    text = render_template(
        template,
        layout=layout,
        section=section,
        poll_seconds=poll_seconds,
        here=request.full_path.rstrip("?"),
        master_fault=master_fault(),
        version=__version__,
        **values,
    )
    return make_response(text, status)


def page_state() -> PageState:
    """What the pages of this application share. Within a request."""
    state: PageState = current_app.extensions[_KEY]
    return state


def _ask_master() -> GridError | None:
    """Takes a second at most."""
    try:
        check_master(master())
    except GridError as error:
        return error
    return None
