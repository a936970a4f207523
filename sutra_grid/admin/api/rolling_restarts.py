"""``POST /rolling-restarts``: restart many nodes, a few at a time, and stream the progress as JSON lines."""

from __future__ import annotations

from typing import Any

from flask import Response, request

from sutra_grid.admin.commands.rolling_restart import RollingRestartRequest, rolling_restart_lines
from sutra_grid.admin.http.long_requests import is_client_gone
from sutra_grid.admin.http.operations import COMMAND_PROBLEMS, Operations, ResponseSpec
from sutra_grid.admin.http.responses import NDJSON, stream_response
from sutra_grid.admin.schemas.requests import RollingRestart
from sutra_grid.admin.schemas.responses import RollingLineSchema
from sutra_grid.admin.services import long_requests, master
from sutra_grid.admin.upstream.master import keys_of

blueprint = Operations("rolling restarts", __name__, description="Restarts of many nodes, a few at a time")


@blueprint.operation(
    "POST",
    "/rolling-restarts",
    ResponseSpec(RollingLineSchema, "One RollingLine per line; the last one has the kind `end`", content_type=NDJSON),
    body=RollingRestart,
    takes_key=True,
    problems=COMMAND_PROBLEMS,
)
def roll(body: dict[str, Any], key: str) -> Response:
    """Restart nodes one after the other, or a few at a time.

    The next node follows when the previous one runs and is healthy. The first failure ends the rolling restart. The
    last line lists what is done and what is left, the failure, and the request that resumes it. The rolling restart
    continues only while the client reads: when the client disconnects, only the restarts in progress are finished.
    A worker runs one at a time.
    """
    long, environ = long_requests(), request.environ
    client = master().scoped(key_of=keys_of(key))
    slot = long.acquire_rolling_restart()
    try:
        lines = rolling_restart_lines(
            client, RollingRestartRequest.of(body), lambda: long.is_worker_ending() or is_client_gone(environ)
        )
    except BaseException:
        slot.release()
        raise
    return stream_response(lines, slot, NDJSON)
