"""The one table from an error's code to the exit code of the command line."""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from sutra_grid.core.errors import GridError


class ExitCode(IntEnum):
    """The exit codes; scripts read them from ``$?``."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    NOT_FOUND = 3
    UNREACHABLE = 4
    DENIED = 5
    INTERRUPTED = 130  # 128 + SIGINT, as shells report it
    BROKEN_PIPE = 141  # 128 + SIGPIPE


EXIT_CODES: Final[dict[str, ExitCode]] = {
    "invalid_argument": ExitCode.USAGE,
    "not_found": ExitCode.NOT_FOUND,
    "already_exists": ExitCode.FAILED,
    "failed_precondition": ExitCode.FAILED,
    "resource_exhausted": ExitCode.FAILED,
    "aborted": ExitCode.FAILED,
    "permission_denied": ExitCode.DENIED,
    "unauthenticated": ExitCode.DENIED,
    "unavailable": ExitCode.UNREACHABLE,
    "deadline_exceeded": ExitCode.UNREACHABLE,
    "unimplemented": ExitCode.FAILED,
    "internal": ExitCode.FAILED,
}


def exit_code(error: GridError) -> ExitCode:
    """The exit code of ``error``; a code of a newer version counts as failed."""
    return EXIT_CODES.get(error.code, ExitCode.FAILED)
