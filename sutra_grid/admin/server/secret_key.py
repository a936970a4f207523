"""The key that signs the cookies and forms of the pages, shared by all workers of an admin."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from sutra_grid.core.errors import InvalidArgument
from sutra_grid.core.types import Reason

#: Another WSGI server that forks workers sets this before the fork, so that they share it.
KEY_VARIABLE: Final = "SUTRA_GRID_ADMIN_SECRET_KEY"
MIN_CHARACTERS: Final = 32

_HINT: Final = (
    "Generate one with: head -c 32 /dev/urandom | base64 > FILE, and make it readable only by the admin's user"
)


def secret_key_of(file: str, environ: Mapping[str, str] = os.environ) -> str:
    """The key from ``file``, else from the environment, else a new one, which invalidates forms that are open.

    Raises ``InvalidArgument`` for a file that is unreadable or too short.
    """
    if not file:
        return environ.get(KEY_VARIABLE) or secrets.token_hex(32)
    try:
        key = Path(file).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise _invalid_key(f"cannot read secret_key_file {file}: {error}") from error
    if len(key) < MIN_CHARACTERS:
        raise _invalid_key(
            f"secret_key_file {file} has {len(key)} characters, but at least {MIN_CHARACTERS} are required"
        )
    return key


def _invalid_key(message: str) -> InvalidArgument:
    return InvalidArgument(message, reason=Reason.INVALID_ARGUMENT, hint=_HINT)
