"""Reads a file that holds one secret, such as a password, and refuses one that others may read."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final

from sutra_grid.core.errors import InvalidArgument
from sutra_grid.core.types import Reason

MAX_BYTES: Final = 4096
"""Of a password. It bounds what a wrong path may read."""


def read_secret_file(path: Path) -> str:
    """The secret, without the newline at its end. Raises ``InvalidArgument`` with the file and the remedy."""
    try:
        with open(path, "rb", opener=_open) as stream:
            status = os.fstat(stream.fileno())
            data = stream.read(MAX_BYTES + 1) if stat.S_ISREG(status.st_mode) else None
    except FileNotFoundError as error:
        raise _fault(f"{path} does not exist", "Create it, or correct the path") from error
    except OSError as error:
        raise _fault(f"{path} can't be read: {error.strerror}", "Check its owner and its mode") from error
    if data is None:
        raise _fault(f"{path} is not a regular file", "Name a file that has only the secret")
    if others_read(status):
        mode = stat.S_IMODE(status.st_mode)
        raise _fault(f"{path} can be read by others (mode {mode:04o})", f"Run: chmod 600 {path}")
    if len(data) > MAX_BYTES:
        raise _fault(f"{path} has more than {MAX_BYTES} bytes", "Name a file that has only the secret")
    return _text_of(path, data)


def others_read(status: os.stat_result) -> bool:
    """Whether a mode lets others read. A group may read what root owns: so daemons of several users share a file."""
    allowed = stat.S_IRWXU | (stat.S_IRGRP if status.st_uid == 0 else 0)
    return bool(stat.S_IMODE(status.st_mode) & ~allowed)


def _text_of(path: Path, data: bytes) -> str:
    try:
        text = data.decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError as error:
        raise _fault(f"{path} is not UTF-8 text", "Name a file that has only the secret") from error
    if not text:
        raise _fault(f"{path} is empty", "Write the secret into it")
    if "\n" in text or "\0" in text:
        raise _fault(f"{path} has more than one line", "Name a file that has only the secret")
    return text


def _open(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)  # to open a named pipe would wait for a writer


def _fault(message: str, hint: str) -> InvalidArgument:
    return InvalidArgument(message, reason=Reason.INVALID_ARGUMENT, hint=hint)
