"""Metrics of the grid for Prometheus, computed from the registry at each scrape.

Every worker therefore returns the same values. The admin's own requests are not measured, because each worker would
return different numbers. The access log has them.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from sutra_grid import __version__
from sutra_grid.core.status import Facts, Tally, is_missing, is_unhealthy, is_unstable, status_of, summarize
from sutra_grid.core.types import AgentStatus, ClusterHealth, Desired, NodeStatus, ReachState
from sutra_grid.registry import AgentPulse, GridCounts, NodeCount

QUANTILES: Final = (0.5, 0.9, 0.99, 1.0)
EVENTS_WINDOW_MS: Final = 3_600_000
DEFAULT_ENGINE: Final = "storage"
"""The engine that an agent assigns to a node without one."""


_NONE: Final[Mapping[str, int]] = {}


class GridCollector(Collector):
    """The metrics of one scrape. ``counts`` is None when the registry is unavailable.

    ``is_master_up``: the admin can ask the master. If not, the status of the grid is unknown.
    """

    def __init__(
        self, counts: GridCounts | None, now_ms: int, *, is_master_up: bool = True, refused: Mapping[str, int] = _NONE
    ) -> None:
        self._refused = refused
        self._counts = counts
        self._now_ms = now_ms
        self._is_master_up = is_master_up

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics. Called once per scrape."""
        yield _labelled("sutra_grid_build_info", "Always 1. The label has the version", "version", {__version__: 1})
        yield GaugeMetricFamily(
            "sutra_grid_registry_up",
            "1 if the registry responds. If 0, the other grid metrics are absent",
            value=self._counts is not None,
        )
        if self._counts is not None:
            yield _cluster_status(self._counts, is_master_up=self._is_master_up)
            yield GaugeMetricFamily(
                "sutra_grid_master_last_seen_timestamp_seconds",
                "When the master last wrote to the registry, up to some seconds late. 0 if it never did",
                value=self._counts.master_last_seen_ms / 1000,
            )
            yield from _agents(self._counts.agents, self._now_ms)
            yield from _nodes(self._counts.nodes)
            yield from _events(self._counts)
            yield _refusals(self._refused)


def _refusals(refused: Mapping[str, int]) -> Metric:
    metric = CounterMetricFamily(
        "sutra_grid_admin_refused_requests",
        "Requests without a login or a right, and logins that failed, a few seconds late",
        labels=["kind"],
    )
    for kind, number in refused.items():
        metric.add_metric([kind], number)
    return metric


def _cluster_status(counts: GridCounts, *, is_master_up: bool) -> Metric:
    nodes: Counter[tuple[Facts, AgentStatus | None]] = Counter()
    for node in counts.nodes:
        nodes[node.facts, node.agent_status] += node.nodes
    tally = Tally(Counter(agent.status for agent in counts.agents), nodes)
    now = summarize(tally, (), ()).status if is_master_up else ClusterHealth.UNKNOWN
    return _labelled(
        "sutra_grid_cluster_status",
        "1 for the current status of the grid, 0 for the others",
        "status",
        {health.value: health is now for health in ClusterHealth},
    )


def _agents(agents: Sequence[AgentPulse], now_ms: int) -> Iterator[Metric]:
    statuses = Counter(agent.status for agent in agents)
    yield _labelled(
        "sutra_grid_agents", "Agents by status", "status", {one.value: statuses[one] for one in AgentStatus}
    )
    drained = sum(agent.drained for agent in agents)
    yield GaugeMetricFamily("sutra_grid_agents_drained", "Drained agents, which get no new nodes", value=drained)
    unreachable = sum(
        agent.reachability == ReachState.UNREACHABLE and agent.status is not AgentStatus.OFFLINE for agent in agents
    )
    yield GaugeMetricFamily(
        "sutra_grid_agents_unreachable",
        "Agents that send heartbeats and that the master can't call back",
        value=unreachable,
    )
    open_slots = sum(
        agent.max_storage_nodes for agent in agents if agent.status is AgentStatus.HEALTHY and not agent.drained
    )
    yield GaugeMetricFamily("sutra_grid_slots", "Total slots of healthy agents that are not drained", value=open_slots)
    yield _heartbeat_ages(sorted(max(0, now_ms - agent.last_heartbeat_ms) / 1000 for agent in agents))


def _heartbeat_ages(ages_seconds: Sequence[float]) -> Metric:
    ages = Metric(
        "sutra_grid_agents_heartbeat_age_seconds",
        "Time since the last heartbeat of the agents, up to a second late. Quantile 1 is the oldest",
        "summary",
    )
    for quantile in QUANTILES if ages_seconds else ():
        rank = max(math.ceil(quantile * len(ages_seconds)), 1)
        ages.add_sample(ages.name, {"quantile": str(quantile)}, ages_seconds[rank - 1])
    return ages


def _nodes(nodes: Sequence[NodeCount]) -> Iterator[Metric]:
    shown: Counter[tuple[NodeStatus, str]] = Counter()
    missing: Counter[str] = Counter()
    shaky = {judge: Counter[str]() for judge in (is_unhealthy, is_unstable)}
    restarts: Counter[str] = Counter()
    engines = {DEFAULT_ENGINE} | {node.engine or DEFAULT_ENGINE for node in nodes}
    for node in nodes:
        engine = node.engine or DEFAULT_ENGINE
        if node.facts.desired is not Desired.ABSENT:
            shown[status_of(node.facts, node.agent_status), engine] += node.nodes
        if is_missing(node.facts, node.agent_status):
            missing[engine] += node.nodes
        for judge, found in shaky.items():
            found[engine] += node.nodes if judge(node.facts, node.agent_status) else 0
        restarts[engine] += node.restarts
    by_status = GaugeMetricFamily("sutra_grid_nodes", "Nodes by status and engine", labels=["status", "engine"])
    for engine in sorted(engines):
        for status in NodeStatus:
            by_status.add_metric([status.value, engine], shown[status, engine])
    yield by_status
    yield _labelled(
        "sutra_grid_nodes_missing",
        "Nodes that should run but are not known to run",
        "engine",
        {engine: missing[engine] for engine in sorted(engines)},
    )
    for name, judge, help_ in (
        ("sutra_grid_nodes_unhealthy", is_unhealthy, "Nodes that run and fail their health probe"),
        ("sutra_grid_nodes_unstable", is_unstable, "Nodes that run again after a crash and were not stable since"),
    ):
        yield _labelled(name, help_, "engine", {engine: shaky[judge][engine] for engine in sorted(engines)})
    yield _labelled(
        "sutra_grid_nodes_restarts",
        "Restarts of the existing nodes. Decreases when a node is removed",
        "engine",
        {engine: restarts[engine] for engine in sorted(engines)},
    )


def _events(counts: GridCounts) -> Iterator[Metric]:
    yield CounterMetricFamily("sutra_grid_events", "Events since the registry was created", value=counts.last_event_id)
    yield _labelled(
        "sutra_grid_events_last_hour", "Events of the last hour by kind", "kind", dict(sorted(counts.events.items()))
    )


def _labelled(name: str, help_: str, label: str, values: Mapping[str, float]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, help_, labels=[label])
    for value, number in values.items():
        family.add_metric([value], number)
    return family
