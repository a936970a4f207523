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


def test_every_other_error_keeps_the_reason_that_the_caller_gives() -> None:
    with pytest.raises(FailedPrecondition) as caught, os_errors_as("x can't be made", Reason.PATH_NOT_WRITABLE):
        raise PermissionError(errno.EACCES, "Permission denied")
    assert caught.value.reason is Reason.PATH_NOT_WRITABLE
    assert caught.value.hint
