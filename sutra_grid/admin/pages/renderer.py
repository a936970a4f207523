"""Renders a page: complete, or for htmx only the polled part or the content of a dialog."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlencode

from flask import Flask, Response, current_app, make_response, render_template, request
from werkzeug.local import LocalProxy

from sutra_grid import __version__
from sutra_grid.admin.access.guard import current_principal, is_allowed_to_change
from sutra_grid.admin.pages.cached_value import CachedValue
from sutra_grid.admin.pages.models.timestamps import Timestamp, timestamp
from sutra_grid.admin.reads.exposure import Exposure, exposure
from sutra_grid.admin.reads.grid_status import last_known_ms
from sutra_grid.admin.services import access, is_insecure, master_fault, registry
from sutra_grid.core.access.principal import PrincipalKind
from sutra_grid.core.agent.insecure import insecure_agents_text, insecure_text
from sutra_grid.core.errors import GridError
from sutra_grid.core.redaction import is_secret_name
from sutra_grid.core.types import Agent
from sutra_grid.runtime.clock import Clock

_KEY: Final = "sutra_grid.pages"
POLL_SECONDS: Final = 3
LOW_DISKS_MAX_AGE_SECONDS: Final = 15.0
INSECURE_AGENTS_MAX_AGE_SECONDS: Final = 3.0
DIALOG: Final = "dialog"


class PageState:
    """The clock of the pages, and values that they cache."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.insecure_agents: CachedValue[int] = CachedValue(clock, INSECURE_AGENTS_MAX_AGE_SECONDS)
        self.low_disks: CachedValue[list[Agent]] = CachedValue(clock, LOW_DISKS_MAX_AGE_SECONDS)


def install_page_state(app: Flask, state: PageState) -> None:
    """Attach the pages' state to ``app``, and add the filters of the templates."""
    app.extensions[_KEY] = state
    app.jinja_env.filters["ago"] = ago
    app.jinja_env.filters["insecure_agents"] = insecure_agents_text
    app.jinja_env.filters["first_upper"] = _first_upper
    app.jinja_env.filters["insecure"] = insecure_text
    app.jinja_env.globals["now_ms"] = now_ms
    app.jinja_env.globals["may_change"] = is_allowed_to_change
    app.jinja_env.globals["is_master_gone"] = lambda: master_fault() is not None
    # For macros too, which do not see the values of a page.
    app.jinja_env.globals["root"] = LocalProxy(lambda: request.script_root)
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True


def now_ms() -> int:
    """Wall-clock milliseconds. Needs a request context."""
    return int(page_state().clock.wall() * 1000)


def ago(at_ms: int) -> Timestamp | None:
    """A time with its age, None for 0. Needs a request context."""
    return timestamp(at_ms, now_ms())


def is_from_htmx() -> bool:
    """Whether htmx sent the request and expects a part of a page. Needs a request context."""
    return request.headers.get("HX-Request") == "true"


def render_page(
    template: str, status: int = HTTPStatus.OK, *, section: str = "", poll_seconds: int = POLL_SECONDS, **values: Any
) -> Response:
    """Render a page. ``section`` is its entry in the navigation. Needs a request context."""
    layout = "page.html"
    if is_from_htmx():
        layout = "dialog.html" if request.headers.get("HX-Target") == DIALOG else "part.html"
    fault = master_fault() if current_principal().role else None  # it names addresses
    text = render_template(
        template,
        layout=layout,
        section=section,
        poll_seconds=poll_seconds,
        here=_here(),
        master_fault=fault,
        last_known=ago(last_known_ms()) if fault else None,
        version=__version__,
        insecure=is_insecure(),
        exposure=_exposure(),
        who=current_principal(),
        is_open_to_others=_is_open_to_others(),
        **values,
    )
    return make_response(text, status)


def _here() -> str:
    """The page's own address, for its links, without what was sent as a secret: others may see the page."""
    kept = [(name, value) for name, value in request.args.items(multi=True) if not is_secret_name(name)]
    if len(kept) == len(list(request.args.items(multi=True))):
        return request.full_path.rstrip("?")
    return f"{request.path}?{urlencode(kept)}".rstrip("?")


def _first_upper(text: str) -> str:
    """A sentence that begins with a capital letter; the rest stays, as the word TLS does."""
    return text[:1].upper() + text[1:]


def _exposure() -> Exposure | None:
    """What is open; None for whoever may not read the grid, and while that can't be read."""
    if not current_principal().role:
        return None
    try:
        return exposure(page_state().insecure_agents.get(lambda: registry().insecure_agents()))
    except GridError:
        return None


def _is_open_to_others() -> bool:
    """Whether everyone who reaches this admin may change the grid; one that is insecure says so already."""
    return access().guard.settings.is_exposed and not is_insecure() and current_principal().kind is PrincipalKind.LOCAL


def page_state() -> PageState:
    """The state that all pages share. Needs a request context."""
    state: PageState = current_app.extensions[_KEY]
    return state
