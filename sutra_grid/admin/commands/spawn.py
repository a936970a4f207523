"""Spawns one node, or several identical ones. All functions raise ``GridError``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sutra_grid.admin.commands.batch import run_batch
from sutra_grid.admin.commands.readiness import run_and_wait
from sutra_grid.admin.upstream.master import derived_key
from sutra_grid.client.master_client import MasterClient
from sutra_grid.client.outcome import outcome
from sutra_grid.core.errors import GridError
from sutra_grid.core.types import Reason
from sutra_grid.wire import grid_pb2 as pb


def spawn_one(client: MasterClient, spawn: pb.SpawnRequest, query: Mapping[str, Any]) -> pb.NodeStatus:
    """Spawn one node. ``query`` is that of ``run_and_wait``."""

    def command(timeout_seconds: float | None) -> pb.NodeStatus:
        return outcome(client.spawn_node(spawn, timeout_seconds=timeout_seconds))

    return run_and_wait(client, command, query)


def spawn_many(
    client: MasterClient, body: Mapping[str, Any], key: str, count: int, query: Mapping[str, Any]
) -> list[pb.NodeStatus | GridError]:
    """Spawn ``count`` identical nodes: first one, then the rest a few at a time. Returns nodes or errors in order.

    A timeout in ``query`` is for all of them together; without one, each has the usual one.
    """
    if timeout_seconds := query.get("timeout"):
        client = client.within(timeout_seconds)

    def spawn(request: pb.SpawnRequest) -> pb.NodeStatus:
        return spawn_one(client, request, query)

    spawns = _identical_requests(body, key, count)
    [first] = run_batch(spawn, spawns[:1])
    if isinstance(first, GridError) and first.reason == Reason.REQUEST_ID_REUSED:
        raise first  # the key belongs to another request: spawn nothing
    return [first, *run_batch(spawn, spawns[1:])]


def _identical_requests(body: Mapping[str, Any], key: str, count: int) -> list[pb.SpawnRequest]:
    """One request per node. The first has the client's own key, so that the master records it as used."""
    keys = ["" if not key else key if number == 1 else derived_key(key, str(number)) for number in range(1, count + 1)]
    return [pb.SpawnRequest(request_id=each, of_count=count, **body) for each in keys]
