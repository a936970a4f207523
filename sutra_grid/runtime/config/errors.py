"""Every fault of a configuration, in one error."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sutra_grid.core.errors import InvalidArgument
from sutra_grid.core.types import Reason


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault. ``where`` is ``file:line``, an environment variable or a flag; ``key`` is dotted or empty."""

    where: str
    key: str
    problem: str

    def __str__(self) -> str:
        return ": ".join(part for part in (self.where, self.key, self.problem) if part)


class ConfigError(InvalidArgument):
    """The configuration is invalid. ``str()`` lists every fault, one per line."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = tuple(faults)
        lines = [str(fault) for fault in self.faults]
        if len(lines) > 1:
            lines = [f"{len(lines)} faults in the configuration", *(f"  {line}" for line in lines)]
        super().__init__("\n".join(lines), reason=Reason.INVALID_ARGUMENT)


def near_miss(name: str, known: Iterable[str]) -> str:
    """``"; did you mean X?"``, or nothing when no known name is close."""
    import difflib  # slow to import, and only needed for a fault

    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f"; did you mean {close[0]}?" if close else ""
