"""The queries of lists: filter, sort and page. They load to what the registry is asked."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Final

from marshmallow import post_load

from sutra_grid.admin.http.fields import Flag, Text, WholeNumber
from sutra_grid.admin.http.schemas import RequestSchema
from sutra_grid.admin.schemas.requests import MAX_CURSOR_CHARACTERS, MAX_NAME_CHARACTERS
from sutra_grid.core.types import AgentStatus, Health, NodeStatus
from sutra_grid.registry import DEFAULT_LIMIT, MAX_LIMIT, AgentQuery, AgentSort, NodeQuery, NodeSort

_DESCENDING: Final = "-"


class ListQuery(RequestSchema):
    """Which page of a list."""

    cursor = Text(
        "`next_cursor` of the page before, with the same filter and sort", max_characters=MAX_CURSOR_CHARACTERS
    )
    limit = WholeNumber(f"At most so many; {DEFAULT_LIMIT} without it", 1, MAX_LIMIT)


class NodeFilter(ListQuery):
    """Which nodes, and in which order."""

    agent_id = Text("Only nodes of this agent", max_characters=MAX_NAME_CHARACTERS)
    status = Text("Only nodes of this status", choices=[*NodeStatus])
    engine = Text("Only nodes of this engine", max_characters=MAX_NAME_CHARACTERS)
    health = Text("Only nodes of whose health probe this is the answer", choices=[*Health])
    attention = Flag("Only nodes that a person should look at: should run and do not, failed, or fail their probe")
    q = Text("Only nodes with this in their id", max_characters=MAX_NAME_CHARACTERS)
    sort = Text(
        "By what; with - descending; rows of the same value by id. status: worst first",
        choices=[sign + name for name in NodeSort for sign in ("", _DESCENDING)],
    )

    @post_load
    def the_query(self, data: dict[str, Any], **_: Any) -> NodeQuery:
        """As the registry takes it."""
        return NodeQuery(
            **_renamed(data),
            **_chosen(data, {"status": NodeStatus, "health": Health}),
            **_sorted_by(data, NodeSort),
        )


class AgentFilter(ListQuery):
    """Which agents, and in which order."""

    status = Text("Only agents of this status", choices=[*AgentStatus])
    drained = Flag("Only agents that are drained, or only those that are not")
    platform = Text("Only agents of this platform", max_characters=MAX_NAME_CHARACTERS)
    label = Text("Only agents with this label: NAME or NAME=VALUE", max_characters=2 * MAX_NAME_CHARACTERS)
    q = Text("Only agents with this in their id or host name", max_characters=MAX_NAME_CHARACTERS)
    sort = Text(
        "By what; with - descending; rows of the same value by id. status: worst first; used: slots",
        choices=[sign + name for name in AgentSort for sign in ("", _DESCENDING)],
    )

    @post_load
    def the_query(self, data: dict[str, Any], **_: Any) -> AgentQuery:
        """As the registry takes it."""
        return AgentQuery(**_renamed(data), **_chosen(data, {"status": AgentStatus}), **_sorted_by(data, AgentSort))


def _renamed(data: dict[str, Any]) -> dict[str, Any]:
    """What the registry takes as it is."""
    names = {"q": "text"}
    special = {"status", "health", "sort"}
    return {names.get(name, name): value for name, value in data.items() if name not in special}


def _chosen(data: dict[str, Any], kinds: dict[str, type[StrEnum]]) -> dict[str, Any]:
    return {name: kind(data[name]) for name, kind in kinds.items() if name in data}


def _sorted_by(data: dict[str, Any], sorts: type[StrEnum]) -> dict[str, Any]:
    if "sort" not in data:
        return {}
    written: str = data["sort"]
    return {"sort": sorts(written.removeprefix(_DESCENDING)), "descending": written.startswith(_DESCENDING)}
