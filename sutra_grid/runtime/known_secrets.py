"""The secrets that this process has read. Logs and messages replace their values, whatever text they got into.

No text should hold one. This is for texts that other libraries make.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Final

from sutra_grid.core.redaction import redact_values

MAX_SECRETS: Final = 64
"""Passwords that were replaced stay known for a while, because errors about them may come later."""

_lock = threading.Lock()
_values: OrderedDict[str, None] = OrderedDict()  # guarded by _lock; the newest last


def remember_secret(value: str) -> None:
    """Replace this value in every log line from now on. Safe from any thread."""
    with _lock:
        _values.pop(value, None)
        _values[value] = None
        if len(_values) > MAX_SECRETS:
            _values.popitem(last=False)


def without_secrets(text: str) -> str:
    """``text`` with every known secret replaced."""
    if not _values:
        return text
    with _lock:
        values = tuple(_values)
    return redact_values(text, values)
