"""The environment that this process was started with.

``os.environ`` has more: Python sets ``LC_CTYPE`` in a C locale (PEP 538), and programs set variables for their
libraries. A program that is started with these can't tell them from an operator's.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

_START: Final = Path("/proc/self/environ")


def start_environment(file: Path = _START) -> dict[str, str]:
    """The variables as they were at the start; those of now where the system does not tell."""
    try:
        entries = file.read_bytes().split(b"\0")
    except OSError:
        return dict(os.environ)
    variables: dict[str, str] = {}
    for entry in entries:
        name, separator, value = entry.partition(b"=")
        if name and separator:
            variables.setdefault(os.fsdecode(name), os.fsdecode(value))  # of two, os.environ has the first as well
    return variables
