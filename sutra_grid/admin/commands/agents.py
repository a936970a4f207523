"""Commands for an agent: drain, undrain, remove. All raise ``GridError``."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from sutra_grid.admin.upstream.master_link import MasterLink
from sutra_grid.wire import grid_pb2 as pb


class AgentVerb(StrEnum):
    """A command that changes an agent and keeps it."""

    DRAIN = "drain"
    UNDRAIN = "undrain"


_AGENT_METHODS: Final = {AgentVerb.DRAIN: "DrainAgent", AgentVerb.UNDRAIN: "UndrainAgent"}


def command_agent(
    link: MasterLink, verb: AgentVerb, agent_id: str, key: str, timeout_seconds: float | None = None
) -> pb.AgentRecord:
    """Drain or undrain an agent. Returns its record after the change."""
    request = pb.AgentCommand(agent_id=agent_id, request_id=key)
    return link.command(_AGENT_METHODS[verb], request, pb.AgentRecord, timeout_seconds)


def remove_agent_from_grid(link: MasterLink, agent_id: str, key: str) -> None:
    """Remove an agent, which must be offline or have no nodes."""
    link.command("RemoveAgent", pb.AgentCommand(agent_id=agent_id, request_id=key), pb.Empty)
