"""The grid for Prometheus, from the registry at each scrape."""

import sqlite3

import pytest
from flask.testing import FlaskClient
from support.documents.scrape import Scrape, parse
from support.fakes.clock import FakeClock
from support.fakes.fake_master import FakeMaster
from support.harness.http import Answer
from support.values.grid_values import an_event

from sutra_grid.registry import Observations, Registry


def scraped(client: FlaskClient) -> Scrape:
    answer = client.get("/metrics")
    assert answer.content_type.startswith("text/plain; version=")
    return parse(Answer(answer.status_code, answer.content_type, answer.data))


def test_agents_and_nodes_are_counted_by_what_is_shown_of_them(registry: Registry, client: FlaskClient) -> None:
    found = scraped(client)
    assert found.value("sutra_grid_registry_up") == 1
    assert found.value("sutra_grid_agents", status="healthy") == 1
    assert found.value("sutra_grid_agents", status="offline") == 1
    assert found.value("sutra_grid_agents", status="degraded") == 0
    assert found.value("sutra_grid_slots") == 10
    shown = {
        (one.labels["status"], one.labels["engine"]): one.value
        for one in found.samples
        if one.name == "sutra_grid_nodes" and one.value
    }
    assert shown == {("running", "storage"): 1, ("stopped", "redis"): 1, ("unknown", "storage"): 1}
    assert found.value("sutra_grid_nodes_missing", engine="storage") == 1
    assert found.value("sutra_grid_nodes_restarts", engine="storage") == 4
    assert found.value("sutra_grid_cluster_status", status="degraded") == 1
    assert found.value("sutra_grid_cluster_status", status="healthy") == 0


def test_the_numbers_are_those_of_the_status(registry: Registry, client: FlaskClient) -> None:
    status = client.get("/status").json
    assert status is not None
    found = scraped(client)
    assert found.total("sutra_grid_nodes") == status["total_storage_nodes"]
    assert found.total("sutra_grid_nodes", status="unknown") == status["unknown_storage_nodes"]
    assert found.value("sutra_grid_cluster_status", status=status["status"]) == 1


def test_without_a_master_the_grid_is_unknown_and_its_last_sign_is_told(
    registry: Registry, client: FlaskClient, master: FakeMaster
) -> None:
    registry.write_observations(Observations(master_at_ms=1_772_000_000_500))
    master.stop()
    found = scraped(client)
    told = {one.labels["status"]: one.value for one in found.samples if one.name == "sutra_grid_cluster_status"}
    assert told == {"healthy": 0, "degraded": 0, "critical": 0, "unknown": 1}
    assert found.value("sutra_grid_master_last_seen_timestamp_seconds") == 1_772_000_000.5
    assert found.value("sutra_grid_agents", status="healthy") == 1, "as last known"


def test_heartbeat_ages_are_quantiles_over_all_agents(
    registry: Registry, client: FlaskClient, clock: FakeClock
) -> None:
    now_ms = int(clock.wall() * 1000)
    registry.write_observations(Observations(heartbeats={"agent-1": now_ms - 2_000, "agent-2": now_ms - 61_500}))
    found = scraped(client)
    assert found.value("sutra_grid_agents_heartbeat_age_seconds", quantile="0.5") == pytest.approx(2.0)
    assert found.value("sutra_grid_agents_heartbeat_age_seconds", quantile="1.0") == pytest.approx(61.5)


def test_events_of_the_last_hour_are_counted_by_kind(registry: Registry, client: FlaskClient, clock: FakeClock) -> None:
    now_ms = int(clock.wall() * 1000)
    before = registry.last_event_id()
    events = [an_event("node.exited", at_ms=now_ms - age_ms) for age_ms in (1_000, 3_599_000, 3_601_000)]
    registry.write_observations(Observations(events=events))
    found = scraped(client)
    assert found.value("sutra_grid_events_last_hour", kind="node.exited") == 2
    assert found.value("sutra_grid_events_total") == before + 3


def test_a_registry_that_is_not_there_is_told_and_the_scrape_succeeds(client: FlaskClient) -> None:
    found = scraped(client)
    assert found.value("sutra_grid_registry_up") == 0
    assert found.values("sutra_grid_agents") == []
    assert found.values("sutra_grid_build_info") == [1.0]


def test_a_registry_that_lost_its_tables_is_told_and_the_scrape_succeeds(
    registry: Registry, registry_url: str, client: FlaskClient
) -> None:
    assert scraped(client).value("sutra_grid_registry_up") == 1
    with sqlite3.connect(registry_url.removeprefix("sqlite:///")) as connection:
        connection.execute("DROP TABLE events")
    assert scraped(client).value("sutra_grid_registry_up") == 0


def test_openmetrics_is_answered_to_who_asks_for_it(registry: Registry, client: FlaskClient) -> None:
    answer = client.get("/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})
    assert answer.content_type.startswith("application/openmetrics-text")
    assert answer.data.endswith(b"# EOF\n")
