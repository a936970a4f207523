"""Hashes of passwords: Werkzeug's scrypt. One check takes about 0.1 s of a CPU and 32 MiB, so few run at a time."""

from __future__ import annotations

import threading
from functools import cache
from typing import Final

from sutra_grid.core.errors import ResourceExhausted
from sutra_grid.core.types import Reason

METHOD: Final = "scrypt:32768:8:1"
"""Named here, so that a newer Werkzeug does not change what the dummy hash costs. Each stored hash has its own."""
AT_ONCE: Final = 2
"""Of one process: 64 MiB at most, whoever asks."""
WAIT_SECONDS: Final = 5.0

_turns = threading.BoundedSemaphore(AT_ONCE)


def hash_password(password: str) -> str:
    """What is stored of a password. Raises ``ResourceExhausted`` when too many wait."""
    from werkzeug.security import generate_password_hash

    with _Turn():
        return generate_password_hash(password, METHOD)


def is_password(password_hash: str | None, password: str) -> bool:
    """Whether it is the password of the hash. None, of a user who does not exist, takes as long and is False.

    Raises ``ResourceExhausted`` when too many wait.
    """
    from werkzeug.security import check_password_hash

    with _Turn():
        is_right = check_password_hash(password_hash or _nobodys_hash(), password)
    return is_right and password_hash is not None


class _Turn:
    """The right to hash, for which a thread waits a short while."""

    def __enter__(self) -> None:
        if not _turns.acquire(timeout=WAIT_SECONDS):
            raise ResourceExhausted(
                "too many logins at once", reason=Reason.OVERLOADED, hint="Try again in some seconds"
            )

    def __exit__(self, *_: object) -> None:
        _turns.release()


@cache
def _nobodys_hash() -> str:
    from werkzeug.security import generate_password_hash

    return generate_password_hash("nobody", METHOD)
