"""The one error tree: each error has a code, an enumerated reason, a message and a hint.

The message names the object and what was found; the hint says what to do next. Tables
elsewhere map the code: ``wire.errors`` to a gRPC status, ``admin.http.problems`` to an HTTP
status, ``cli.exit_codes`` to an exit code.
"""

from __future__ import annotations

from typing import ClassVar

from sutra_grid.core.types import Reason


class GridError(Exception):
    """Base of all errors that are shown to a caller.

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
    """The agent, node or file does not exist."""

    code = "not_found"


class AlreadyExists(GridError):
    """The name, port or path is in use by something else."""

    code = "already_exists"


class FailedPrecondition(GridError):
    """The request is valid, and conflicts with the current state."""

    code = "failed_precondition"


class ResourceExhausted(GridError):
    """No slot, port, disk space or worker is free."""

    code = "resource_exhausted"


class Aborted(GridError):
    """A newer change came first; read the state again and decide again."""

    code = "aborted"


class PermissionDenied(GridError):
    """The caller is not allowed to do this."""

    code = "permission_denied"


class Unauthenticated(GridError):
    """The caller is not known: no certificate, token or login, or one that does not count any more."""

    code = "unauthenticated"


class Unavailable(GridError):
    """A required part does not answer now; the same call may succeed later."""

    code = "unavailable"


class DeadlineExceeded(GridError):
    """There was no outcome in time; the change may still happen."""

    code = "deadline_exceeded"


class Unimplemented(GridError):
    """This version does not support it."""

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
