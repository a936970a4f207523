"""Which file systems are mounted where, as the kernel and ``/etc/fstab`` say."""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path
from typing import Final

_MOUNTS: Final = Path("/proc/self/mountinfo")
_FSTAB: Final = Path("/etc/fstab")
_ESCAPE: Final = re.compile(r"\\([0-7]{3})")
_NOT_A_DISK: Final = "autofs"  # stands at the mount point until the real file system is mounted


def is_mounted(path: Path, mounts: Path = _MOUNTS) -> bool:
    """Whether a file system is mounted at exactly ``path``. Triggers an automount there. Raises ``OSError``.

    The kernel's list is read, and not the device of the directory: a bind mount may be of the same device.
    """
    with contextlib.suppress(OSError):
        os.scandir(path).close()
    wanted = os.path.realpath(path)
    kinds = [kind for point, kind in _mounts(mounts.read_text(errors="surrogateescape")) if point == wanted]
    return bool(kinds) and kinds[-1] != _NOT_A_DISK


def missing_mount(path: Path, fstab: Path = _FSTAB, mounts: Path = _MOUNTS) -> Path | None:
    """The mount point at or above ``path`` that fstab lists and where nothing is mounted. None: there is none.

    Entries with ``noauto`` do not count: nobody expects them to be mounted.
    """
    try:
        listed = _fstab_points(fstab.read_text(errors="surrogateescape"))
        for point in listed:
            if (point == path or point in path.parents) and point != Path("/") and not is_mounted(point, mounts):
                return point
    except OSError:
        return None
    return None


def _mounts(text: str) -> list[tuple[str, str]]:
    """Mount points with the kind of their file system, in the order of mounting; proc(5), ``mountinfo``."""
    found = []
    for line in text.splitlines():
        before, dash, after = line.partition(" - ")
        words = before.split(" ")
        if dash and len(words) > 4:
            found.append((_unescaped(words[4]), after.split(" ")[0]))
    return found


def _fstab_points(text: str) -> list[Path]:
    points = []
    for line in text.splitlines():
        words = line.split()
        if len(words) < 4 or words[0].startswith("#"):
            continue
        point, options = _unescaped(words[1]), words[3].split(",")
        if point.startswith("/") and "noauto" not in options:
            points.append(Path(point))
    return points


def _unescaped(word: str) -> str:
    return _ESCAPE.sub(lambda found: chr(int(found[1], 8)), word)
