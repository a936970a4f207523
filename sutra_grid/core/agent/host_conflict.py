"""The words for two hosts that ask for one agent id. Pure.

A new host id is made in an empty state directory. So the first question is whether a data disk is mounted, and the
advice never removes a host whose nodes may run.
"""

from __future__ import annotations

from sutra_grid.core.types import Agent, AgentStatus


def conflict_message(holder: Agent, refused: Agent) -> str:
    """Both sides with what tells them apart. The same two sides always give the same text."""
    return (
        f"agent id {holder.agent_id!r} is registered by {_side(holder)}; "
        f"the process that asks for it runs on {_side(refused)}"
    )


def conflict_hint(holder: Agent, refused: Agent) -> str:
    """What to do at the refused side. Removal comes last, and only for a holder that is offline."""
    if not refused.host_id:
        return "Choose another agent_id"
    where = f" at state_path {refused.state_path}" if refused.state_path else ""
    text = (
        f"Is the data disk mounted on {refused.hostname}? An agent makes a new host id when it finds none{where}. "
        "Mount the disk or correct the paths, and restart this agent; nodes that run are not touched. "
        "If this is another machine, choose another agent_id"
    )
    if holder.status is not AgentStatus.OFFLINE:
        return text
    return (
        f"{text}. Only if the data of host id {holder.host_id} is gone for good: "
        f"`sutra-grid-cli agents remove {holder.agent_id}` tells what would be lost"
    )


def _side(agent: Agent) -> str:
    known = [f"host id {agent.host_id}" if agent.host_id else "no host id"]
    if agent.data_path:
        known.append(f"data_path {agent.data_path}")
    if agent.state_path:
        known.append(f"state_path {agent.state_path}")
    return f"host {agent.hostname or 'without a name'} ({', '.join(known)})"
