"""``/agents``: list, show, drain, undrain, remove."""

from __future__ import annotations

from http import HTTPStatus

from flask import Blueprint, Response, jsonify

from sutra_grid.admin.inputs import Text, read_body, read_idempotency_key, read_query
from sutra_grid.admin.links import master, registry
from sutra_grid.admin.views import agent_records
from sutra_grid.core.errors import NotFound
from sutra_grid.core.types import AgentStatus, Reason
from sutra_grid.wire import grid_pb2 as pb
from sutra_grid.wire.convert import to_json

blueprint = Blueprint("agents", __name__, url_prefix="/agents")

FILTERS = [Text("status", choices=[status.value for status in AgentStatus])]


@blueprint.get("")
def list_agents() -> Response:
    """An ``AgentList``, by agent id."""
    chosen = read_query(FILTERS)
    rows = registry()
    agents = [agent for agent in rows.agents() if chosen.get("status", agent.status) == agent.status]
    return jsonify(to_json(pb.AgentList(agents=agent_records(agents, rows.nodes()))))


@blueprint.get("/<agent_id>")
def show_agent(agent_id: str) -> Response:
    """An ``AgentRecord``."""
    read_query([])
    rows = registry()
    agent = rows.agent(agent_id)
    if agent is None:
        raise NotFound(
            f"agent {agent_id} is not registered", reason=Reason.UNKNOWN_AGENT, hint="GET /agents lists those that are"
        )
    [record] = agent_records([agent], rows.nodes(agent_id))
    return jsonify(to_json(record))


@blueprint.post("/<agent_id>/drain")
def drain_agent(agent_id: str) -> Response:
    """No new nodes for this agent; those that run stay. Answers the ``AgentRecord``."""
    return jsonify(to_json(master().command("DrainAgent", _command(agent_id), pb.AgentRecord)))


@blueprint.post("/<agent_id>/undrain")
def undrain_agent(agent_id: str) -> Response:
    """New nodes may come again. Answers the ``AgentRecord``."""
    return jsonify(to_json(master().command("UndrainAgent", _command(agent_id), pb.AgentRecord)))


@blueprint.delete("/<agent_id>")
def remove_agent(agent_id: str) -> tuple[str, int]:
    """Forget an agent that is offline or has no nodes."""
    master().command("RemoveAgent", _command(agent_id), pb.Empty)
    return "", HTTPStatus.NO_CONTENT


def _command(agent_id: str) -> pb.AgentCommand:
    read_query([])
    read_body([])
    return pb.AgentCommand(agent_id=agent_id, request_id=read_idempotency_key())
