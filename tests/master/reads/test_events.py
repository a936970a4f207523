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
