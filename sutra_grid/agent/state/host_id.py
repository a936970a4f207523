"""The identity of a state directory: made at the first start, and kept with the data."""

from __future__ import annotations

import re
import uuid
from pathlib import Path

from sutra_grid.agent.os_errors import from_os_error
from sutra_grid.core.errors import FailedPrecondition
from sutra_grid.core.types import Reason
from sutra_grid.runtime.files import write_atomically
from sutra_grid.runtime.logging import get_logger

log = get_logger(__name__)

_FORM = re.compile(r"[0-9a-f]{32}\Z")


def load_host_id(state_path: Path) -> str:
    """Read the id, or make one at the first start. Requires the lock of the state directory.

    Raises ``GridError`` when the file can't be read or written or is invalid. An agent with a new
    id would not recognize the processes that were launched under the old one.
    """
    path = state_path / "host_id"
    try:
        if not path.exists():
            write_atomically(path, f"{uuid.uuid4().hex}\n".encode())
            log.info("new host id made; the master takes this agent for a new host", path=path)
        text = path.read_text(errors="replace").strip()
    except OSError as error:
        raise from_os_error(f"the host id file {path} can't be used", error, Reason.PATH_NOT_WRITABLE) from error
    if not _FORM.match(text):
        raise FailedPrecondition(
            f"the host id file {path} is invalid: it must have 32 hexadecimal digits",
            reason=Reason.JOURNAL_CORRUPT,
            hint="Restore the file from a backup. Without it this agent is a new host: it does not recognize its "
            "running nodes, and the master refuses it. Only if no node of this agent runs, delete the file",
        )
    return text


def read_host_id(state_path: Path) -> str:
    """The id that is there; empty without one. Raises ``OSError`` when the file can't be read."""
    try:
        return (state_path / "host_id").read_text(errors="replace").strip()
    except (FileNotFoundError, NotADirectoryError):
        return ""
