"""The commands that the API and the pages send to the master: one call each, or several together.

A ``key`` makes a retry harmless; an empty one is none. All raise ``GridError``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from enum import StrEnum
from typing import Any, Final, TypeVar

from sutra_grid.admin.commands.readiness import run_and_wait
from sutra_grid.admin.upstream.master_caller import derived_key
from sutra_grid.admin.upstream.master_link import MasterLink
from sutra_grid.client.caller import outcome
from sutra_grid.core.errors import GridError
from sutra_grid.core.types import Reason
from sutra_grid.wire import grid_pb2 as pb

T = TypeVar("T")
R = TypeVar("R")

TOGETHER: Final = 8


class Verb(StrEnum):
    """What is done to a node."""

    START = "start"
    STOP = "stop"
    RESTART = "restart"
    REMOVE = "remove"


class AgentVerb(StrEnum):
    """What is done to an agent that stays."""

    DRAIN = "drain"
    UNDRAIN = "undrain"


_METHODS: Final = {
    Verb.START: "StartStorageNode",
    Verb.RESTART: "RestartStorageNode",
    Verb.REMOVE: "RemoveStorageNode",
}
_AGENT_METHODS: Final = {AgentVerb.DRAIN: "DrainAgent", AgentVerb.UNDRAIN: "UndrainAgent"}


def command_node(
    link: MasterLink, verb: Verb, node_id: str, key: str, timeout_seconds: float | None = None
) -> pb.NodeStatus:
    """Do it to a node; the node as it is then."""
    if verb is Verb.STOP:
        stop = pb.StopRequest(node_id=node_id, request_id=key)
        return outcome(link.command("StopStorageNode", stop, pb.StopResponse, timeout_seconds))
    request = pb.NodeCommand(node_id=node_id, request_id=key)
    return outcome(link.command(_METHODS[verb], request, pb.NodeResult, timeout_seconds))


def command_agent(
    link: MasterLink, verb: AgentVerb, agent_id: str, key: str, timeout_seconds: float | None = None
) -> pb.AgentRecord:
    """Close an agent for new nodes or open it again; its record as it is then."""
    request = pb.AgentCommand(agent_id=agent_id, request_id=key)
    return link.command(_AGENT_METHODS[verb], request, pb.AgentRecord, timeout_seconds)


def forget_agent(link: MasterLink, agent_id: str, key: str) -> None:
    """Remove an agent that is offline or has no nodes."""
    link.command("RemoveAgent", pb.AgentCommand(agent_id=agent_id, request_id=key), pb.Empty)


def spawn_one(link: MasterLink, spawn: pb.SpawnRequest, query: Mapping[str, Any]) -> pb.NodeStatus:
    """One new node. ``query`` is that of ``run_and_wait``."""

    def command(timeout_seconds: float | None) -> pb.NodeStatus:
        return outcome(link.command("SpawnStorageNode", spawn, pb.SpawnResponse, timeout_seconds))

    return run_and_wait(link, command, query)


def spawn_many(
    link: MasterLink, body: Mapping[str, Any], key: str, count: int, query: Mapping[str, Any]
) -> list[pb.NodeStatus | GridError]:
    """``count`` new nodes alike, and what came of each, in order; after the first some are under way together."""

    def spawn(request: pb.SpawnRequest) -> pb.NodeStatus:
        return spawn_one(link, request, query)

    spawns = _alike(body, key, count)
    [first] = together(spawn, spawns[:1])
    if isinstance(first, GridError) and first.reason == Reason.REQUEST_ID_REUSED:
        raise first  # the key came with another request before: none of this one's is spawned
    return [first, *together(spawn, spawns[1:])]


def together(command: Callable[[T], R], each: Iterable[T]) -> list[R | GridError]:
    """Carry out several, some at a time: what came of each, in order. What is logged of them belongs to the request."""

    def result(one: T) -> R | GridError:
        try:
            return command(one)
        except GridError as error:
            return error

    with ThreadPoolExecutor(TOGETHER, thread_name_prefix="command") as pool:
        under_way = [pool.submit(copy_context().run, result, one) for one in each]
        return [future.result() for future in under_way]


def _alike(body: Mapping[str, Any], key: str, count: int) -> list[pb.SpawnRequest]:
    """The requests of several; the first has the client's key itself, so that it counts as used."""
    keys = ["" if not key else key if number == 1 else derived_key(key, str(number)) for number in range(1, count + 1)]
    return [pb.SpawnRequest(request_id=each, of_count=count, **body) for each in keys]
