"""The last session of a state directory's agents: told at each registration, so that the next one is above it.

The registry knows it too, unless it was lost. Then a wall clock that was turned back would give a lower session,
and a copy of the registry from before would make the agent that lives look like one that was superseded.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from sutra_grid.runtime.files import write_atomically
from sutra_grid.runtime.logging import get_logger

log = get_logger(__name__)

_MAX_BYTES: Final = 256  # more is no session


class SessionFile:
    """``STATE/session``. Under the lock of the state directory; one thread."""

    def __init__(self, state_path: Path) -> None:
        self._path = state_path / "session"
        self.last = self._read()

    def save(self, session_id: str) -> None:
        """Remember a session, here and for the agent's next process. A file that can't be written is logged."""
        self.last = session_id
        try:
            write_atomically(self._path, f"{session_id}\n".encode())
        except OSError as error:
            log.warning("session not kept", path=self._path, error=error)

    def _read(self) -> str:
        """Empty when there is none that can be read: the registry alone says then what came before."""
        try:
            with open(self._path, "rb") as stream:
                text = stream.read(_MAX_BYTES).decode("ascii").strip()
        except FileNotFoundError:
            return ""
        except (OSError, UnicodeDecodeError) as error:
            log.warning("the last session can't be read", path=self._path, error=error)
            return ""
        return text
