"""``/livez`` and ``/readyz``: health checks for load balancers, monitoring and scripts."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from flask import Response

from sutra_grid.admin.http.operations import Operations, ResponseSpec
from sutra_grid.admin.http.responses import json_response
from sutra_grid.admin.schemas.responses import AliveSchema, ReadySchema
from sutra_grid.admin.services import master, registry
from sutra_grid.admin.upstream.master import check_master
from sutra_grid.core.errors import GridError

blueprint = Operations("health", __name__, description="Health checks of the admin")

PROBLEMS = frozenset({400, 500})


@blueprint.operation("GET", "/livez", ResponseSpec(AliveSchema, "The process is alive"), problems=PROBLEMS)
def show_alive() -> Response:
    """Check that the process responds. Checks nothing else."""
    return json_response({"status": "alive"})


@blueprint.operation(
    "GET",
    "/readyz",
    ResponseSpec(ReadySchema, "Reads work. `read_only`: the master is unavailable, so commands fail"),
    ResponseSpec(ReadySchema, "Reads fail: the registry is unavailable", status=HTTPStatus.SERVICE_UNAVAILABLE),
    problems=PROBLEMS,
)
def show_ready() -> Response:
    """Check whether the registry and the master respond."""
    parts = {"registry": _state(lambda: registry().check()), "master": _state(lambda: check_master(master()))}
    if not parts["registry"]["ok"]:
        return json_response({"status": "unavailable", **parts}, HTTPStatus.SERVICE_UNAVAILABLE)
    return json_response({"status": "ready" if parts["master"]["ok"] else "read_only", **parts})


def _state(check: Callable[[], None]) -> dict[str, Any]:
    try:
        check()
    except GridError as error:
        return {"ok": False, "reason": error.reason.value, "message": error.message, "hint": error.hint}
    return {"ok": True, "reason": "", "message": "", "hint": ""}
