"""Errors as problem+json (RFC 9457). Holds the one table of codes and HTTP statuses."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final

from flask import Flask, Response, json, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed

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
    errors.Unavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.DeadlineExceeded: HTTPStatus.GATEWAY_TIMEOUT,
    errors.Unimplemented: HTTPStatus.NOT_IMPLEMENTED,
    errors.Internal: HTTPStatus.INTERNAL_SERVER_ERROR,
}

# Where one code means two things to an HTTP client.
REASON_STATUSES: Final[dict[Reason, HTTPStatus]] = {
    # draft-ietf-httpapi-idempotency-key-header: the key came before with another request.
    Reason.REQUEST_ID_REUSED: HTTPStatus.UNPROCESSABLE_ENTITY,
    # A full grid stays full when the client just waits, which 429 would ask of it.
    Reason.SLOTS_FULL: HTTPStatus.CONFLICT,
    Reason.NO_PORT_FREE: HTTPStatus.CONFLICT,
    Reason.DISK_FULL: HTTPStatus.CONFLICT,
}

TITLES: Final[dict[str, str]] = {
    "invalid_argument": "The request can't be carried out as it is",
    "not_found": "There is no such thing",
    "already_exists": "It belongs to something else",
    "failed_precondition": "Not while things are as they are",
    "resource_exhausted": "Nothing is left",
    "aborted": "Something newer came between",
    "permission_denied": "Not allowed",
    "unavailable": "A part that is needed does not answer now",
    "deadline_exceeded": "No outcome in time",
    "unimplemented": "This version does not have it",
    "internal": "A fault of the program",
}

# HTTP's own refusals in the grid's codes, each with the next step.
_OF_HTTP: Final[dict[int, tuple[type[GridError], Reason, str]]] = {
    400: (errors.InvalidArgument, Reason.INVALID_ARGUMENT, "Compare the request with the API's documentation"),
    404: (errors.NotFound, Reason.NONE, "GET / lists what there is"),
    405: (errors.Unimplemented, Reason.UNSUPPORTED, "The Allow header lists the methods of this resource"),
    408: (errors.DeadlineExceeded, Reason.TIMED_OUT, "Send the request again"),
    413: (errors.InvalidArgument, Reason.INVALID_ARGUMENT, "A body of this API has a few hundred bytes"),
    415: (errors.InvalidArgument, Reason.INVALID_ARGUMENT, "Send JSON: -H 'Content-Type: application/json'"),
}


def http_status(error: GridError) -> HTTPStatus:
    """The HTTP status of an error: that of its reason, else that of its code."""
    by_reason = REASON_STATUSES.get(error.reason)
    if by_reason is not None:
        return by_reason
    for cls in type(error).__mro__:
        if cls in STATUSES:
            return STATUSES[cls]
    return HTTPStatus.INTERNAL_SERVER_ERROR


def problem_document(error: GridError, instance: str, status: HTTPStatus | None = None) -> dict[str, Any]:
    """The error's members. ``instance`` is the path of the request that it is of."""
    return {
        "type": f"urn:sutra-grid:problem:{error.reason or error.code}",
        "title": status.phrase if status else TITLES[error.code],
        "status": int(status or http_status(error)),
        "detail": error.message,
        "code": error.code,
        "reason": error.reason.value,
        "hint": error.hint,
        "instance": instance,
    }


def problem_response(error: GridError, status: HTTPStatus | None = None) -> Response:
    """The answer for an error. ``status`` is that of HTTP's own refusals, and names them; else the table tells it."""
    code = status or http_status(error)
    document = problem_document(error, request.path, status)
    answer = Response(json.dumps(document) + "\n", status=int(code), content_type=CONTENT_TYPE)
    if code in (HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS):
        answer.headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return answer


def install(app: Flask) -> None:
    """Make every error of ``app`` a problem."""
    app.register_error_handler(GridError, problem_response)
    app.register_error_handler(HTTPException, _of_http_exception)
    app.register_error_handler(Exception, _of_fault)


def _of_http_exception(error: HTTPException) -> Any:
    status = HTTPStatus(error.code or 500)
    if status < HTTPStatus.BAD_REQUEST:
        return error  # a redirect
    cls, reason, hint = _OF_HTTP.get(status, (errors.by_code("internal"), Reason.INTERNAL, ""))
    answer = problem_response(cls(_words(error), reason=reason, hint=hint), status)
    if isinstance(error, MethodNotAllowed) and error.valid_methods:
        answer.headers["Allow"] = ", ".join(sorted(error.valid_methods))
    return answer


def _of_fault(error: Exception) -> Response:
    # The edge of a request: whatever was not foreseen is logged here and told to nobody else.
    log.exception("request failed", method=request.method, path=request.path, error=type(error).__name__)
    hint = "The admin's log says why; report it with that"
    return problem_response(errors.Internal(f"{request.method} {request.path} failed", hint=hint))


def _words(error: HTTPException) -> str:
    if error.code == HTTPStatus.NOT_FOUND:
        return f"there is nothing at {request.path}"
    if isinstance(error, MethodNotAllowed):
        return f"{request.path} does not take {request.method}"
    return error.description or error.name
