"""What an agent says is open: it listens without TLS where other hosts reach it, because ``insecure`` allows it."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Final


class Insecure(StrEnum):
    """A part that is open. ``NODES`` are those of the engine storage; the others are as closed as they are set up."""

    AGENT = "agent"
    NODES = "nodes"


_DANGERS: Final = {
    Insecure.AGENT: "whoever reaches the agent can stop and remove its nodes",
    Insecure.NODES: "whoever reaches its nodes can read and change their data",
}
REMEDY: Final = "Set up TLS in the agent's configuration, then remove insecure = true"


def open_parts(*, agent: bool, nodes: bool) -> tuple[str, ...]:
    """What an agent registers with."""
    return tuple(str(part) for part, is_open in ((Insecure.AGENT, agent), (Insecure.NODES, nodes)) if is_open)


def told_insecure(parts: Iterable[str]) -> tuple[str, ...]:
    """The parts that this version knows, in one order; a later version may tell others."""
    told = set(parts)
    return tuple(str(part) for part in Insecure if part in told)


def insecure_text(parts: Iterable[str]) -> str:
    """For people: what anybody can do; empty when nothing is open."""
    dangers = [_DANGERS[Insecure(part)] for part in told_insecure(parts)]
    return f"no TLS (insecure = true): {', and '.join(dangers)}" if dangers else ""


def insecure_agents_text(count: int) -> str:
    """For the status of a grid; empty when every agent is closed."""
    if not count:
        return ""
    who = "one agent or its nodes have" if count == 1 else f"{count} agents or their nodes have"
    return f"{who} no TLS (insecure = true)"
