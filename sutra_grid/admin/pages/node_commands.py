"""``/ui/act/start|stop|restart|remove``: confirm a command for one node or several, then send it."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import Final
from urllib.parse import quote

from flask import Response, request

from sutra_grid.admin.commands.batch import run_batch
from sutra_grid.admin.commands.nodes import NodeVerb, command_node
from sutra_grid.admin.http.problems import http_status
from sutra_grid.admin.pages.blueprint import blueprint
from sutra_grid.admin.pages.confirmation import (
    failure_text,
    form_key,
    group_text,
    new_key,
    redirect_with_message,
    retry_key,
)
from sutra_grid.admin.pages.models.command_effects import COMPLETED, IN_PROGRESS, node_effect, progress_text
from sutra_grid.admin.pages.renderer import render_page
from sutra_grid.admin.reads.lookup import find_node
from sutra_grid.admin.reads.records import node_statuses
from sutra_grid.admin.services import master, registry
from sutra_grid.admin.upstream.master import derived_key
from sutra_grid.client.error_groups import group_errors
from sutra_grid.core.errors import GridError, InvalidArgument, NotFound
from sutra_grid.core.types import Reason
from sutra_grid.registry import Registry
from sutra_grid.wire import grid_pb2 as pb

MAX_NODES: Final = 200
SHOWN_FAILURES: Final = 10


@blueprint.get("/act/<any(start, stop, restart, remove):verb>")
def confirm_node_command(verb: str) -> Response:
    """Show what will happen, and ask for confirmation."""
    return _confirmation(NodeVerb(verb), _read(registry(), _node_ids(request.args.getlist("node_id"))), new_key())


@blueprint.post("/act/<any(start, stop, restart, remove):verb>")
def run_node_command(verb: str) -> Response:
    """Send the command. On failure, show the form again with the failed nodes and the reasons."""
    command, node_ids, key, client = NodeVerb(verb), _node_ids(request.form.getlist("node_id")), form_key(), master()

    def run(node_id: str) -> pb.NodeStatus:
        return command_node(client, command, node_id, key if len(node_ids) == 1 else derived_key(key, node_id))

    results = run_batch(run, node_ids)
    failed = {
        node_id: result for node_id, result in zip(node_ids, results, strict=True) if isinstance(result, GridError)
    }
    if failed:
        return _retry_form(command, list(failed), failed, len(node_ids), key)
    return redirect_with_message(_next_page(command, node_ids), _success_message(command, node_ids))


@blueprint.get("/act/now")
def show_progress() -> Response:
    """The status of some nodes as text, polled while a command runs."""
    rows = registry()
    nodes = [node for node in map(rows.node, request.args.getlist("node_id")[:MAX_NODES]) if node]
    return Response(progress_text(node_statuses(rows, nodes)), content_type="text/plain; charset=utf-8")


def _confirmation(
    verb: NodeVerb, nodes: Sequence[pb.NodeStatus], key: str, status: int = HTTPStatus.OK, failures: Sequence[str] = ()
) -> Response:
    subject = nodes[0].node_id if len(nodes) == 1 else f"{len(nodes)} nodes"
    return render_page(
        "node_command.html",
        status,
        section="nodes",
        poll_seconds=0,
        verb=verb,
        subject=subject,
        in_progress=IN_PROGRESS[verb],
        effects=[(node.node_id, node_effect(verb, node)) for node in nodes],
        key=key,
        failures=failures,
        back=_next_page(verb, [node.node_id for node in nodes]) if verb is not NodeVerb.REMOVE else "/ui/nodes",
        is_batch=len(nodes) > 1,
    )


def _retry_form(verb: NodeVerb, node_ids: list[str], failed: dict[str, GridError], total: int, key: str) -> Response:
    groups = group_errors(list(failed.items()))
    failures = [
        _failure(group.names[0], group.error, total) if len(group.names) == 1 else group_text(group) for group in groups
    ]
    if len(failures) > SHOWN_FAILURES:
        failures = [*failures[:SHOWN_FAILURES], f"and {len(failures) - SHOWN_FAILURES} more"]
    if total > len(failed):
        failures.insert(0, f"{total - len(failed)} of {total} nodes are {COMPLETED[verb]}. These failed:")
    first = next(iter(failed.values()))
    rows = registry()
    nodes = _read(rows, [node_id for node_id in node_ids if rows.node(node_id) is not None] or node_ids)
    return _confirmation(verb, nodes, retry_key(first, key), http_status(first), failures)


def _failure(node_id: str, error: GridError, total: int) -> str:
    """The failure of a node, with the node's id when the command was for several."""
    name = f"{node_id}: " if total > 1 else ""
    return f"{name}{failure_text(error)}"


def _read(rows: Registry, node_ids: list[str]) -> list[pb.NodeStatus]:
    """The nodes that exist. Raises ``NotFound`` when none does."""
    if len(node_ids) == 1:
        nodes = [find_node(rows, node_ids[0])]
    else:
        nodes = [node for node in map(rows.node, node_ids) if node is not None]
    if not nodes:
        raise NotFound("none of these nodes exists", reason=Reason.UNKNOWN_NODE, hint="Go to the list of nodes")
    return node_statuses(rows, nodes)


def _node_ids(given: list[str]) -> list[str]:
    node_ids = list(dict.fromkeys(each for each in given if each))
    if not node_ids:
        raise InvalidArgument("no node is selected", reason=Reason.INVALID_ARGUMENT, hint="Go back and select nodes")
    if len(node_ids) > MAX_NODES:
        raise InvalidArgument(
            f"{len(node_ids)} nodes are selected, but a command takes at most {MAX_NODES}",
            reason=Reason.INVALID_ARGUMENT,
            hint="Select fewer nodes, or use the command line",
        )
    return node_ids


def _next_page(verb: NodeVerb, node_ids: list[str]) -> str:
    if verb is NodeVerb.REMOVE or len(node_ids) > 1:
        return "/ui/nodes"
    return f"/ui/nodes/{quote(node_ids[0], safe='')}"


def _success_message(verb: NodeVerb, node_ids: list[str]) -> str:
    if len(node_ids) == 1:
        return f"{node_ids[0]} is {COMPLETED[verb]}."
    return f"{len(node_ids)} nodes are {COMPLETED[verb]}."
