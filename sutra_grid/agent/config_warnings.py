"""What is valid in the agent's configuration and likely to be a mistake.

``--check-config`` prints it, and the agent logs it at its start.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sutra_grid.agent.config import MemoryLimits
from sutra_grid.agent.limits.host_memory import host_memory
from sutra_grid.agent.placeholders import SHARE_EXAMPLE, passes_whole_limit
from sutra_grid.runtime.config import Config, Fault


def config_warnings(config: Config) -> list[Fault]:
    """The warnings of a loaded configuration, each with its key and where that is set."""
    return [*_whole_limits(config), *_default_limit(config)]


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


def _default_limit(config: Config) -> Iterator[Fault]:
    """A default memory limit that no node can reach on this host. It is accepted: a file may be for larger hosts."""
    default_mb, memory = config.section("storage")["default_memory_mb"], host_memory()
    if default_mb > memory.limit_mb:
        key = "storage.default_memory_mb"
        problem = (
            f"{default_mb} MiB is more than this host has: {memory}. Nodes get it all the same, but the host runs out "
            "of memory before a node reaches such a limit"
        )
        yield Fault(config.source(key), key, problem)


def _with_whole_limit(value: Any) -> str:
    """The first argument or variable that has the whole limit, as it is written; empty if there is none."""
    texts = [f"{name}={text}" for name, text in value.items()] if isinstance(value, dict) else value
    return next((repr(text) for text in texts if passes_whole_limit(text)), "")
