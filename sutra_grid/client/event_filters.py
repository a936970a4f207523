"""Which filters of events a master of an earlier version has not applied. Pure.

Such a master ignores fields that it does not know, and answers as if they were absent.
"""

from __future__ import annotations

from sutra_grid.core.actor_names import matches_actor
from sutra_grid.wire import grid_pb2 as pb


def ignored_filters(request: pb.ListEventsRequest, event: pb.Event) -> list[str]:
    """The options of ``request`` that exclude ``event``, which the master has returned nevertheless."""
    text = request.text.lower()
    searched = (event.message, event.kind, event.reason, event.agent_id, event.node_id)
    excludes = {
        "--reason": request.reason not in ("", event.reason),
        "--actor": bool(request.actor) and not matches_actor(request.actor, event.actor, event.actor_name),
        "--since": event.at_ms < request.since_ms,
        "--until": bool(request.until_ms) and event.at_ms > request.until_ms,
        "--grep": not any(text in value.lower() for value in searched),
    }
    return [option for option, excluded in excludes.items() if excluded]
