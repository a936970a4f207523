"""The metrics of a live grid, and that the documentation, rules and dashboard use their names."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from support.documents.monitoring import JOBS, alert_expressions, dashboard_expressions
from support.documents.promql import Selector, grouped_by, selectors
from support.documents.scrape import Scrape, scrape
from support.harness.daemons import Daemon, write_config
from support.harness.grid import PATIENT, Grid, GridSpec
from support.harness.processes import kill
from support.waiting import eventually

from sutra_grid.wire import grid_pb2 as pb

PAGE = Path(__file__).parents[2] / "docs/monitoring.md"

OF_PROMETHEUS = {"job", "instance", "le"}
METHOD = "grid.GridMaster/"


@pytest.fixture(scope="module")
def grid(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Grid]:
    spec = GridSpec(
        heartbeat_seconds=0.2, master_extra=PATIENT, with_metrics=True, extra={"restart": {"stable_secs": 0.0}}
    )
    with Grid(tmp_path_factory.mktemp("grid"), spec) as grid:
        yield grid


@pytest.fixture(scope="module")
def node_id(grid: Grid) -> str:
    """A node that runs, after calls that went wrong in several ways."""
    node = grid.grpc.spawn("agent-1")
    assert not grid.stub.SpawnStorageNode(pb.SpawnRequest(storage_path="/etc"), timeout=10).success
    with pytest.raises(grpc.RpcError):
        grid.stub.GetStorageNodeStatus(pb.NodeId(node_id="nobody"), timeout=10)
    with grpc.insecure_channel(grid.master_address) as channel, pytest.raises(grpc.RpcError):
        channel.unary_unary("/grid.GridMaster/Explode")(b"", timeout=10)
    return str(node.node_id)


def of_master(grid: Grid) -> Scrape:
    return scrape(grid.master_metrics_address)


def of_agent(grid: Grid) -> Scrape:
    return scrape(grid.agent_metrics_address())


def of_admin(grid: Grid) -> Scrape:
    return scrape(grid.admin_address)


def everything(grid: Grid) -> dict[str, Scrape]:
    return dict(zip(JOBS, (of_admin(grid), of_master(grid), of_agent(grid)), strict=True))


# -- what is made of the metrics --


def unknown(selector: Selector, labels: dict[str, set[str]], scrapes: dict[str, Scrape]) -> str:
    """The parts of a selector that no daemon exposes; empty when all are there."""
    if selector.name == "up":
        job = dict(selector.equals).get("job", JOBS[0] if "job" in selector.labels else "")  # or a pattern of jobs
        return "" if job in JOBS else f"{selector} is of no job"
    if not any(selector.name in one.names() for one in scrapes.values()):
        return f"{selector.name} is exposed by nobody"
    if not selector.labels - OF_PROMETHEUS <= labels.get(selector.name, set()):
        return f"{selector.name} has not the labels {set(selector.labels)}"
    wanted = {label: value for label, value in selector.equals if label not in OF_PROMETHEUS}
    job = dict(selector.equals).get("job")
    asked = [scrapes[job]] if job else list(scrapes.values())
    return "" if any(one.values(selector.name, **wanted) for one in asked) else f"{selector} matches nothing"


@pytest.mark.parametrize("source", ["alerts", "dashboard"])
def test_every_name_label_and_value_that_is_asked_for_is_exposed(grid: Grid, node_id: str, source: str) -> None:
    eventually(lambda: of_agent(grid).values("sutra_grid_node_healthy"), message="a probe")
    scrapes = everything(grid)
    labels: dict[str, set[str]] = {}
    for one in scrapes.values():
        for name, found in one.labels().items():
            labels.setdefault(name, set()).update(found)
    expressions = alert_expressions() if source == "alerts" else dashboard_expressions()
    assert len(expressions) >= 20

    faults = []
    for expression in expressions:
        asked = list(selectors(expression))
        assert asked, f"no series is read from {expression}"
        faults += [f"{fault}: {expression}" for selector in asked if (fault := unknown(selector, labels, scrapes))]
        known = OF_PROMETHEUS.union(*(labels.get(selector.name, set()) for selector in asked))
        faults += [f"no label {label}: {expression}" for label in grouped_by(expression) - known]
    assert not faults, "\n".join(faults)


# -- the page --


def page_table() -> dict[tuple[str, str], tuple[str, set[str]]]:
    """By daemon and name: type and labels, as docs/monitoring.md has them."""
    found: dict[tuple[str, str], tuple[str, set[str]]] = {}
    job = ""
    for line in PAGE.read_text().splitlines():
        if line.startswith("### "):
            job = line.removeprefix("### ").split()[0].strip("`")
        row = re.match(r"^\| `((?:sutra_grid|process)_\w+)` \| (\w+) \|([^|]*)\|", line)
        if row:
            found[job, row[1]] = (row[2], set(re.findall(r"`(\w+)`", row[3])))
    return found


def test_the_table_of_the_page_is_what_a_live_grid_exposes(grid: Grid, node_id: str) -> None:
    eventually(lambda: of_agent(grid).values("sutra_grid_node_healthy"), message="a probe")
    table = page_table()
    live: dict[tuple[str, str], tuple[str, set[str]]] = {}
    for job, one in everything(grid).items():
        labels = one.labels()
        for family, kind in one.families.items():
            name = f"{family}_total" if kind == "counter" else family
            sample = f"{family}_count" if kind == "histogram" else name
            # A refusal by an agent is rare: none was made, so its labels are those of the page.
            own = labels[sample] if sample in labels else table.get((job, name), ("", set()))[1]
            live[job, name] = (kind, own)
    assert table == live


# -- what the numbers say --


def test_calls_are_counted_by_method_and_code(grid: Grid, node_id: str) -> None:
    found = of_master(grid)
    calls = "sutra_grid_rpc_duration_seconds_count"
    assert found.value(calls, method=METHOD + "SpawnStorageNode", code="OK") == 2
    assert found.value("sutra_grid_rpc_refusals_total", method=METHOD + "SpawnStorageNode") == 1
    assert found.value("sutra_grid_rpc_refusals_total", reason="path_outside_data") == 1
    assert found.value(calls, method=METHOD + "GetStorageNodeStatus", code="NOT_FOUND") >= 1
    assert found.value(calls, method="unknown", code="UNIMPLEMENTED") == 1
    assert not any("Explode" in one.labels.get("method", "") for one in found.samples)
    assert found.value("sutra_grid_master_heartbeats_total", answer="acknowledged") > 0
    assert found.value("sutra_grid_master_flush_duration_seconds_count") > 0
    assert found.value("sutra_grid_master_registry_failures_total") == 0
    agent = of_agent(grid)
    assert agent.value(calls, method="grid.GridAgent/Apply", code="OK") >= 1
    assert agent.value("sutra_grid_agent_heartbeats_total", code="ok") > 0
    assert agent.value("sutra_grid_agent_registered") == 1


def test_a_node_that_was_killed_is_up_again_with_a_restart_more(grid: Grid, node_id: str) -> None:
    def restarts() -> float:
        return of_agent(grid).value("sutra_grid_node_restarts_total", node_id=node_id)

    before, pid = restarts(), grid.grpc.show(node_id).pid
    started = of_agent(grid).value("sutra_grid_node_start_time_seconds", node_id=node_id)
    kill([pid])

    eventually(lambda: restarts() == before + 1, message="the restart counted")
    up = {"node_id": node_id, "agent_id": "agent-1", "engine": "storage"}
    eventually(lambda: of_agent(grid).value("sutra_grid_node_up", **up) == 1, message="up again")
    assert of_agent(grid).value("sutra_grid_node_start_time_seconds", node_id=node_id) > started
    eventually(lambda: of_agent(grid).values("sutra_grid_node_resident_memory_bytes", **up), message="a sample")
    assert of_agent(grid).value("sutra_grid_node_resident_memory_bytes", **up) > 1_000_000
    eventually(
        lambda: of_admin(grid).value("sutra_grid_nodes_restarts", engine="storage") == before + 1,
        message="the restart in the registry",
    )
    eventually(lambda: of_admin(grid).values("sutra_grid_events_last_hour", kind="node.restarted"), message="its event")


def test_an_agent_that_was_killed_is_offline_and_its_nodes_unknown(grid: Grid, node_id: str) -> None:
    eventually(lambda: of_admin(grid).value("sutra_grid_cluster_status", status="healthy") == 1, message="all well")
    agent = grid.agents["agent-1"]
    agent.kill()

    eventually(lambda: of_admin(grid).value("sutra_grid_agents", status="offline") == 1, message="offline")
    found = of_admin(grid)
    assert found.value("sutra_grid_agents", status="healthy") == 0
    assert found.value("sutra_grid_agents_heartbeat_age_seconds", quantile="1.0") > 1.0
    assert found.total("sutra_grid_nodes", status="unknown") == 1
    assert found.value("sutra_grid_nodes_missing", engine="storage") == 1
    assert found.value("sutra_grid_cluster_status", status="critical") == 1

    agent.start()
    agent.wait_ready()
    grid.wait_agents("healthy")
    eventually(lambda: of_admin(grid).value("sutra_grid_agents", status="healthy") == 1, message="healthy again")
    assert of_agent(grid).value("sutra_grid_node_restarts_total", node_id=node_id) >= 0


def test_a_removed_node_leaves_no_series_behind(grid: Grid) -> None:
    node = grid.grpc.spawn("agent-1")
    assert of_agent(grid).value("sutra_grid_node_up", node_id=node.node_id) == 1
    grid.grpc.remove(node.node_id)
    eventually(
        lambda: not any(one.labels.get("node_id") == node.node_id for one in of_agent(grid).samples),
        message="no series of a removed node",
    )


def test_a_taken_address_of_metrics_ends_a_start_and_names_the_holder(grid: Grid, tmp_path: Path) -> None:
    sections: dict[str, dict[str, Any]] = {
        "master": {"listen": "127.0.0.1:0", "registry_url": f"sqlite:///{tmp_path}/registry.db"},
        "metrics": {"listen": grid.admin_address},
    }
    master = Daemon("second", "sutra-grid-master", write_config(tmp_path / "m.toml", sections), ready=lambda: False)
    master.start()
    assert master.exit_code() == 1
    assert re.search(rf"{re.escape(grid.admin_address)}.*pid \d+", master.log_text())
