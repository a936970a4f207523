"""The files of one SQLite database, their directory, and who may read them.

The registry holds hashes of passwords, so other users of the host get no access. SQLite gives the files beside it the
mode of the main file.
"""

from __future__ import annotations

import os
import shlex
import stat
from contextlib import suppress
from pathlib import Path
from typing import Final

from sutra_grid.runtime.logging import get_logger

log = get_logger(__name__)

#: Suffixes of the files beside the main file while it is in use: the write-ahead log and its index.
BESIDE = ("-wal", "-shm")
MODE: Final = 0o600


def beside(file: Path, suffix: str) -> Path:
    """The file with ``suffix`` appended to its name."""
    return file.with_name(file.name + suffix)


def make_private(file: Path) -> None:
    """Make an empty file that only its owner may open. Raises ``OSError``."""
    os.close(os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, MODE))


def close_to_others(file: Path) -> None:
    """Take the access of other users from a database that has it: by a wide umask, ``cp`` or an earlier version.

    The owner's and the group's stay, so that a group that an administrator has given access keeps it. Logs what it
    changed, and what it can't change because another user owns the file.
    """
    for path in (file, *(beside(file, suffix) for suffix in BESIDE)):
        with suppress(FileNotFoundError):
            _close_one(path)


def _close_one(path: Path) -> None:
    mode = stat.S_IMODE(path.stat().st_mode)
    if not mode & stat.S_IRWXO:
        return
    try:
        path.chmod(mode & ~stat.S_IRWXO)
    except FileNotFoundError:
        raise
    except OSError as error:
        command = f"chmod o= {shlex.quote(str(path))}"
        log.warning("other users of this host may open the registry", file=path, why=error.strerror, remedy=command)
    else:
        log.info("other users can't open the registry any more", file=path, mode=f"{mode & ~stat.S_IRWXO:04o}")
