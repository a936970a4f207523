"""What is thrown away by its age is not thrown away by a jump of the clock."""

from __future__ import annotations

from support.fakes.fake_agent import FakeAgent
from support.harness.master_harness import MasterHarness

YEAR_SECONDS = 365 * 86_400


def test_a_jump_of_the_clock_and_back_deletes_no_event_no_request_and_no_tombstone(
    harness: MasterHarness, agent: FakeAgent
) -> None:
    kept = harness.spawn(request_id="the-request").node
    gone = harness.spawn().node
    harness.remove_node(gone.node_id)
    harness.eventually_tombstoned(gone.node_id)
    before = harness.kinds()

    harness.clock.jump_wall(YEAR_SECONDS)
    harness.core.pruner.prune()
    harness.clock.advance(60)
    harness.core.pruner.prune()
    harness.clock.jump_wall(-YEAR_SECONDS)
    harness.core.pruner.prune()

    assert harness.kinds()[: len(before)] == before
    assert gone.node_id in harness.registry.tombstones()
    assert harness.spawn(request_id="the-request").node_id == kept.node_id


def test_what_has_really_become_old_is_deleted(harness: MasterHarness, agent: FakeAgent) -> None:
    harness.spawn(request_id="the-request")
    assert "node.started" in harness.kinds()  # asked for: all events are written then
    harness.clock.advance(YEAR_SECONDS)
    harness.core.pruner.prune()
    assert harness.kinds() == []
    assert harness.registry.idempotency_record("the-request") is None
