"""``/livez`` and ``/readyz``: for load balancers, monitoring, and scripts that wait for a grid."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from flask import Blueprint, Response, jsonify

from sutra_grid.admin.links import master, registry
from sutra_grid.core.errors import GridError

blueprint = Blueprint("health", __name__)


@blueprint.get("/livez")
def show_alive() -> Response:
    """The process answers; it looks at nothing else."""
    return jsonify(status="alive")


@blueprint.get("/readyz")
def show_ready() -> tuple[Response, int]:
    """200 when reads work, 503 when not. Without the master reads go on: ``status`` is then ``read_only``."""
    parts = {"registry": _state(lambda: registry().check()), "master": _state(master().check)}
    if not parts["registry"]["ok"]:
        return jsonify(status="unavailable", **parts), HTTPStatus.SERVICE_UNAVAILABLE
    status = "ready" if parts["master"]["ok"] else "read_only"
    return jsonify(status=status, **parts), HTTPStatus.OK


def _state(check: Callable[[], None]) -> dict[str, Any]:
    try:
        check()
    except GridError as error:
        return {"ok": False, "reason": error.reason.value, "message": error.message, "hint": error.hint}
    return {"ok": True, "reason": "", "message": "", "hint": ""}
