"""``/livez`` and ``/readyz``: health checks for load balancers, monitoring and scripts."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from flask import Response

from sutra_grid.admin.access.guard import current_principal
from sutra_grid.admin.http.operations import Operations, ResponseSpec
from sutra_grid.admin.http.responses import json_response
from sutra_grid.admin.schemas.requests import ReadyQuery
from sutra_grid.admin.schemas.responses import AliveSchema, ReadySchema
from sutra_grid.admin.services import master_fault, registry
from sutra_grid.core.errors import GridError

blueprint = Operations("health", __name__, description="Health checks of the admin")

PROBLEMS = frozenset({400, 500})


@blueprint.operation(
    "GET", "/livez", ResponseSpec(AliveSchema, "The process is alive"), problems=PROBLEMS, needs_login=False
)
def show_alive() -> Response:
    """Check that the process responds. Checks nothing else."""
    return json_response({"status": "alive"})


@blueprint.operation(
    "GET",
    "/readyz",
    ResponseSpec(ReadySchema, "Registry and master respond. With `exclude=master`: the registry responds"),
    ResponseSpec(
        ReadySchema,
        "`read_only`: the master can't be asked, so commands fail, and reads return what was last known. "
        "`unavailable`: reads fail too, because the registry does not respond",
        status=HTTPStatus.SERVICE_UNAVAILABLE,
    ),
    query=ReadyQuery,
    problems=PROBLEMS,
    needs_login=False,
)
def show_ready(query: Mapping[str, Any]) -> Response:
    """Check whether the registry and the master respond.

    503 unless both do. A load balancer that shall keep the pages reachable while the master is away asks with
    `exclude=master`: the status is then `read_only`, with 200. Without a login or a token, messages and hints are
    empty.
    """
    parts = {"registry": _registry_part(), "master": _part(master_fault())}
    if not parts["registry"]["ok"]:
        return json_response({"status": "unavailable", **parts}, HTTPStatus.SERVICE_UNAVAILABLE)
    if parts["master"]["ok"]:
        return json_response({"status": "ready", **parts})
    is_excluded = query.get("without") == "master"
    return json_response(
        {"status": "read_only", **parts}, HTTPStatus.OK if is_excluded else HTTPStatus.SERVICE_UNAVAILABLE
    )


def _registry_part() -> dict[str, Any]:
    try:
        registry().check()
    except GridError as error:
        return _part(error)
    return _part(None)


def _part(fault: GridError | None) -> dict[str, Any]:
    if fault is None:
        return {"ok": True, "reason": "", "message": "", "hint": ""}
    if current_principal().role is None:  # the words name addresses and files
        return {"ok": False, "reason": fault.reason.value, "message": "", "hint": ""}
    return {"ok": False, "reason": fault.reason.value, "message": fault.message, "hint": fault.hint}
