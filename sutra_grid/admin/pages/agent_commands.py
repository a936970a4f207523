"""``/ui/agents/ID/drain|undrain|remove``: confirm a command for an agent, then send it."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from urllib.parse import quote

from flask import Response, request

from sutra_grid.admin.commands.agents import AgentVerb, command_agent, remove_agent_from_grid
from sutra_grid.admin.http.problems import http_status
from sutra_grid.admin.pages.blueprint import blueprint
from sutra_grid.admin.pages.confirmation import failure_text, form_key, new_key, redirect_with_message, retry_key
from sutra_grid.admin.pages.models.command_effects import (
    COMPLETED,
    drain_effects,
    nodes_text,
    removal_effects,
    undrain_effects,
)
from sutra_grid.admin.pages.renderer import render_page
from sutra_grid.admin.reads.lookup import find_agent
from sutra_grid.admin.services import long_requests, master, registry
from sutra_grid.client.drain import start_nodes, stop_nodes
from sutra_grid.core.agent.removal import removal_of
from sutra_grid.core.errors import GridError
from sutra_grid.core.types import AgentStatus, Desired


@blueprint.get("/agents/<agent_id>/<any(drain, undrain, remove):verb>")
def confirm_agent_command(agent_id: str, verb: str) -> Response:
    """Show what will happen, and ask for confirmation."""
    return _confirmation(agent_id, verb, new_key())


@blueprint.post("/agents/<agent_id>/drain")
def drain_agent(agent_id: str) -> Response:
    """Drain the agent, and also stop its nodes if the form says so."""
    stops_nodes = request.form.get("stop_nodes") == "true"

    def drain(key: str) -> str:
        if not stops_nodes:
            command_agent(master(), AgentVerb.DRAIN, agent_id, key)
            return f"{agent_id} is {COMPLETED[AgentVerb.DRAIN]}."
        with long_requests().acquire():
            command_agent(master(), AgentVerb.DRAIN, agent_id, key)
            stop_nodes(master().scoped(), agent_id, lambda _message: None)
        return f"{agent_id} is drained and reports no process of its nodes."

    return _run(agent_id, "drain", drain)


@blueprint.post("/agents/<agent_id>/undrain")
def undrain_agent(agent_id: str) -> Response:
    """Undrain the agent, and also start the nodes that its drain has stopped if the form says so."""
    starts_nodes = request.form.get("start_nodes") == "true"

    def undrain(key: str) -> str:
        if not starts_nodes:
            command_agent(master(), AgentVerb.UNDRAIN, agent_id, key)
            return f"{agent_id} is {COMPLETED[AgentVerb.UNDRAIN]}."
        with long_requests().acquire():
            command_agent(master(), AgentVerb.UNDRAIN, agent_id, key)
            started = start_nodes(master().scoped(), agent_id, lambda _message: None)
        return f"{agent_id} is {COMPLETED[AgentVerb.UNDRAIN]}, and {nodes_text(len(started))} started."

    return _run(agent_id, "undrain", undrain)


@blueprint.post("/agents/<agent_id>/remove")
def remove_agent(agent_id: str) -> Response:
    """Remove the agent; also with nodes that may run, if the form says so."""
    force = request.form.get("force") == "true"

    def remove(key: str) -> str:
        remove_agent_from_grid(master(), agent_id, key, force=force)
        return f"{agent_id} is removed."

    return _run(agent_id, "remove", remove, after="/ui/agents")


def _run(agent_id: str, verb: str, command: Callable[[str], str], after: str = "") -> Response:
    key = form_key()
    try:
        message = command(key)
    except GridError as error:
        return _confirmation(agent_id, verb, retry_key(error, key), error)
    return redirect_with_message(after or f"/ui/agents/{quote(agent_id, safe='')}", message)


def _confirmation(agent_id: str, verb: str, key: str, error: GridError | None = None) -> Response:
    rows = registry()
    agent = find_agent(rows, agent_id)
    of_agent = rows.nodes(agent_id)
    nodes = len(of_agent)
    by_drain = sum(node.stopped_by_drain and node.desired is Desired.STOPPED for node in of_agent)
    removal = removal_of(agent, of_agent)
    effects = {
        "drain": lambda: drain_effects(agent, nodes),
        "undrain": lambda: undrain_effects(agent, by_drain),
        "remove": lambda: removal_effects(agent, removal),
    }
    return render_page(
        "agent_command.html",
        http_status(error) if error else HTTPStatus.OK,
        section="agents",
        poll_seconds=0,
        verb=verb,
        agent_id=agent_id,
        effects=effects[verb](),
        offers_stop=verb == "drain" and nodes > 0 and agent.status is not AgentStatus.OFFLINE,
        offers_start=verb == "undrain" and by_drain > 0,
        needs_force=verb == "remove" and removal.needs_force,
        key=key,
        failures=[failure_text(error)] if error else [],
    )
