"""What all confirmations have in common: the form's key, going on after success, and telling a failure."""

from __future__ import annotations

import uuid
from typing import Final

from flask import Response, flash, make_response, redirect, request

from sutra_grid.admin.pages.renderer import is_from_htmx
from sutra_grid.core.errors import DeadlineExceeded, GridError, Unavailable

MAX_FLASH_CHARACTERS: Final = 1500  # what is flashed travels in a cookie


def form_key() -> str:
    """The form's idempotency key: a form that is sent twice commands once. Within a request."""
    return request.form.get("key", "")[:100] or new_key()


def new_key() -> str:
    """An idempotency key for a form that is shown."""
    return str(uuid.uuid4())


def retry_key(error: GridError, key: str) -> str:
    """The idempotency key for another try: the same where the outcome is not known, else a new one."""
    return key if isinstance(error, (Unavailable, DeadlineExceeded)) else new_key()


def redirect_with_message(url: str, words: str) -> Response:
    """Show ``url`` with what was done: by a redirect, or by telling htmx where to go. Within a request."""
    flash(words[:MAX_FLASH_CHARACTERS], "good")
    if is_from_htmx():
        answer = make_response("")
        answer.headers["HX-Redirect"] = url
        return answer
    return make_response(redirect(url, code=303))
