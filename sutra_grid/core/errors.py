"""The one error tree: each error has a code, an enumerated reason, a message and a hint.

The message names the thing and what was found; the hint says what to do next. Tables
elsewhere map the code: ``wire.errors`` to a gRPC status, ``admin.http.problems`` to an HTTP
status, ``cli.exit_codes`` to an exit code.
"""

from __future__ import annotations

from typing import ClassVar

from sutra_grid.core.types import Reason


class GridError(Exception):
    """Base of all errors that a caller is meant to read.

    ``code`` belongs to the class and decides how the error travels; ``reason`` is
    the enumerated cause.
    """

    code: ClassVar[str] = "internal"

    def __init__(self, message: str, *, reason: Reason = Reason.INTERNAL, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.reason = reason
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}. {self.hint}" if self.hint else self.message


class InvalidArgument(GridError):
    """The request can never succeed as it is."""

    code = "invalid_argument"


class NotFound(GridError):
    """There is no such agent, node or file."""

    code = "not_found"


class AlreadyExists(GridError):
    """The name, port or path belongs to something else."""

    code = "already_exists"


class FailedPrecondition(GridError):
    """Right as a request, but not while things are as they are."""

    code = "failed_precondition"


class ResourceExhausted(GridError):
    """No slot, port, disk or worker is left."""

    code = "resource_exhausted"


class Aborted(GridError):
    """Something newer came between; read again and decide again."""

    code = "aborted"


class PermissionDenied(GridError):
    """The caller may not do this."""

    code = "permission_denied"


class Unavailable(GridError):
    """A part that is needed does not answer now; the same call may work later."""

    code = "unavailable"


class DeadlineExceeded(GridError):
    """No outcome in time; it may still come."""

    code = "deadline_exceeded"


class Unimplemented(GridError):
    """This version does not have it."""

    code = "unimplemented"


class Internal(GridError):
    """A fault of the program itself."""

    code = "internal"


def by_code(code: str) -> type[GridError]:
    """The class that carries ``code``; ``Internal`` for a code of a newer version."""
    for cls in GridError.__subclasses__():
        if cls.code == code:
            return cls
    return Internal
