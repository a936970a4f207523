"""``/ui/login`` and ``/ui/logout``."""

from __future__ import annotations

import math
from http import HTTPStatus
from typing import Final

from flask import Response, flash, make_response, redirect, request, session

from sutra_grid.admin.access.guard import LOGIN_PATH, current_principal
from sutra_grid.admin.access.refusals import LOGIN_FAILED, TOO_MANY_LOGINS
from sutra_grid.admin.http.proxies import at_root
from sutra_grid.admin.pages.blueprint import blueprint
from sutra_grid.admin.pages.renderer import render_page
from sutra_grid.admin.services import access, clock, registry
from sutra_grid.core.access.login import safe_next
from sutra_grid.core.access.users import MAX_PASSWORD_BYTES, User, is_user_name
from sutra_grid.registry import Registry
from sutra_grid.runtime.logging import get_logger
from sutra_grid.runtime.passwords import is_password

log = get_logger(__name__)

WRONG: Final = "The name or the password is wrong."
"""The same words, after the same time, for a user who does not exist."""


@blueprint.get("/login")
def show_login() -> Response:
    """Show the form, or go on when there is nothing to log in to."""
    following = safe_next(request.args.get("next", ""))
    if current_principal().role is not None:
        return make_response(redirect(at_root(following), HTTPStatus.SEE_OTHER))
    return _form(following)


@blueprint.post("/login")
def log_in() -> Response:
    """Check name and password, and begin a session."""
    name, password = request.form.get("name", "").strip(), request.form.get("password", "")
    following, address = safe_next(request.form.get("next", "")), request.remote_addr or ""
    now, attempts = clock().monotonic(), access().attempts
    wait = attempts.wait_seconds(name, address, now)
    if wait > 0:
        access().guard.refusals.count(TOO_MANY_LOGINS, address, "too many failed logins")
        return _too_many(following, name, math.ceil(wait))
    rows = registry()
    user = _checked(rows, name, password)
    if user is None:
        attempts.failed(name, address, now)
        access().guard.refusals.count(LOGIN_FAILED, address, "wrong name or password")
        return _form(following, name, WRONG, HTTPStatus.UNAUTHORIZED)
    session.clear()  # forms that were open before the login do not count after it
    response = make_response(redirect(at_root(following), HTTPStatus.SEE_OTHER))
    access().guard.sessions.begin(rows, user, response)
    log.info("user logged in", user=user.name, role=user.role, address=address)
    return response


@blueprint.post("/logout")
def log_out() -> Response:
    """End the session, here and wherever else its cookie is."""
    principal = current_principal()
    session.clear()
    flash("You are logged out.", "good")
    response = make_response(redirect(at_root(LOGIN_PATH), HTTPStatus.SEE_OTHER))
    access().guard.sessions.end(registry(), response)
    log.info("user logged out", user=principal.name, address=principal.address)
    return response


def _checked(rows: Registry, name: str, password: str) -> User | None:
    """The user, when the password is right. Takes as long for a name that nobody has."""
    user = rows.user(name) if is_user_name(name) else None
    is_short_enough = len(password.encode("utf-8", "surrogatepass")) <= MAX_PASSWORD_BYTES
    is_right = is_password(user.password_hash if user else None, password if is_short_enough else "")
    return user if user is not None and is_right and is_short_enough else None


def _too_many(following: str, name: str, wait_seconds: int) -> Response:
    message = f"Too many logins have failed. Try again in {wait_seconds} s."
    response = _form(following, name, message, HTTPStatus.TOO_MANY_REQUESTS)
    response.headers["Retry-After"] = str(wait_seconds)
    return response


def _form(following: str, name: str = "", failure: str = "", status: int = HTTPStatus.OK) -> Response:
    return render_page(
        "login.html",
        status,
        poll_seconds=0,
        next_path=following,
        name=name[:64],
        failure=failure,
        is_encrypted=request.is_secure,
        is_exposed=access().guard.settings.is_exposed,
    )
