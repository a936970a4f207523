"""``/agents``: list, show, drain, undrain, remove."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from flask import Response

from sutra_grid.admin.api.message_response import message_response
from sutra_grid.admin.commands.agents import AgentVerb, command_agent, remove_agent_from_grid
from sutra_grid.admin.http.operations import COMMAND_PROBLEMS, NOT_MODIFIED, Operations, ResponseSpec
from sutra_grid.admin.http.responses import LINK_HEADER, conditional_response, page_response
from sutra_grid.admin.reads.grid_status import as_of_ms
from sutra_grid.admin.reads.lookup import find_agent
from sutra_grid.admin.reads.records import agent_with_nodes, listed_agent
from sutra_grid.admin.schemas.list_queries import AgentFilter
from sutra_grid.admin.schemas.requests import DrainQuery, RemoveAgentQuery, UndrainQuery
from sutra_grid.admin.schemas.responses import AgentListSchema, AgentRecord
from sutra_grid.admin.services import long_requests, master, registry
from sutra_grid.client.drain import start_nodes, stop_nodes
from sutra_grid.registry import AgentQuery
from sutra_grid.wire.convert import to_json

blueprint = Operations(
    "agents", __name__, url_prefix="/agents", description="Agents, one per host that runs storage nodes"
)

ONE = ResponseSpec(AgentRecord, "The agent")


@blueprint.operation(
    "GET", "", ResponseSpec(AgentListSchema, "A page of agents", headers=LINK_HEADER), NOT_MODIFIED, query=AgentFilter
)
def list_agents(query: AgentQuery) -> Response:
    """List agents in pages, each with the number of its nodes but without the nodes."""
    page = registry().agent_page(query, counted=True)
    return page_response(
        "agents", [listed_agent(each) for each in page.items], page.next_cursor, page.total, as_of_ms()
    )


@blueprint.operation("GET", "/<agent_id>", ONE, NOT_MODIFIED)
def show_agent(agent_id: str) -> Response:
    """Show an agent with its nodes."""
    rows = registry()
    agent = find_agent(rows, agent_id)
    return conditional_response(to_json(agent_with_nodes(agent, rows.nodes(agent_id))))


@blueprint.operation("POST", "/<agent_id>/drain", ONE, query=DrainQuery, takes_key=True, problems=COMMAND_PROBLEMS)
def drain_agent(agent_id: str, query: dict[str, Any], key: str) -> Response:
    """Place no new nodes on an agent. Its running nodes stay, unless `stop_nodes=true`."""
    client = master().scoped().within(query.get("timeout") or master().timeout_seconds)
    if not query.get("stop_nodes"):
        return message_response(command_agent(client, AgentVerb.DRAIN, agent_id, key))
    with long_requests().acquire():
        command_agent(client, AgentVerb.DRAIN, agent_id, key)
        return message_response(stop_nodes(client, agent_id, lambda _message: None))


@blueprint.operation("POST", "/<agent_id>/undrain", ONE, query=UndrainQuery, takes_key=True, problems=COMMAND_PROBLEMS)
def undrain_agent(agent_id: str, query: dict[str, Any], key: str) -> Response:
    """Allow new nodes on an agent again. Its stopped nodes stay stopped, unless `start_nodes=true`.

    That starts exactly the nodes with `stopped_by_drain`. If one could not be started, the others are, and the same
    request again starts the rest.
    """
    client = master().scoped().within(query.get("timeout") or master().timeout_seconds)
    if not query.get("start_nodes"):
        return message_response(command_agent(client, AgentVerb.UNDRAIN, agent_id, key))
    with long_requests().acquire():
        command_agent(client, AgentVerb.UNDRAIN, agent_id, key)
        start_nodes(client, agent_id, lambda _message: None)
        return message_response(client.get_agent(agent_id))


@blueprint.operation(
    "DELETE",
    "/<agent_id>",
    ResponseSpec(None, "The agent is removed", status=HTTPStatus.NO_CONTENT),
    query=RemoveAgentQuery,
    takes_key=True,
    problems=COMMAND_PROBLEMS,
)
def remove_agent(agent_id: str, query: dict[str, Any], key: str) -> tuple[str, int]:
    """Remove an offline agent and its nodes. Their data stays on the host.

    While a node may still run, this needs `force=true`: the answer without it names the nodes and what is lost.
    """
    remove_agent_from_grid(master(), agent_id, key, force=bool(query.get("force")))
    return "", HTTPStatus.NO_CONTENT
