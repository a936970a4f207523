"""The metrics of an agent about its nodes, its host and itself."""

from collections.abc import Mapping
from dataclasses import replace

from prometheus_client import CollectorRegistry, generate_latest
from support.documents.scrape import Scrape, parse
from support.harness.http import Answer
from support.values.grid_values import HOST, a_node, a_report, an_agent

from sutra_grid.agent.metrics import MetricsSources, _AgentCollector
from sutra_grid.core.samples import HostSample
from sutra_grid.core.types import Desired, Health, NodeReport, NodeState

NODE = {"agent_id": "agent-1", "node_id": "node-00000001", "engine": "storage"}


class Beats:
    def __init__(self, session_id: str = "session-1") -> None:
        self.session_id = session_id

    def counts(self) -> Mapping[str, int]:
        return {"ok": 7, "unavailable": 2}


def told(*reports: NodeReport, host: HostSample | None = HOST, session_id: str = "session-1") -> Scrape:
    registry = CollectorRegistry()
    registry.register(_AgentCollector(MetricsSources(an_agent(), lambda: reports, lambda: host, Beats(session_id))))
    return parse(Answer(200, "text/plain", generate_latest(registry)))


def test_a_running_node_is_told_in_base_units() -> None:
    found = told(a_report(a_node()))
    values = {name: found.value(f"sutra_grid_node_{name}", **NODE) for name in ("up", "desired", "failed", "healthy")}
    assert values == {"up": 1, "desired": 1, "failed": 0, "healthy": 1}
    assert found.value("sutra_grid_node_restarts_total", **NODE) == 2
    assert found.value("sutra_grid_node_start_time_seconds", **NODE) == 2.0
    assert found.value("sutra_grid_node_memory_limit_bytes", **NODE) == 2 << 30
    assert found.value("sutra_grid_node_resident_memory_bytes", **NODE) == 44 << 20
    assert found.value("sutra_grid_node_cpu_ratio", **NODE) == 0.035


def test_a_failed_node_is_not_up_and_what_is_not_known_of_it_is_left_out() -> None:
    report = a_report(a_node(), state=NodeState.FAILED, pid=0, health=Health.UNKNOWN, started_at_ms=0, sample=None)
    found = told(report)
    assert (found.value("sutra_grid_node_up"), found.value("sutra_grid_node_failed")) == (0, 1)
    for name in ("healthy", "start_time_seconds", "resident_memory_bytes", "cpu_ratio"):
        assert found.values(f"sutra_grid_node_{name}") == [], name


def test_a_node_that_hangs_is_up_and_not_healthy() -> None:
    found = told(a_report(a_node(), health=Health.UNHEALTHY))
    assert (found.value("sutra_grid_node_up"), found.value("sutra_grid_node_healthy")) == (1, 0)


def test_a_stopped_node_is_neither_up_nor_desired() -> None:
    found = told(a_report(a_node(), desired=Desired.STOPPED, state=NodeState.STOPPED, pid=0))
    assert (found.value("sutra_grid_node_up"), found.value("sutra_grid_node_desired")) == (0, 0)


def test_a_node_whose_engine_is_not_resolved_has_the_default_one() -> None:
    report = a_report(a_node())
    assert (
        told(replace(report, spec=replace(report.spec, engine=""))).value("sutra_grid_node_up", engine="storage") == 1
    )


def test_host_and_agent_are_told() -> None:
    found = told()
    assert found.value("sutra_grid_host_cpu_ratio", agent_id="agent-1") == 0.125
    assert found.value("sutra_grid_host_disk_free_bytes") == 1 << 39
    assert found.value("sutra_grid_agent_slots") == 10
    assert found.value("sutra_grid_agent_registered") == 1
    assert found.value("sutra_grid_agent_heartbeats_total", code="unavailable") == 2
    assert found.value("sutra_grid_agent_info", hostname="host-of-agent-1", platform="docker", version="0.1.0") == 1


def test_an_agent_without_a_session_and_a_sample_says_so() -> None:
    found = told(host=None, session_id="")
    assert found.value("sutra_grid_agent_registered") == 0
    assert found.values("sutra_grid_host_cpus") == []
