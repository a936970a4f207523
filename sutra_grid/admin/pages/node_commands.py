"""``/ui/act/start|stop|restart|remove``: confirm what will happen to one node or several, then have it done."""

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
from sutra_grid.admin.pages.confirmation import form_key, new_key, redirect_with_message, retry_key
from sutra_grid.admin.pages.models.command_effects import DOING, DONE, node_effect, progress_text
from sutra_grid.admin.pages.renderer import render_page
from sutra_grid.admin.reads.lookup import find_node
from sutra_grid.admin.reads.records import node_statuses
from sutra_grid.admin.services import master, registry
from sutra_grid.admin.upstream.master import derived_key
from sutra_grid.core.errors import GridError, InvalidArgument, NotFound
from sutra_grid.core.types import Reason
from sutra_grid.registry import Registry
from sutra_grid.wire import grid_pb2 as pb

MAX_NODES: Final = 200
SHOWN_FAILURES: Final = 10


@blueprint.get("/act/<any(start, stop, restart, remove):verb>")
def ask_about_nodes(verb: str) -> Response:
    """Say what will happen, and ask."""
    return _ask(NodeVerb(verb), _read(registry(), _node_ids(request.args.getlist("node_id"))), new_key())


@blueprint.post("/act/<any(start, stop, restart, remove):verb>")
def act_on_nodes(verb: str) -> Response:
    """Have it done; what could not be done is asked again, with the reasons."""
    done, node_ids, key, client = NodeVerb(verb), _node_ids(request.form.getlist("node_id")), form_key(), master()

    def act(node_id: str) -> pb.NodeStatus:
        return command_node(client, done, node_id, key if len(node_ids) == 1 else derived_key(key, node_id))

    results = run_batch(act, node_ids)
    failed = {
        node_id: result for node_id, result in zip(node_ids, results, strict=True) if isinstance(result, GridError)
    }
    if failed:
        return _ask_again(done, list(failed), failed, len(node_ids), key)
    return redirect_with_message(_where_next(done, node_ids), _told(done, node_ids))


@blueprint.get("/act/now")
def show_progress() -> Response:
    """How some nodes are now, in a few words, while a command is under way."""
    rows = registry()
    found = [node for node in map(rows.node, request.args.getlist("node_id")[:MAX_NODES]) if node]
    return Response(progress_text(node_statuses(rows, found)), content_type="text/plain; charset=utf-8")


def _ask(
    verb: NodeVerb, nodes: Sequence[pb.NodeStatus], key: str, status: int = HTTPStatus.OK, failures: Sequence[str] = ()
) -> Response:
    what = nodes[0].node_id if len(nodes) == 1 else f"{len(nodes)} nodes"
    return render_page(
        "node_command.html",
        status,
        section="nodes",
        poll_seconds=0,
        verb=verb,
        what=what,
        doing=DOING[verb],
        consequences=[(node.node_id, node_effect(verb, node)) for node in nodes],
        key=key,
        failures=failures,
        back=_where_next(verb, [node.node_id for node in nodes]) if verb is not NodeVerb.REMOVE else "/ui/nodes",
        are_many=len(nodes) > 1,
    )


def _ask_again(verb: NodeVerb, node_ids: list[str], failed: dict[str, GridError], of: int, key: str) -> Response:
    words = [_failure(node_id, error, of) for node_id, error in failed.items()]
    if len(words) > SHOWN_FAILURES:
        words = [*words[:SHOWN_FAILURES], f"and {len(words) - SHOWN_FAILURES} more"]
    if of > len(failed):
        words.insert(0, f"{of - len(failed)} of {of} nodes are {DONE[verb]}; these are not:")
    first = next(iter(failed.values()))
    rows = registry()
    there = _read(rows, [node_id for node_id in node_ids if rows.node(node_id) is not None] or node_ids)
    return _ask(verb, there, retry_key(first, key), http_status(first), words)


def _failure(node_id: str, error: GridError, of: int) -> str:
    """The reason, and what to do about it; ``of`` several it is named."""
    name = f"{node_id}: " if of > 1 else ""
    return f"{name}{error.message}" + (f"\nWhat to do: {error.hint}" if error.hint else "")


def _read(rows: Registry, node_ids: list[str]) -> list[pb.NodeStatus]:
    """Those that there are. Raises ``NotFound`` when there is none of them."""
    if len(node_ids) == 1:
        nodes = [find_node(rows, node_ids[0])]
    else:
        nodes = [node for node in map(rows.node, node_ids) if node is not None]
    if not nodes:
        raise NotFound("none of these nodes is there any more", reason=Reason.UNKNOWN_NODE, hint="Look at all nodes")
    return node_statuses(rows, nodes)


def _node_ids(given: list[str]) -> list[str]:
    node_ids = list(dict.fromkeys(each for each in given if each))
    if not node_ids:
        raise InvalidArgument("no node was selected", reason=Reason.INVALID_ARGUMENT, hint="Go back and select some")
    if len(node_ids) > MAX_NODES:
        raise InvalidArgument(
            f"{len(node_ids)} nodes were selected, at most {MAX_NODES} can be acted on together",
            reason=Reason.INVALID_ARGUMENT,
            hint="Select fewer, or use the command line",
        )
    return node_ids


def _where_next(verb: NodeVerb, node_ids: list[str]) -> str:
    if verb is NodeVerb.REMOVE or len(node_ids) > 1:
        return "/ui/nodes"
    return f"/ui/nodes/{quote(node_ids[0], safe='')}"


def _told(verb: NodeVerb, node_ids: list[str]) -> str:
    if len(node_ids) == 1:
        return f"{node_ids[0]} is {DONE[verb]}."
    return f"{len(node_ids)} nodes are {DONE[verb]}."
