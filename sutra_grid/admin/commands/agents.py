"""Commands for an agent: drain, undrain, remove. All raise ``GridError``."""

from __future__ import annotations

from enum import StrEnum

from sutra_grid.client.master_client import MasterClient
from sutra_grid.wire import grid_pb2 as pb


class AgentVerb(StrEnum):
    """A command that changes an agent and keeps it."""

    DRAIN = "drain"
    UNDRAIN = "undrain"


def command_agent(
    client: MasterClient, verb: AgentVerb, agent_id: str, key: str, timeout_seconds: float | None = None
) -> pb.AgentRecord:
    """Drain or undrain an agent. Returns its record after the change."""
    command = client.drain_agent if verb is AgentVerb.DRAIN else client.undrain_agent
    return command(agent_id, key=key, timeout_seconds=timeout_seconds)


def remove_agent_from_grid(client: MasterClient, agent_id: str, key: str, *, force: bool) -> None:
    """Remove an agent, which must be offline. ``force``: also when its nodes may still run."""
    client.remove_agent(agent_id, force=force, key=key)
