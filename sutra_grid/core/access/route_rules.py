"""Which roles may make which HTTP request: the one table of the admin.

A route is its method and its rule in Flask's URL map; HEAD is GET. A route that is not in the table is refused for
everyone, and a test fails for each one without a rule.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sutra_grid.core.access.identity import Role
from sutra_grid.core.access.principal import Principal, PrincipalKind
from sutra_grid.core.access.rpc_rules import Refusal


@dataclass(frozen=True, slots=True)
class RouteRule:
    """The roles that may use a route. ``is_open``: also a stranger, who has to log in somewhere."""

    roles: frozenset[Role]
    is_open: bool = False


_READ: Final = RouteRule(frozenset({Role.ADMIN, Role.OPERATOR, Role.VIEWER}))
_CHANGE: Final = RouteRule(frozenset({Role.ADMIN, Role.OPERATOR}))
_OPEN: Final = RouteRule(_READ.roles, is_open=True)

_ON_NODES: Final = "/ui/act/<any(start, stop, restart, remove):verb>"

ROUTE_RULES: Final[dict[str, RouteRule]] = {
    # the API
    "GET /": _READ,
    "GET /status": _READ,
    "GET /agents": _READ,
    "GET /agents/<agent_id>": _READ,
    "DELETE /agents/<agent_id>": _CHANGE,
    "POST /agents/<agent_id>/drain": _CHANGE,
    "POST /agents/<agent_id>/undrain": _CHANGE,
    "GET /nodes": _READ,
    "POST /nodes": _CHANGE,
    "GET /nodes/<node_id>": _READ,
    "DELETE /nodes/<node_id>": _CHANGE,
    "GET /nodes/<node_id>/logs": _READ,
    "GET /nodes/<node_id>/samples": _READ,
    "POST /nodes/<node_id>/start": _CHANGE,
    "POST /nodes/<node_id>/stop": _CHANGE,
    "POST /nodes/<node_id>/restart": _CHANGE,
    "POST /rolling-restarts": _CHANGE,
    "GET /events": _READ,
    "GET /openapi.json": _READ,
    "GET /docs": _READ,
    # monitoring: Prometheus sends the token of a viewer; health checks send nothing and learn no details
    "GET /metrics": _READ,
    "GET /livez": _OPEN,
    "GET /readyz": _OPEN,
    # the pages
    "GET /static/<path:filename>": _OPEN,
    "GET /ui/login": _OPEN,
    "POST /ui/login": _OPEN,
    "POST /ui/logout": _OPEN,
    "GET /ui/": _READ,
    "GET /ui/agents": _READ,
    "GET /ui/agents/<agent_id>": _READ,
    "GET /ui/nodes": _READ,
    "GET /ui/nodes/<node_id>": _READ,
    "GET /ui/nodes/<node_id>/log": _READ,
    "GET /ui/nodes/<node_id>/log/download": _READ,
    "GET /ui/events": _READ,
    "GET /ui/search": _READ,
    "GET /ui/rolling-restarts": _READ,
    "GET /ui/rolling-restarts/<roll_id>": _READ,
    "GET /ui/act/now": _READ,
    # forms that ask for confirmation, and what they send
    "GET /ui/spawn": _CHANGE,
    "POST /ui/spawn": _CHANGE,
    f"GET {_ON_NODES}": _CHANGE,
    f"POST {_ON_NODES}": _CHANGE,
    "GET /ui/agents/<agent_id>/<any(drain, undrain, remove):verb>": _CHANGE,
    "POST /ui/agents/<agent_id>/drain": _CHANGE,
    "POST /ui/agents/<agent_id>/undrain": _CHANGE,
    "POST /ui/agents/<agent_id>/remove": _CHANGE,
    "GET /ui/rolling-restarts/new": _CHANGE,
    "POST /ui/rolling-restarts/new": _CHANGE,
    "POST /ui/rolling-restarts/<roll_id>/stop": _CHANGE,
}

#: A path that no route has, or a method that its route does not: only who may read learns that.
NO_ROUTE: Final = _READ


def route_of(method: str, rule: str | None) -> str:
    """The key of the table; empty for a request without a route. OPTIONS asks about the route, and reads."""
    if rule is None or method == "OPTIONS":
        return ""
    return f"{'GET' if method == 'HEAD' else method} {rule}"


def route_refusal(principal: Principal, route: str) -> Refusal | None:
    """Why ``principal`` may not use ``route``; None when it may."""
    rule = ROUTE_RULES.get(route) if route else NO_ROUTE
    if rule is None:
        return Refusal(False, f"{route} may be used by nobody", "Use a newer version of the server")
    if rule.is_open or principal.kind is PrincipalKind.LOCAL:
        return None
    if principal.role is None:
        return Refusal(
            True,
            "this request needs a login or a token",
            "Log in at /ui/login, or send an API token: 'Authorization: Bearer sgt_...'",
        )
    if principal.role not in rule.roles:
        needed = " or ".join(sorted(rule.roles, reverse=True))
        return Refusal(
            False,
            f"{principal.actor_name or principal} has the role {principal.role}, and this needs the role {needed}",
            "Ask an administrator of the grid, or use another login or token",
        )
    return None


def may_change(principal: Principal) -> bool:
    """Whether pages show ``principal`` the buttons that change nodes and agents."""
    return principal.kind is PrincipalKind.LOCAL or principal.role in _CHANGE.roles
