"""``POST /rolling-restarts``: some nodes or all, a few at a time, told line by line while it goes on."""

from __future__ import annotations

from typing import Any

from flask import Response, request

from sutra_grid.admin.commands.rolling_restart import RollingRestartRequest, rolling_restart_lines
from sutra_grid.admin.http.long_requests import is_client_gone
from sutra_grid.admin.http.operations import COMMAND_PROBLEMS, Operations, ResponseSpec
from sutra_grid.admin.http.responses import NDJSON, stream_response
from sutra_grid.admin.schemas.requests import RollingRestart
from sutra_grid.admin.services import long_requests, master
from sutra_grid.admin.upstream.master_caller import MasterCaller

blueprint = Operations("rolling restarts", __name__, description="Many nodes, a few at a time")


@blueprint.operation(
    "POST",
    "/rolling-restarts",
    ResponseSpec({"type": "string"}, "A RollingLine a line; the last one is of the kind end", content_type=NDJSON),
    body=RollingRestart,
    takes_key=True,
    problems=COMMAND_PROBLEMS,
)
def roll(body: dict[str, Any], key: str) -> Response:
    """Restart nodes one after the other, or some at a time.

    The next one is taken when the one before runs and is healthy. The first failure ends it; the last line says what
    is done, what is left, why it ended, and the request that takes it up again. It goes on only as long as the
    client reads: one that leaves ends it, and only the restarts that were begun are finished. A worker carries
    out one at a time.
    """
    long, environ = long_requests(), request.environ
    caller = MasterCaller(master(), key=key)
    slot = long.acquire_rolling_restart()
    try:
        lines = rolling_restart_lines(
            caller, RollingRestartRequest.of(body), lambda: long.is_worker_ending() or is_client_gone(environ)
        )
    except BaseException:
        slot.release()
        raise
    return stream_response(lines, slot, NDJSON)
