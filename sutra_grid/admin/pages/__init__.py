"""The web pages under ``/ui/``: one module per page. ``models`` prepares the values that the templates show."""

from __future__ import annotations

import secrets

from flask import Flask
from flask_wtf.csrf import CSRFError

from sutra_grid.admin.pages import (
    agent,
    agent_commands,
    agents,
    events,
    login,
    node,
    node_commands,
    node_log,
    nodes,
    overview,
    rolling_restarts,
    search,
    spawn,
)
from sutra_grid.admin.pages.blueprint import blueprint, csrf
from sutra_grid.admin.pages.cookies import SiteSession
from sutra_grid.admin.pages.errors import respond_to_expired_form
from sutra_grid.admin.pages.renderer import PageState, install_page_state
from sutra_grid.runtime.clock import Clock

PAGES = (
    overview,
    agents,
    agent,
    agent_commands,
    nodes,
    node,
    node_log,
    node_commands,
    rolling_restarts,
    spawn,
    events,
    search,
    login,
)
"""The modules that register views on the blueprint."""


def install(app: Flask, clock: Clock, secret_key: str) -> None:
    """Add the pages to ``app``."""
    app.secret_key = secret_key or secrets.token_hex(32)
    app.config.update(
        SESSION_COOKIE_NAME="sutra-grid",
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_HTTPONLY=True,
        WTF_CSRF_SSL_STRICT=False,  # would need a Referer; admin.http.origins compares sites for every request
        WTF_CSRF_CHECK_DEFAULT=False,  # only pages need it: programs send no cookie
        WTF_CSRF_TIME_LIMIT=None,  # pages stay open on a screen for days
    )
    app.session_interface = SiteSession()
    csrf.init_app(app)
    install_page_state(app, PageState(clock))
    app.register_error_handler(CSRFError, respond_to_expired_form)
    app.register_blueprint(blueprint)
