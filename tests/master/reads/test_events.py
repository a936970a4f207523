"""Reading events: pages, cursors and limits."""

import grpc
import pytest
from support.fakes.fake_agent import FakeAgent
from support.harness.master_harness import MasterHarness

from sutra_grid.wire import grid_pb2 as pb


def test_events_are_followed_with_a_cursor(harness: MasterHarness, agent: FakeAgent) -> None:
    first = harness.stub.ListEvents(pb.ListEventsRequest())
    assert [event.kind for event in first.events] == ["agent.registered"]
    nothing = harness.stub.ListEvents(pb.ListEventsRequest(after_event_id=first.last_event_id))
    assert not nothing.events
    assert nothing.last_event_id == first.last_event_id
    harness.spawn()
    page = harness.stub.ListEvents(pb.ListEventsRequest(after_event_id=nothing.last_event_id, limit=1))
    assert [event.kind for event in page.events] == ["node.spawned"]
    rest = harness.stub.ListEvents(pb.ListEventsRequest(after_event_id=page.last_event_id))
    assert [event.kind for event in rest.events] == ["node.started"]
    filtered = harness.stub.ListEvents(pb.ListEventsRequest(after_event_id=page.last_event_id, kind="agent"))
    assert not filtered.events
    assert filtered.last_event_id == rest.last_event_id


def test_too_many_events_at_once_are_refused(harness: MasterHarness) -> None:
    with pytest.raises(grpc.RpcError) as refused:
        harness.events(limit=1001)
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT


def test_events_are_filtered_by_reason_actor_text_and_time(harness: MasterHarness, agent: FakeAgent) -> None:
    harness.spawn()
    everything = harness.stub.ListEvents(pb.ListEventsRequest()).events

    def kinds(**chosen: object) -> list[str]:
        return [event.kind for event in harness.stub.ListEvents(pb.ListEventsRequest(**chosen)).events]  # type: ignore[arg-type]

    assert kinds(actor="operator") == ["node.spawned"]
    assert kinds(text="NODE.STARTED") == ["node.started"]
    assert kinds(reason="crash_loop") == []
    assert kinds(since_ms=everything[-1].at_ms + 1) == []
    assert kinds(until_ms=everything[0].at_ms - 1) == []
    assert len(kinds(since_ms=everything[0].at_ms, until_ms=2**64 - 1)) == len(everything)


@pytest.mark.parametrize(("chosen", "named"), [({"reason": "crashloop"}, "crash_loop")])
def test_a_reason_that_does_not_exist_is_refused(harness: MasterHarness, chosen: dict[str, str], named: str) -> None:
    with pytest.raises(grpc.RpcError) as refused:
        harness.stub.ListEvents(pb.ListEventsRequest(**chosen))
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert named in str(refused.value)
