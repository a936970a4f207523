import errno

import pytest

from sutra_grid.agent.os_errors import from_os_error, os_errors_as
from sutra_grid.core.errors import FailedPrecondition, ResourceExhausted
from sutra_grid.core.types import Reason


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_has_a_reason_of_its_own(number: int) -> None:
    error = from_os_error("the file x can't be written", OSError(number, "full"), Reason.PATH_NOT_WRITABLE)
    assert isinstance(error, ResourceExhausted)
    assert error.reason is Reason.DISK_FULL


@pytest.mark.parametrize(
    ("number", "words"),
    [(errno.EMFILE, "open files"), (errno.ENFILE, "host"), (errno.EAGAIN, "processes"), (errno.ENOMEM, "memory")],
)
def test_a_shortage_names_the_limit_and_not_the_path(number: int, words: str) -> None:
    error = from_os_error("x can't be started", OSError(number, "short"), Reason.START_FAILED)
    assert error.reason is Reason.LIMIT_REACHED
    assert words in error.message
    assert "path" not in error.hint


def test_every_other_error_keeps_the_reason_that_the_caller_gives() -> None:
    with pytest.raises(FailedPrecondition) as caught, os_errors_as("x can't be made", Reason.PATH_NOT_WRITABLE):
        raise PermissionError(errno.EACCES, "Permission denied")
    assert caught.value.reason is Reason.PATH_NOT_WRITABLE
    assert caught.value.hint
