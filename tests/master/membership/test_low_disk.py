"""An agent whose disk runs low and recovers, told by its heartbeats and its registration."""

from support.fakes.fake_agent import FakeAgent
from support.harness.master_harness import MasterHarness

from sutra_grid.wire import grid_pb2 as pb

GIB = 1 << 30


def beat(harness: MasterHarness, agent: FakeAgent, free_bytes: int) -> None:
    host = pb.HostSample(disk_total_bytes=9 * GIB, disk_free_bytes=free_bytes, disk_reserve_bytes=GIB)
    request = pb.HeartbeatRequest(agent_id=agent.agent_id, session_id=agent.session_id, host=host)
    assert harness.stub.Heartbeat(request, timeout=10).acknowledged


def test_a_low_disk_and_its_end_are_told_once_each(harness: MasterHarness, agent: FakeAgent) -> None:
    for free_bytes in (5 * GIB, GIB // 2, GIB // 4, 5 * GIB, 6 * GIB):
        beat(harness, agent, free_bytes)
    told = [(event.kind, event.reason) for event in harness.events(kind="agent")][1:]
    assert told == [("agent.low_disk", "disk_full"), ("agent.disk_recovered", "recovered")]
    assert harness.agent().host.disk_reserve_bytes == GIB
