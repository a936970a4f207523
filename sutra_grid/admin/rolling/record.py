"""What is known of one rolling restart: what was asked for, how far it is, and how it ended."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Any, Final

from sutra_grid.core.errors import GridError


class RollState(StrEnum):
    """``INTERRUPTED``: its worker ended before it did."""

    RUNNING = "running"
    STOPPING = "stopping"
    DONE = "done"
    FAILED = "failed"
    STOPPED = "stopped"
    INTERRUPTED = "interrupted"


ENDED: Final = frozenset({RollState.DONE, RollState.FAILED, RollState.STOPPED, RollState.INTERRUPTED})


@dataclass(frozen=True, slots=True)
class RollRecord:
    """``asked`` and ``resume`` are bodies of ``POST /rolling-restarts``; ``resume`` is empty when none is left."""

    roll_id: str
    started_ms: int
    asked: Mapping[str, Any]
    total: int
    state: RollState = RollState.RUNNING
    updated_ms: int = 0
    in_flight: tuple[str, ...] = ()
    restarted: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    waiting: str = ""
    failure: str = ""
    hint: str = ""
    resume: Mapping[str, Any] = field(default_factory=dict)

    @property
    def has_ended(self) -> bool:
        """Whether nothing will change any more."""
        return self.state in ENDED

    def with_failure(self, error: GridError) -> RollRecord:
        """The same with the reason why it failed."""
        return replace(self, state=RollState.FAILED, failure=error.message, hint=error.hint)

    def to_json(self) -> str:
        """For the file."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> RollRecord:
        """From the file. Raises ``ValueError`` and ``TypeError`` for anything else."""
        values = json.loads(text)
        lists = {name: tuple(values[name]) for name in ("in_flight", "restarted", "left")}
        return cls(**{**values, **lists, "state": RollState(values["state"])})
