"""Finds the node or agent that a person means by the beginning of its id, as docker does.

An exact id always wins: the master is asked with what was given, and only what it does not know is looked for among
the beginnings. So an id that is whole costs no other call, and a beginning never changes what a whole id means.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, TypeVar

from sutra_grid.client.master_client import MasterClient
from sutra_grid.core.errors import GridError, InvalidArgument, NotFound
from sutra_grid.core.types import Reason

T = TypeVar("T")

#: Every id of a node begins so: it alone names no node.
NODE_WORD: Final = "node-"
#: Candidates that a message names.
MAX_NAMED: Final = 8


def on_node(client: MasterClient, given: str, act: Callable[[str], T]) -> T:
    """Call ``act`` with the id of the node that ``given`` is, or is the beginning of. Raises GridError."""
    return _on(given, act, Reason.UNKNOWN_NODE, lambda: _node_ids(client), matching_nodes, "node")


def on_agent(client: MasterClient, given: str, act: Callable[[str], T]) -> T:
    """Call ``act`` with the id of the agent that ``given`` is, or is the beginning of. Raises GridError."""
    return _on(given, act, Reason.UNKNOWN_AGENT, lambda: _agent_ids(client), matching_agents, "agent")


def full_node_ids(client: MasterClient, given: Iterable[str]) -> list[str]:
    """The whole ids, as a question or a selection names them. One that matches nothing stays as it is.

    Raises InvalidArgument for a beginning of several.
    """
    return _full(given, _node_ids(client), matching_nodes, "node")


def full_agent_ids(client: MasterClient, given: Iterable[str]) -> list[str]:
    """As ``full_node_ids``."""
    return _full(given, _agent_ids(client), matching_agents, "agent")


def matching_nodes(given: str, ids: Iterable[str]) -> list[str]:
    """The ids that begin with ``given``; none for a part of the word that all begin with."""
    return [] if NODE_WORD.startswith(given) else sorted(name for name in ids if name.startswith(given))


def matching_agents(given: str, ids: Iterable[str]) -> list[str]:
    """The ids that begin with ``given``. A number is not cut: ``agent-1`` is no beginning of ``agent-12``.

    People number their agents, and a script that still names agent-1 must not reach another one.
    """

    def begins(name: str) -> bool:
        return name.startswith(given) and not (given[-1:].isdigit() and name[len(given) :][:1].isdigit())

    return sorted(name for name in ids if given and begins(name))


def _on(
    given: str,
    act: Callable[[str], T],
    unknown: Reason,
    read_ids: Callable[[], list[str]],
    matching: Callable[[str, Iterable[str]], list[str]],
    what: str,
) -> T:
    try:
        return act(given)
    except NotFound as error:
        if error.reason is not unknown:
            raise
        try:
            ids = read_ids()
        except GridError:
            raise error from None
        found = matching(given, ids)
        if not found or given in ids:
            raise
    return act(_only(given, found, what))


def _full(
    given: Iterable[str], ids: list[str], matching: Callable[[str, Iterable[str]], list[str]], what: str
) -> list[str]:
    known = set(ids)
    names = []
    for name in given:
        found = [] if name in known else matching(name, ids)
        names.append(_only(name, found, what) if found else name)
    return names


def _only(given: str, found: list[str], what: str) -> str:
    if len(found) == 1:
        return found[0]
    named = ", ".join(found[:MAX_NAMED])
    more = f" and {len(found) - MAX_NAMED} more" if len(found) > MAX_NAMED else ""
    raise InvalidArgument(
        f"{given!r} is the beginning of {len(found)} {what}s: {named}{more}",
        reason=Reason.INVALID_ARGUMENT,
        hint="Give more characters of the id",
    )


def _node_ids(client: MasterClient) -> list[str]:
    return [node.node_id for node in client.list_nodes().nodes]


def _agent_ids(client: MasterClient) -> list[str]:
    return [agent.agent_id for agent in client.list_agents().agents]
