"""Many agents in this process: they register with a real master, obey it and send heartbeats, without real nodes."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace

from support.fakes.fake_agent import FakeAgent
from sutra_grid.core.samples import HostSample, NodeSample
from sutra_grid.core.types import Assignment, Desired, Health, NodeReport, Reason
from sutra_grid.runtime.ticker import Ticker
from sutra_grid.wire.grid_pb2_grpc import GridMasterStub

HEARTBEAT_SECONDS = 1.0
OFFLINE_INTERVAL_MS = 500


class ReportingAgent(FakeAgent):
    """A fake agent whose reports have what real ones have: reasons, start times and samples."""

    def obey(self, assignment: Assignment) -> NodeReport:
        before = self.journal.get(assignment.node_id)
        report = super().obey(assignment)
        if report is before or assignment.desired is Desired.ABSENT:
            return report
        now_ms = int(time.time() * 1000)
        told = replace(
            report,
            reason=Reason.COMMANDED if before else Reason.SPAWNED,
            message="started as commanded" if before else "started for the first time",
            health=Health.HEALTHY if report.pid else Health.UNKNOWN,
            started_at_ms=now_ms if report.pid else 0,
            sample=NodeSample(now_ms, 1.5, (40 + report.pid % 50) << 20, 1000, 12, 40) if report.pid else None,
        )
        self.journal[assignment.node_id] = told
        return told


def host_like(number: int) -> HostSample:
    """Hosts of one kind with different usage."""
    return HostSample(
        cpu_percent=5.0 + number * 37 % 60,
        cpu_count=16,
        memory_total_bytes=64 << 30,
        memory_available_bytes=(20 + number * 13 % 40) << 30,
        disk_total_bytes=2 << 40,
        disk_free_bytes=(300 + number * 71 % 1500) << 30,
        load_average_1m=0.5 + number * 7 % 10,
    )


@contextmanager
def many_agents(
    stub: GridMasterStub, agent_ids: Sequence[str], *, offline: Sequence[str] = (), slots: int = 10
) -> Iterator[dict[str, FakeAgent]]:
    """The agents by their names, registered. The ``offline`` ones send no heartbeat."""
    with ExitStack() as stack:
        agents = {name: stack.enter_context(ReportingAgent(name, host_id=name, slots=slots)) for name in agent_ids}
        for number, agent in enumerate(agents.values()):
            agent.host = host_like(number)
            if agent.agent_id in offline:
                agent.interval_ms = OFFLINE_INTERVAL_MS
            agent.register(stub)
        talking = [agent for agent in agents.values() if agent.agent_id not in offline]
        stack.enter_context(Ticker("crowd", HEARTBEAT_SECONDS, lambda: [agent.heartbeat(stub) for agent in talking]))
        yield agents
