"""The key that signs cookies and forms of the pages: one for all workers of an admin."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from sutra_grid.core.errors import InvalidArgument
from sutra_grid.core.types import Reason

#: For a WSGI server that is not ours and forks workers: what it sets before the fork, they share.
KEY_VARIABLE: Final = "SUTRA_GRID_ADMIN_SECRET_KEY"
MIN_CHARACTERS: Final = 32

_HINT: Final = "Make one: head -c 32 /dev/urandom | base64 > FILE, readable for the admin's user alone"


def secret_key_of(file: str, environ: Mapping[str, str] = os.environ) -> str:
    """The key in ``file``, else of the environment, else a new one: forms that were open before must be opened again.

    Raises ``InvalidArgument`` for a file that can't be read or is too short.
    """
    if not file:
        return environ.get(KEY_VARIABLE) or secrets.token_hex(32)
    try:
        key = Path(file).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise _wrong(f"secret_key_file {file} can't be read: {error}") from error
    if len(key) < MIN_CHARACTERS:
        raise _wrong(f"secret_key_file {file} has {len(key)} characters, at least {MIN_CHARACTERS} are needed")
    return key


def _wrong(words: str) -> InvalidArgument:
    return InvalidArgument(words, reason=Reason.INVALID_ARGUMENT, hint=_HINT)
