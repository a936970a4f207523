"""Commands for an agent: drain, undrain, remove. All raise ``GridError``."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from sutra_grid.admin.upstream.master_link import MasterLink
from sutra_grid.wire import grid_pb2 as pb


class AgentVerb(StrEnum):
    """What is done to an agent that stays."""

    DRAIN = "drain"
    UNDRAIN = "undrain"


_AGENT_METHODS: Final = {AgentVerb.DRAIN: "DrainAgent", AgentVerb.UNDRAIN: "UndrainAgent"}


def command_agent(
    link: MasterLink, verb: AgentVerb, agent_id: str, key: str, timeout_seconds: float | None = None
) -> pb.AgentRecord:
    """Close an agent for new nodes or open it again; its record as it is then."""
    request = pb.AgentCommand(agent_id=agent_id, request_id=key)
    return link.command(_AGENT_METHODS[verb], request, pb.AgentRecord, timeout_seconds)


def remove_agent_from_grid(link: MasterLink, agent_id: str, key: str) -> None:
    """Remove an agent that is offline or has no nodes."""
    link.command("RemoveAgent", pb.AgentCommand(agent_id=agent_id, request_id=key), pb.Empty)
