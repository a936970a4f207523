"""What all confirmation forms share: the idempotency key, the redirect after success, and the failure text."""

from __future__ import annotations

import uuid
from typing import Final

from flask import Response, flash, make_response, redirect, request

from sutra_grid.admin.http.proxies import at_root
from sutra_grid.admin.pages.renderer import is_from_htmx
from sutra_grid.client.error_groups import ErrorGroup
from sutra_grid.core.errors import DeadlineExceeded, GridError, Unavailable

MAX_FLASH_CHARACTERS: Final = 1500  # the message is stored in a cookie


def form_key() -> str:
    """The form's idempotency key: a form sent twice takes effect once. Needs a request context."""
    return request.form.get("key", "")[:100] or new_key()


def new_key() -> str:
    """An idempotency key for a form that is shown."""
    return str(uuid.uuid4())


def retry_key(error: GridError, key: str) -> str:
    """The key for a retry: the same key when the outcome is unknown, otherwise a new one."""
    return key if isinstance(error, (Unavailable, DeadlineExceeded)) else new_key()


def failure_text(error: GridError) -> str:
    """The message of an error and its hint, for a form that is shown again."""
    return error.message + (f"\nWhat to do: {error.hint}" if error.hint else "")


def group_text(group: ErrorGroup) -> str:
    """Equal errors as one failure of a form: how many, of which nodes, and why."""
    return failure_text(group.error) if len(group.names) == 1 else f"{group.count_text()}: {failure_text(group.error)}"


def redirect_with_message(path: str, message: str) -> Response:
    """Redirect to the page ``path``, which shows ``message``; htmx gets a header instead. Needs a request context."""
    url = at_root(path)
    flash(message[:MAX_FLASH_CHARACTERS], "good")
    if is_from_htmx():
        response = make_response("")
        response.headers["HX-Redirect"] = url
        return response
    return make_response(redirect(url, code=303))
