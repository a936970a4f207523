"""What a master tells of itself, also while its registry is locked."""

import sqlite3
from collections.abc import Callable

import pytest
from support.documents.scrape import Scrape, scrape
from support.harness.master_harness import MasterHarness
from support.harness.ports import free_port
from support.values.grid_values import an_agent
from support.waiting import eventually

from sutra_grid.core.errors import ResourceExhausted, Unavailable
from sutra_grid.master.concurrency_limit import ConcurrencyLimit
from sutra_grid.master.config import MasterConfig
from sutra_grid.master.membership.heartbeat_handler import Heartbeat


@pytest.fixture
def harness(make_harness: Callable[..., MasterHarness]) -> MasterHarness:
    return make_harness(MasterConfig(metrics=("127.0.0.1", free_port())))


def told(harness: MasterHarness) -> Scrape:
    host, port = harness.master.core.config.metrics or ("", 0)
    return scrape(f"{host}:{port}")


def test_heartbeats_are_counted_by_what_was_answered(harness: MasterHarness) -> None:
    core = harness.master.core
    core.registrar.register(an_agent(session_id=""), [])
    agent = core.state.agents.get("agent-1")
    assert agent is not None
    for beat in (
        Heartbeat("agent-1", agent.session_id),
        Heartbeat("agent-1", agent.session_id),
        Heartbeat("nobody", "s"),
    ):
        core.heartbeats.receive(beat)
    found = told(harness)
    counts = {
        answer: found.value("sutra_grid_master_heartbeats_total", answer=answer)
        for answer in ("acknowledged", "register", "superseded")
    }
    assert counts == {"acknowledged": 2, "register": 1, "superseded": 0}


def test_places_of_commands_and_reads_that_are_taken_are_told(harness: MasterHarness) -> None:
    core = harness.master.core
    with core.commands_limit.taken(), core.commands_limit.taken(), core.reads_limit.taken():
        found = told(harness)
    assert found.value("sutra_grid_master_limited_calls", kind="commands") == 2
    assert found.value("sutra_grid_master_limited_calls", kind="reads") == 1
    assert found.value("sutra_grid_master_limited_calls_max", kind="commands") == 24
    assert told(harness).total("sutra_grid_master_limited_calls") == 0


def test_a_limit_gives_a_place_back_also_after_an_error() -> None:
    limit = ConcurrencyLimit("reads", 1)
    with pytest.raises(KeyError), limit.taken():
        raise KeyError
    with limit.taken(), pytest.raises(ResourceExhausted), limit.taken():
        pass
    assert limit.in_use == 0


def test_a_locked_registry_is_told_by_failures_and_by_what_waits(harness: MasterHarness) -> None:
    core = harness.master.core
    core.registrar.register(an_agent(session_id=""), [])
    eventually(lambda: told(harness).value("sutra_grid_master_pending_observations") == 0, message="all written")
    before = told(harness)
    locked = sqlite3.connect(harness.registry_file, isolation_level=None)
    try:
        locked.execute("BEGIN IMMEDIATE")
        core.registry_writer.queue_heartbeat("agent-1", 5)
        with pytest.raises(Unavailable):
            core.registry.set_drained("agent-1", True)
        eventually(lambda: told(harness).value("sutra_grid_master_flush_failures_total") >= 1, message="a failed write")
        found = told(harness)
        assert found.value("sutra_grid_master_registry_failures_total") >= 2
        assert found.value("sutra_grid_master_pending_observations") >= 1
    finally:
        locked.close()
    eventually(lambda: told(harness).value("sutra_grid_master_pending_observations") == 0, message="written at last")
    assert before.value("sutra_grid_master_registry_failures_total") == 0
    flushes = "sutra_grid_master_flush_duration_seconds_count"
    assert told(harness).value(flushes) > before.value(flushes)
