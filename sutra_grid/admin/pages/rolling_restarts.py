"""``/ui/rolling-restarts``: start a rolling restart, watch it from any browser, stop it, and go on with the rest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

from flask import Response, redirect, request
from marshmallow import ValidationError

from sutra_grid.admin.http.fields import RawText
from sutra_grid.admin.http.problems import http_status
from sutra_grid.admin.http.proxies import at_root
from sutra_grid.admin.pages.blueprint import blueprint
from sutra_grid.admin.pages.confirmation import failure_text, form_key, new_key, redirect_with_message, retry_key
from sutra_grid.admin.pages.models.roll_views import roll_view
from sutra_grid.admin.pages.renderer import render_page
from sutra_grid.admin.rolling.store import ROLL_ID
from sutra_grid.admin.schemas.requests import MAX_NAMED_NODES, MAX_PAUSE_SECONDS, MAX_UNAVAILABLE, RollingRestart
from sutra_grid.admin.services import registry, roll_runner, roll_store
from sutra_grid.core.errors import GridError
from sutra_grid.core.types import Desired, Node

PATH: Final = "/ui/rolling-restarts"
SCOPE: Final = ("agent_id", "engine", "started_before_ms")
BOUNDS: Final = ("max_unavailable", "pause_seconds", "min_ready_seconds")
SHOWN_NODES: Final = 20


@blueprint.get("/rolling-restarts")
def show_rolling_restarts() -> Response:
    """Show the rolling restarts of this admin, the newest first."""
    views = [roll_view(record) for record in roll_store().list()]
    return render_page("rolling_restarts.html", section="nodes", rolls=views)


@blueprint.get("/rolling-restarts/new")
def show_rolling_restart_form() -> Response:
    """Show which nodes would be restarted, and ask how."""
    return _form(request.args.to_dict(), request.args.getlist("node_id"), new_key())


@blueprint.post("/rolling-restarts/new")
def start_rolling_restart() -> Response:
    """Start it and show its progress, or show the form again with the reason."""
    given, node_ids = request.form.to_dict(), request.form.getlist("node_id")
    key = form_key()
    key = key if ROLL_ID.fullmatch(key) else new_key()
    try:
        body = RollingRestart().load(_body(given, node_ids))
    except ValidationError as error:
        return _form(given, node_ids, key, HTTPStatus.BAD_REQUEST, _faults(error))
    try:
        record = roll_runner().start(key, body)
    except GridError as error:
        return _form(given, node_ids, retry_key(error, key), http_status(error), [failure_text(error)])
    return redirect_with_message(f"{PATH}/{record.roll_id}", f"The rolling restart of {record.total} nodes has begun.")


@blueprint.get("/rolling-restarts/<roll_id>")
def show_rolling_restart(roll_id: str) -> Response:
    """Show how far it is."""
    view = roll_view(roll_store().get(roll_id))
    return render_page("rolling_restart.html", section="nodes", roll=view, max_nodes=SHOWN_NODES)


@blueprint.post("/rolling-restarts/<roll_id>/stop")
def stop_rolling_restart(roll_id: str) -> Response:
    """Begin no further restart. The page says when those under way have ended."""
    roll_store().ask_to_stop(roll_id)
    return redirect(at_root(f"{PATH}/{roll_id}"), code=HTTPStatus.SEE_OTHER)  # type: ignore[return-value]


def _body(given: Mapping[str, str], node_ids: Sequence[str]) -> dict[str, Any]:
    """The body of ``POST /rolling-restarts`` that a form stands for."""
    texts = {name: RawText(text) for name in (*SCOPE, *BOUNDS) if (text := given.get(name, "").strip())}
    if node_ids:
        return {**texts, "node_ids": list(dict.fromkeys(node_ids))}
    return texts if {"agent_id", "engine"} & set(texts) else {**texts, "all": True}


def _faults(error: ValidationError) -> list[str]:
    assert isinstance(error.messages, dict)
    return [f"{name.replace('_', ' ')}: {'; '.join(texts)}" for name, texts in error.messages.items()]


def _form(
    given: Mapping[str, str],
    node_ids: Sequence[str],
    key: str,
    status: int = HTTPStatus.OK,
    failures: Sequence[str] = (),
) -> Response:
    rows = registry()
    agents, nodes = rows.agents(), rows.nodes()
    values = {name: given.get(name, "").strip() for name in (*SCOPE, *BOUNDS)}
    chosen = [node for node in nodes if _is_chosen(node, values, node_ids)]
    return render_page(
        "rolling_restart_form.html",
        status,
        section="nodes",
        poll_seconds=0,
        values=values,
        node_ids=node_ids[:MAX_NAMED_NODES],
        chosen=chosen,
        on_agents=len({node.agent_id for node in chosen}),
        max_nodes=SHOWN_NODES,
        agent_ids=[agent.agent_id for agent in agents],
        engines=sorted({node.spec.engine for node in nodes if node.spec.engine}),
        max_unavailable=MAX_UNAVAILABLE,
        max_seconds=MAX_PAUSE_SECONDS,
        running=next((each for each in map(roll_view, roll_store().list()) if each.is_active), None),
        key=key,
        failures=failures,
    )


def _is_chosen(node: Node, values: Mapping[str, str], node_ids: Sequence[str]) -> bool:
    if node_ids:
        return node.node_id in node_ids  # at most a page of a list
    fits = values["agent_id"] in ("", node.agent_id) and values["engine"] in ("", node.spec.engine)
    return fits and node.desired is Desired.RUNNING
