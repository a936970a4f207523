"""The table of error codes and HTTP statuses, and errors as problem+json (RFC 9457)."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Final

from flask import Flask, Response, json, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from sutra_grid.admin.http.proxies import at_root
from sutra_grid.core import errors
from sutra_grid.core.errors import GridError
from sutra_grid.core.types import Reason
from sutra_grid.runtime.logging import get_logger

log = get_logger(__name__)

CONTENT_TYPE: Final = "application/problem+json"
RETRY_AFTER_SECONDS: Final = 2

STATUSES: Final[dict[type[GridError], HTTPStatus]] = {
    errors.InvalidArgument: HTTPStatus.BAD_REQUEST,
    errors.NotFound: HTTPStatus.NOT_FOUND,
    errors.AlreadyExists: HTTPStatus.CONFLICT,
    errors.FailedPrecondition: HTTPStatus.CONFLICT,
    errors.ResourceExhausted: HTTPStatus.TOO_MANY_REQUESTS,
    errors.Aborted: HTTPStatus.CONFLICT,
    errors.PermissionDenied: HTTPStatus.FORBIDDEN,
    errors.Unauthenticated: HTTPStatus.UNAUTHORIZED,
    errors.Unavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.DeadlineExceeded: HTTPStatus.GATEWAY_TIMEOUT,
    errors.Unimplemented: HTTPStatus.NOT_IMPLEMENTED,
    errors.Internal: HTTPStatus.INTERNAL_SERVER_ERROR,
}

# Reasons that need another status than their code.
REASON_STATUSES: Final[dict[Reason, HTTPStatus]] = {
    # As draft-ietf-httpapi-idempotency-key-header requires for a key that was used with another request.
    Reason.REQUEST_ID_REUSED: HTTPStatus.UNPROCESSABLE_ENTITY,
    # 429 asks the client to wait and retry, which does not free a slot, a port or disk space.
    Reason.SLOTS_FULL: HTTPStatus.CONFLICT,
    Reason.NO_PORT_FREE: HTTPStatus.CONFLICT,
    Reason.DISK_FULL: HTTPStatus.CONFLICT,
    Reason.LIMIT_REACHED: HTTPStatus.CONFLICT,
}

TITLES: Final[dict[str, str]] = {
    "invalid_argument": "Invalid request",
    "not_found": "Not found",
    "already_exists": "Already exists",
    "failed_precondition": "Conflict with the current state",
    "resource_exhausted": "Limit reached",
    "aborted": "Superseded by a newer change",
    "permission_denied": "Permission denied",
    "unauthenticated": "Login required",
    "unavailable": "Temporarily unavailable",
    "deadline_exceeded": "Timed out",
    "unimplemented": "Not supported",
    "internal": "Internal error",
}

# Errors of the HTTP layer: code, reason and hint by status.
_HTTP_ERRORS: Final[dict[int, tuple[type[GridError], Reason, str]]] = {
    400: (errors.InvalidArgument, Reason.INVALID_ARGUMENT, "See GET /docs for the parameters of this request"),
    404: (errors.NotFound, Reason.NONE, "GET / lists the available resources"),
    405: (errors.Unimplemented, Reason.UNSUPPORTED, "Use a method from the Allow header"),
    408: (errors.DeadlineExceeded, Reason.TIMED_OUT, "Send the request again"),
    413: (errors.InvalidArgument, Reason.INVALID_ARGUMENT, "Send a smaller body: the limit is 64 KiB"),
    415: (errors.InvalidArgument, Reason.INVALID_ARGUMENT, "Send JSON: -H 'Content-Type: application/json'"),
}


def http_status(error: GridError) -> HTTPStatus:
    """The HTTP status of an error, by its reason or else by its code."""
    by_reason = REASON_STATUSES.get(error.reason)
    if by_reason is not None:
        return by_reason
    for cls in type(error).__mro__:
        if cls in STATUSES:
            return STATUSES[cls]
    return HTTPStatus.INTERNAL_SERVER_ERROR


def problem_document(error: GridError, instance: str, status: HTTPStatus | None = None) -> dict[str, Any]:
    """The problem document of an error. ``instance`` is the path of the request."""
    return {
        "type": f"urn:sutra-grid:problem:{error.reason or error.code}",
        "title": title_of(status) if status else TITLES[error.code],
        "status": int(status or http_status(error)),
        "detail": error.message,
        "code": error.code,
        "reason": error.reason.value,
        "hint": error.hint,
        "instance": instance,
    }


def title_of(status: HTTPStatus) -> str:
    """The phrase of an error of the HTTP layer, written as ``TITLES`` are: ``Not found``."""
    first, *others = status.phrase.split(" ")
    return " ".join([first, *(word.lower() for word in others)])


def problem_response(error: GridError, status: HTTPStatus | None = None) -> Response:
    """The problem document of an error. ``status`` overrides status and title for errors of the HTTP layer."""
    document = problem_document(error, at_root(request.path), status)
    return Response(json.dumps(document) + "\n", status=int(status or http_status(error)), content_type=CONTENT_TYPE)


#: Makes the response for an error; an error of the HTTP layer comes with its status.
Respond = Callable[[GridError, HTTPStatus | None], Response]


def install(app: Flask, respond: Respond = problem_response) -> None:
    """Answer every error of ``app`` with ``respond``."""

    def handle_grid_error(error: GridError) -> Response:
        return _add_retry_after(respond(error, None))

    def handle_http_exception(error: HTTPException) -> Any:
        status = HTTPStatus(error.code or 500)
        if status < HTTPStatus.BAD_REQUEST:
            return error  # a redirect
        response = _add_retry_after(respond(_grid_error(error, status), status))
        if isinstance(error, MethodNotAllowed) and error.valid_methods:
            response.headers["Allow"] = ", ".join(sorted(error.valid_methods))
        return response

    def handle_unexpected_error(error: Exception) -> Response:
        # The details go to the log only: they may contain secrets.
        log.exception("request failed", method=request.method, path=request.path, error=type(error).__name__)
        hint = "See the admin's log for the cause, and report it as a bug"
        return respond(errors.Internal(f"{request.method} {request.path} failed", hint=hint), None)

    app.register_error_handler(GridError, handle_grid_error)
    app.register_error_handler(HTTPException, handle_http_exception)
    app.register_error_handler(Exception, handle_unexpected_error)


def _grid_error(error: HTTPException, status: HTTPStatus) -> GridError:
    cls, reason, hint = _HTTP_ERRORS.get(status, (errors.by_code("internal"), Reason.INTERNAL, ""))
    return cls(_detail(error), reason=reason, hint=hint)


def _add_retry_after(response: Response) -> Response:
    if response.status_code in (HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS):
        response.headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return response


def _detail(error: HTTPException) -> str:
    if error.code == HTTPStatus.NOT_FOUND:
        return f"{at_root(request.path)} does not exist"
    if isinstance(error, MethodNotAllowed):
        return f"{at_root(request.path)} does not support {request.method}"
    return error.description or error.name
