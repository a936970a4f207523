"""What the C library keeps of memory that a process has given back.

glibc makes up to eight heaps a CPU for a process with many threads and returns little of them:
the values of calls long ended stay in the process. Two heaps, and large pieces that go back
at once, keep its size near what it uses. Other C libraries have no such settings.
"""

from __future__ import annotations

import ctypes
from typing import Final

_M_TRIM_THRESHOLD: Final = -1  # malloc.h
_M_MMAP_THRESHOLD: Final = -3
_M_ARENA_MAX: Final = -8
_ARENAS: Final = 2
_GIVEN_BACK_BYTES: Final = 128 * 1024


def return_memory_early() -> bool:
    """Set it for this process, before it starts threads; false where the C library does not know it."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):
        return False
    wanted = {
        _M_ARENA_MAX: _ARENAS,
        _M_TRIM_THRESHOLD: _GIVEN_BACK_BYTES,
        _M_MMAP_THRESHOLD: _GIVEN_BACK_BYTES,
    }
    answers = [mallopt(name, value) for name, value in wanted.items()]
    return answers == [1] * len(wanted)
