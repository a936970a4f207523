"""Queries of lists: filters, order and page. They load to the registry's query types."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Final

from marshmallow import post_load

from sutra_grid.admin.http.fields import Flag, Text, WholeNumber
from sutra_grid.admin.http.schemas import RequestSchema
from sutra_grid.admin.schemas.requests import MAX_CURSOR_CHARACTERS, MAX_NAME_CHARACTERS
from sutra_grid.core.listed_status import ListedStatus
from sutra_grid.core.types import AgentStatus, Health
from sutra_grid.registry import DEFAULT_LIMIT, MAX_LIMIT, AgentQuery, AgentSort, NodeQuery, NodeSort

_DESCENDING: Final = "-"


class ListQuery(RequestSchema):
    """The page of a list."""

    cursor = Text(
        "`next_cursor` of the previous page, with the same filters and `sort`", max_characters=MAX_CURSOR_CHARACTERS
    )
    limit = WholeNumber(f"Maximum number of rows; default {DEFAULT_LIMIT}", 1, MAX_LIMIT)


class NodeFilter(ListQuery):
    """Filters and order of nodes."""

    agent_id = Text("Only nodes of this agent", max_characters=MAX_NAME_CHARACTERS)
    status = Text(
        "Only nodes that are listed with this status. running includes unhealthy ones, starting those in back-off",
        choices=[*ListedStatus],
    )
    engine = Text("Only nodes of this engine", max_characters=MAX_NAME_CHARACTERS)
    health = Text("Only nodes with this result of the health probe", choices=[*Health])
    attention = Flag(
        "Only nodes that need attention: not running although they should, failed, or failing their health probe"
    )
    q = Text(
        "Only nodes whose id, engine or endpoint contains this text, or with this port; ignores case",
        max_characters=MAX_NAME_CHARACTERS,
    )
    sort = Text(
        "Sort key; a leading - sorts descending. Equal rows are sorted by id. status: worst first",
        choices=[sign + name for name in NodeSort for sign in ("", _DESCENDING)],
    )

    @post_load
    def the_query(self, data: dict[str, Any], **_: Any) -> NodeQuery:
        """Convert to the registry's query."""
        return NodeQuery(
            **_renamed(data),
            **_chosen(data, {"status": ListedStatus, "health": Health}),
            **_sorted_by(data, NodeSort),
        )


class AgentFilter(ListQuery):
    """Filters and order of agents."""

    status = Text("Only agents with this status", choices=[*AgentStatus])
    drained = Flag("true: only drained agents; false: only agents that are not drained")
    platform = Text("Only agents on this platform", max_characters=MAX_NAME_CHARACTERS)
    label = Text("Only agents with this label: NAME or NAME=VALUE", max_characters=2 * MAX_NAME_CHARACTERS)
    q = Text(
        "Only agents whose id, host name or endpoint contains this text; ignores case",
        max_characters=MAX_NAME_CHARACTERS,
    )
    sort = Text(
        "Sort key; a leading - sorts descending. Equal rows are sorted by id. status: worst first; used: slots used",
        choices=[sign + name for name in AgentSort for sign in ("", _DESCENDING)],
    )

    @post_load
    def the_query(self, data: dict[str, Any], **_: Any) -> AgentQuery:
        """Convert to the registry's query."""
        return AgentQuery(**_renamed(data), **_chosen(data, {"status": AgentStatus}), **_sorted_by(data, AgentSort))


def _renamed(data: dict[str, Any]) -> dict[str, Any]:
    """Filters that need no conversion, under the registry's names."""
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
