"""Keeps the last session of the agent, which each registration sends, so that the next session is higher.

The registry has it too, unless the registry was lost or restored from an older copy. A wall clock that was set back
could then give a lower session, and the live agent would look like a superseded one.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from sutra_grid.runtime.files import write_atomically
from sutra_grid.runtime.logging import get_logger

log = get_logger(__name__)

_MAX_BYTES: Final = 256  # a session is about 30 characters; a damaged file may be of any size


class SessionFile:
    """The file ``STATE/session``. Requires the lock of the state directory; used by one thread."""

    def __init__(self, state_path: Path) -> None:
        self._path = state_path / "session"
        self.last = self._read()

    def save(self, session_id: str) -> None:
        """Keep a session for this process and the next one. A failed write is only logged."""
        self.last = session_id
        try:
            write_atomically(self._path, f"{session_id}\n".encode())
        except OSError as error:
            log.warning("the session could not be saved", path=self._path, error=error)

    def _read(self) -> str:
        """The session of the file; empty when it can't be read. Then only the registry knows the last session."""
        try:
            with open(self._path, "rb") as stream:
                text = stream.read(_MAX_BYTES).decode("ascii").strip()
        except FileNotFoundError:
            return ""
        except (OSError, UnicodeDecodeError) as error:
            log.warning("the last session can't be read", path=self._path, error=error)
            return ""
        return text
