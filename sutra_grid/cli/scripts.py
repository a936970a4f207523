"""Finds the other programs of this installation."""

from __future__ import annotations

import os
import shutil
import sys
import sysconfig
from pathlib import Path

from sutra_grid.core.errors import NotFound
from sutra_grid.core.types import Reason

_STORAGE_SERVER = "sutra-storage-server"
_COMMAND = "sutra-grid-cli"


def daemon_command(role: str) -> list[str]:
    """The command of the daemon of ``role`` (master, agent, admin), run by this interpreter."""
    return [sys.executable, "-m", f"sutra_grid.{role}.daemon"]


def this_command() -> str:
    """How to run this program again: its name if that is in PATH, otherwise its path."""
    found = shutil.which(_COMMAND)
    typed = Path(sys.argv[0])
    if typed.name != _COMMAND or not typed.exists() or (found and os.path.samefile(found, typed)):
        return _COMMAND
    return sys.argv[0]


def storage_server() -> Path:
    """The installed storage server, which agents start as a program. Raises NotFound.

    Searches beside the interpreter and where scripts are installed, then in PATH. So a
    virtual environment that is not activated finds its own.
    """
    folders = [Path(sys.executable).parent, Path(sys.argv[0]).parent, Path(sysconfig.get_path("scripts"))]
    for folder in folders:
        found = shutil.which(_STORAGE_SERVER, path=str(folder))
        if found:
            return Path(found).absolute()
    if found := shutil.which(_STORAGE_SERVER):
        return Path(found).absolute()
    raise NotFound(
        f"{_STORAGE_SERVER} is not installed beside {sys.executable}",
        reason=Reason.BINARY_MISSING,
        hint="Install the package, for example with: pip install sutra-grid",
    )
