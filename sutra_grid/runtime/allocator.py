"""Makes the C library return freed memory to the system early.

glibc creates up to eight heaps per CPU for a process with many threads and returns little of their memory,
so memory of ended calls stays in the process. With two heaps, and large pieces returned at once, its size
stays near what it uses. Other C libraries have no such settings.
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
    """Set it for this process, before it starts threads. False where the C library has no such settings."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):
        return False
    settings = {
        _M_ARENA_MAX: _ARENAS,
        _M_TRIM_THRESHOLD: _GIVEN_BACK_BYTES,
        _M_MMAP_THRESHOLD: _GIVEN_BACK_BYTES,
    }
    results = [mallopt(name, value) for name, value in settings.items()]
    return results == [1] * len(settings)
