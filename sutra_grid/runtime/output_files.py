"""The files that standard output and standard error of this process go to, and opening them again by their names.

A daemon's log is the file that its init script appended it to. After logrotate renamed that file, the process still
writes to it; only the process itself can open the name again.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from typing import Final, Self

_DESCRIPTORS: Final = (1, 2)
_DELETED: Final = " (deleted)"


@dataclass(frozen=True, slots=True)
class OutputFiles:
    """The paths of the descriptors 1 and 2, for those that are regular files."""

    paths: tuple[tuple[int, str], ...]

    @classmethod
    def of_this_process(cls) -> Self:
        """As they are now. Call it at the start, while the names are those that an operator chose."""
        return cls(tuple((number, path) for number in _DESCRIPTORS if (path := _path_of(number))))

    def reopen(self) -> list[str]:
        """Open each path again and write there from now on. Returns the paths. Any thread.

        Raises ``OSError``, with the former file still in use, when a path can't be opened.
        """
        for number, path in self.paths:
            descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)
            try:
                os.dup2(descriptor, number)  # inheritable, as standard output and error are
            finally:
                os.close(descriptor)
        return sorted({path for _, path in self.paths})


def _path_of(number: int) -> str:
    """The absolute path of an open regular file; empty when it is no such file, or its name is gone already."""
    try:
        status = os.fstat(number)
        target = os.readlink(f"/proc/self/fd/{number}")
    except OSError:
        return ""
    if not stat.S_ISREG(status.st_mode) or (status.st_nlink == 0 and target.endswith(_DELETED)):
        return ""
    return target
