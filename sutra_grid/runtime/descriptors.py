"""File descriptors: how many this process may have, and whether some are free now."""

from __future__ import annotations

import contextlib
import os
import resource
from typing import Final

from sutra_grid.runtime.logging import get_logger

MAX_RAISED: Final = 65_536
"""A daemon raises its soft limit up to this. Some programs that it starts walk through all numbers below theirs."""

log = get_logger(__name__)


def raise_descriptor_limit(most: int = MAX_RAISED) -> int:
    """Raise this process's soft limit to its hard one, at most to ``most``. Returns the limit that holds now.

    A limit that is higher already stays. Programs that are started later inherit it.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return most
    wanted = most if hard == resource.RLIM_INFINITY else min(hard, most)
    if wanted <= soft:
        return soft
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    except (OSError, ValueError) as error:  # a sandbox may forbid it
        log.warning("the limit of open files can't be raised", limit=soft, wanted=wanted, error=str(error))
        return soft
    return wanted


def descriptor_limit() -> int:
    """The most files that this process may have open now."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MAX_RAISED if soft == resource.RLIM_INFINITY else soft


def descriptors_free(number: int) -> bool:
    """Whether this process could open ``number`` more files now. Takes them for a moment to find out."""
    with contextlib.ExitStack() as taken:
        try:
            for _ in range(number):
                taken.callback(os.close, os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC))
        except OSError:
            return False
    return True
