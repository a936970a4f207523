"""The table from errors to exit codes."""

import pytest

from sutra_grid.cli.exit_codes import EXIT_CODES, ExitCode, exit_code
from sutra_grid.core.errors import GridError, NotFound, PermissionDenied, Unavailable


def test_every_code_of_the_error_tree_has_an_exit_code() -> None:
    assert set(EXIT_CODES) == {cls.code for cls in GridError.__subclasses__()}


@pytest.mark.parametrize(
    ("error", "code"),
    [(NotFound("x"), 3), (Unavailable("x"), 4), (PermissionDenied("x"), 5), (GridError("x"), 1)],
)
def test_an_error_ends_with_the_code_of_its_kind(error: GridError, code: int) -> None:
    assert exit_code(error) == code


def test_a_code_of_a_newer_version_counts_as_failed() -> None:
    class Newer(GridError):
        code = "newer"

    assert exit_code(Newer("x")) is ExitCode.FAILED
