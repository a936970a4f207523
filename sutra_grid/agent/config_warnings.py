"""What is valid in the agent's configuration and likely to be a mistake.

``--check-config`` prints it, and the agent logs it at its start.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sutra_grid.agent.config import MemoryLimits
from sutra_grid.agent.placeholders import SHARE_EXAMPLE, passes_whole_limit
from sutra_grid.runtime.config import Config, Fault


def config_warnings(config: Config) -> list[Fault]:
    """The warnings of a loaded configuration, each with its key and where that is set."""
    return [*_whole_limits(config)]


def _whole_limits(config: Config) -> Iterator[Fault]:
    """Engines whose program gets the limit at which the agent restarts it."""
    if config.section("limits")["memory"] == MemoryLimits.OFF:
        return
    for engine, values in config.table("engines").items():
        for key in ("args", "environment"):
            found = _with_whole_limit(values[key])
            if found:
                dotted = f"engines.{engine}.{key}"
                problem = (
                    f"{found} gives the program the whole memory limit, at which the agent ends the node. A program "
                    f"that fills its own limit is ended before it can refuse. Give it a share: {SHARE_EXAMPLE}"
                )
                yield Fault(config.source(dotted), dotted, problem)


def _with_whole_limit(value: Any) -> str:
    """The first argument or variable that has the whole limit, as it is written; empty if there is none."""
    texts = [f"{name}={text}" for name, text in value.items()] if isinstance(value, dict) else value
    return next((repr(text) for text in texts if passes_whole_limit(text)), "")
