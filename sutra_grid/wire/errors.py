"""Errors on the wire: ``GridError`` <-> gRPC status. Has the one table of both.

A status carries the whole error as an ``ErrorDetail``, so that a caller gets code, reason, message and
hint back. A client that does not know ``ErrorDetail`` still has the status code and the message.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Final, NoReturn, TypeVar, cast

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]  # it ships no stubs
from grpc_status import rpc_status

from sutra_grid.core import errors
from sutra_grid.core.errors import GridError
from sutra_grid.core.types import Reason
from sutra_grid.runtime.logging import get_logger
from sutra_grid.wire.enums import reason_or_none
from sutra_grid.wire.grid_pb2 import ErrorDetail
from sutra_grid.wire.text import shorten, utf8

log = get_logger(__name__)

MAX_MESSAGE_BYTES: Final = 1_200
"""Status and details travel in trailers, which peers limit to 8 KiB after escaping and base64."""

MAX_HINT_BYTES: Final = 600

STATUS_CODES: Final[dict[type[GridError], grpc.StatusCode]] = {
    errors.InvalidArgument: grpc.StatusCode.INVALID_ARGUMENT,
    errors.NotFound: grpc.StatusCode.NOT_FOUND,
    errors.AlreadyExists: grpc.StatusCode.ALREADY_EXISTS,
    errors.FailedPrecondition: grpc.StatusCode.FAILED_PRECONDITION,
    errors.ResourceExhausted: grpc.StatusCode.RESOURCE_EXHAUSTED,
    errors.Aborted: grpc.StatusCode.ABORTED,
    errors.PermissionDenied: grpc.StatusCode.PERMISSION_DENIED,
    errors.Unauthenticated: grpc.StatusCode.UNAUTHENTICATED,
    errors.Unavailable: grpc.StatusCode.UNAVAILABLE,
    errors.DeadlineExceeded: grpc.StatusCode.DEADLINE_EXCEEDED,
    errors.Unimplemented: grpc.StatusCode.UNIMPLEMENTED,
    errors.Internal: grpc.StatusCode.INTERNAL,
}

# For a status without an ``ErrorDetail``: from gRPC itself, a proxy, or another program.
_ERROR_CLASSES: Final[dict[grpc.StatusCode, type[GridError]]] = {
    **{status: cls for cls, status in STATUS_CODES.items()},
    grpc.StatusCode.CANCELLED: errors.Aborted,
    grpc.StatusCode.OUT_OF_RANGE: errors.InvalidArgument,
}

_REASONS: Final[dict[type[GridError], Reason]] = {
    errors.InvalidArgument: Reason.INVALID_ARGUMENT,
    errors.ResourceExhausted: Reason.OVERLOADED,
    errors.Unauthenticated: Reason.UNAUTHENTICATED,
    errors.Unavailable: Reason.NONE,
    errors.DeadlineExceeded: Reason.TIMED_OUT,
    errors.Unimplemented: Reason.UNSUPPORTED,
}

_HINTS: Final[dict[type[GridError], str]] = {
    errors.ResourceExhausted: "The server is busy; try again in a moment",
    errors.Unavailable: "Check that it runs, that the address is correct, and that no firewall blocks it",
    errors.DeadlineExceeded: "The outcome is unknown. Check it before you try again, or allow more time",
    errors.Unimplemented: "The server is older than this program; upgrade it",
}

Service = TypeVar("Service")
Request = TypeVar("Request")
Response = TypeVar("Response")


def status_code(error: GridError) -> grpc.StatusCode:
    """The gRPC status of an error; a subclass has the status of its parent."""
    for cls in type(error).__mro__:
        if cls in STATUS_CODES:
            return STATUS_CODES[cls]
    return grpc.StatusCode.INTERNAL


def error_detail(error: GridError) -> ErrorDetail:
    """The error as a message of the wire."""
    return ErrorDetail(code=error.code, reason=error.reason, message=utf8(error.message), hint=utf8(error.hint))


def from_detail(detail: ErrorDetail) -> GridError:
    """The inverse of ``error_detail``. A code of a newer version becomes ``Internal``."""
    cls = errors.by_code(detail.code)
    return cls(detail.message, reason=reason_or_none(detail.reason), hint=detail.hint)


def abort(context: grpc.ServicerContext, error: GridError) -> NoReturn:
    """End the call with the error's status. Texts are shortened to fit into trailers."""
    message, hint = shorten(error.message, MAX_MESSAGE_BYTES), shorten(error.hint, MAX_HINT_BYTES)
    packed = AnyMessage()
    packed.Pack(ErrorDetail(code=error.code, reason=error.reason, message=message, hint=hint))
    status = Status(code=status_code(error).value[0], message=message, details=[packed])
    context.abort_with_status(rpc_status.to_status(status))
    raise AssertionError("abort_with_status returned")  # it always raises; this tells the type checker


def from_rpc_error(error: grpc.RpcError, target: str = "") -> GridError:
    """The error of a failed call. ``target`` is the address that was called, for the message."""
    if not isinstance(error, grpc.Call):
        return errors.Internal(f"a call to {target or 'the server'} failed: {error}")
    detail = _detail(error)
    if detail is not None:
        return from_detail(detail)
    code = error.code()
    cls = _ERROR_CLASSES.get(code, errors.Internal)
    return cls(
        _plain_message(cls, code, error.details() or "", target),
        reason=_REASONS.get(cls, Reason.INTERNAL if cls is errors.Internal else Reason.NONE),
        hint=_HINTS.get(cls, ""),
    )


def is_answer(error: grpc.RpcError) -> bool:
    """Whether the failed call was answered by a server of the grid, rather than ended by gRPC or a lost connection."""
    if not isinstance(error, grpc.Call):
        return False
    try:
        return rpc_status.from_call(error) is not None
    except ValueError:  # details that contradict the status: from another program
        return False


def handle_errors(
    method: Callable[[Service, Request, grpc.ServicerContext], Response],
) -> Callable[[Service, Request, grpc.ServicerContext], Response]:
    """Decorate a method of a servicer: a ``GridError`` ends the call with its status.

    Any other exception is a bug: it is logged with its traceback, and the caller gets INTERNAL
    without details. A method's own ``context.abort`` passes unchanged.
    """

    @functools.wraps(method)
    def guarded(service: Service, request: Request, context: grpc.ServicerContext) -> Response:
        try:
            return method(service, request, context)
        except GridError as error:
            abort(context, error)
        except Exception:
            if cast(Any, context).code() is not None:  # the stubs lack it
                raise  # the bare exception by which context.abort leaves the method
            log.exception("call failed", method=method.__qualname__)
            abort(context, errors.Internal(f"{method.__name__} failed", hint="Check the server's log"))

    return guarded


def _detail(error: grpc.Call) -> ErrorDetail | None:
    try:
        status = rpc_status.from_call(error)
    except ValueError:
        return None  # details that contradict the status: from another program
    for packed in status.details if status is not None else ():
        detail = ErrorDetail()
        if packed.Is(ErrorDetail.DESCRIPTOR) and packed.Unpack(detail):
            return detail
    return None


def _plain_message(cls: type[GridError], code: grpc.StatusCode, details: str, target: str) -> str:
    who = target or "the server"
    if cls is errors.Unavailable:
        return f"{who} can't be reached: {details}"
    if cls is errors.DeadlineExceeded:
        return f"{who} did not answer in time"
    return f"{who} answered {code.name}: {details}"
