"""``/ui/spawn``: a form that spawns one node or several."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import quote

from flask import Response, request
from marshmallow import ValidationError

from sutra_grid.admin.commands.spawn import spawn_many, spawn_one
from sutra_grid.admin.http.fields import RawText
from sutra_grid.admin.http.problems import http_status
from sutra_grid.admin.pages.blueprint import blueprint
from sutra_grid.admin.pages.confirmation import failure_text, form_key, new_key, redirect_with_message, retry_key
from sutra_grid.admin.pages.renderer import render_page
from sutra_grid.admin.pages.url_parameters import text_parameters
from sutra_grid.admin.schemas.requests import MAX_COUNT, Spawn
from sutra_grid.admin.services import master, registry
from sutra_grid.client.error_groups import group_errors, summary_of
from sutra_grid.core.errors import GridError
from sutra_grid.core.types import AgentStatus
from sutra_grid.wire import grid_pb2 as pb

FIELDS: Final = ("agent_id", "engine", "port", "storage_path", "memory_limit_mb", "count")
SHOWN_FAILURES: Final = 5


@blueprint.get("/spawn")
def show_spawn_form() -> Response:
    """Show the form, filled in from the URL."""
    return _form(text_parameters(FIELDS), new_key())


@blueprint.post("/spawn")
def spawn() -> Response:
    """Spawn, or show the form again with the reason."""
    values = {name: request.form.get(name, "").strip() for name in FIELDS}
    key = form_key()
    try:
        body: dict[str, Any] = Spawn().load({name: RawText(text) for name, text in values.items() if text})
    except ValidationError as error:
        return _form(values, key, HTTPStatus.BAD_REQUEST, errors=_field_errors(error))
    try:
        return _spawn(body, values, key)
    except GridError as error:
        return _form(values, retry_key(error, key), http_status(error), failures=[failure_text(error)])


def _spawn(body: dict[str, Any], values: Mapping[str, str], key: str) -> Response:
    count: int = body.pop("count", 1)
    if count == 1:
        node = spawn_one(master(), pb.SpawnRequest(request_id=key, **body), {})
        return redirect_with_message(
            f"/ui/nodes/{quote(node.node_id, safe='')}", f"{node.node_id} is spawned on {node.agent_id}."
        )
    results = spawn_many(master(), body, key, count, {})
    errors = [result for result in results if isinstance(result, GridError)]
    if not errors:
        return redirect_with_message("/ui/nodes?sort=-created", f"{count} nodes are spawned.")
    if len(errors) == count:
        raise summary_of([(str(number), error) for number, error in enumerate(errors, 1)], count, "nodes", "spawned")
    # Each node has a key derived from the form's key: sending the form again spawns only the missing nodes.
    failures = [f"{count - len(errors)} of {count} nodes are spawned. Send the form again to spawn the missing ones."]
    groups = group_errors([(f"node {number} of {count}", error) for number, error in enumerate(errors, 1)])
    failures += [f"{len(group.names)} failed: {failure_text(group.error)}" for group in groups[:SHOWN_FAILURES]]
    return _form(values, key, http_status(errors[0]), failures=failures)


def _form(
    values: Mapping[str, str],
    key: str,
    status: int = HTTPStatus.OK,
    *,
    errors: Mapping[str, str] | None = None,
    failures: list[str] | None = None,
) -> Response:
    agents = registry().agents()
    return render_page(
        "spawn.html",
        status,
        poll_seconds=0,
        values=values,
        key=key,
        errors=errors or {},
        failures=failures or [],
        max_count=MAX_COUNT,
        agent_ids=[agent.agent_id for agent in agents if agent.status is AgentStatus.HEALTHY and not agent.drained],
        engines=sorted({engine for agent in agents for engine in agent.engines}),
    )


def _field_errors(error: ValidationError) -> dict[str, str]:
    assert isinstance(error.messages, dict)
    return {name: "; ".join(messages) for name, messages in error.messages.items()}
