"""Registration and heartbeats against a scripted master, in the thread of the test."""

import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TypeVar

import pytest
from support.fakes.clock import FakeClock
from support.waiting import eventually

from sutra_grid.agent.heartbeat import Heartbeat, HeartbeatSource, retry_delays
from sutra_grid.agent.inventory import Inventory
from sutra_grid.agent.master_link import HeartbeatAnswer, Registration
from sutra_grid.agent.report import refused_report
from sutra_grid.agent.state.session import SessionFile
from sutra_grid.core.agent.sessions import HeartbeatInstruction
from sutra_grid.core.errors import FailedPrecondition, GridError, ResourceExhausted, Unavailable
from sutra_grid.core.samples import HostSample
from sutra_grid.core.types import Agent, Assignment, Desired, NodeReport, Reason

ASSIGNMENT = Assignment("node-1", 1, Desired.RUNNING)
FINE = HeartbeatAnswer(True, HeartbeatInstruction.CONTINUE, "", (ASSIGNMENT,))


@dataclass
class ScriptedMaster:
    """Gives the scripted answers in order, and repeats the last one."""

    registrations: list[Registration | GridError] = field(default_factory=lambda: [Registration("s1", "1", ())])
    answers: list[HeartbeatAnswer | GridError] = field(default_factory=lambda: [FINE])
    calls: list[str] = field(default_factory=list)
    reported: list[NodeReport] = field(default_factory=list)
    told: list[str] = field(default_factory=list)  # the last session, at each registration

    def register(self, agent: Agent, reports: Iterable[NodeReport]) -> Registration:
        self.calls.append("register")
        self.told.append(agent.session_id)
        self.reported = list(reports)
        return _next(self.registrations)

    def heartbeat(
        self, agent_id: str, session_id: str, at_seconds: int, reports: list[NodeReport], host: HostSample | None
    ) -> HeartbeatAnswer:
        self.calls.append(f"heartbeat {session_id}")
        self.reported = reports
        return _next(self.answers)

    def unregister(self, agent_id: str, session_id: str, reason: str) -> None:
        self.calls.append(f"unregister {session_id}: {reason}")


T = TypeVar("T")


def _next(script: list[T | GridError]) -> T:
    answer = script.pop(0) if len(script) > 1 else script[0]
    if isinstance(answer, GridError):
        raise answer
    return answer


class Scene:
    def __init__(self, master: ScriptedMaster, state_path: Path, interval_ms: int = 50) -> None:
        self.clock = FakeClock()
        self.inventory = Inventory(self.clock)
        self.taken: list[Assignment] = []
        self.superseded: list[str] = []
        agent = Agent("agent-1", "host", "desktop", 3, heartbeat_interval_ms=interval_ms)
        self.heartbeat = Heartbeat(
            HeartbeatSource(agent, self.inventory, lambda: None),
            master,
            self.clock,
            sessions=SessionFile(state_path),
            on_assignments=self.taken.extend,
            on_superseded=self.superseded.append,
        )


def test_it_registers_first_with_all_it_has_then_sends_heartbeats_and_takes_assignments(tmp_path: Path) -> None:
    master = ScriptedMaster(registrations=[Registration("s1", "1", (ASSIGNMENT,))])
    scene = Scene(master, tmp_path)
    scene.inventory.put_refused(refused_report(ASSIGNMENT, Reason.SLOTS_FULL, "full"))
    scene.heartbeat.tick()
    assert [report.node_id for report in master.reported] == ["node-1"]
    scene.heartbeat.tick()
    assert master.calls == ["register", "heartbeat s1"]
    assert scene.taken == [ASSIGNMENT, ASSIGNMENT]


def test_it_tries_to_register_until_it_is_admitted(tmp_path: Path) -> None:
    refused = FailedPrecondition("agent-1 belongs to host b", reason=Reason.HOST_CONFLICT, hint="remove it")
    master = ScriptedMaster(registrations=[Unavailable("nobody"), refused, Registration("s1", "1", ())])
    scene = Scene(master, tmp_path)
    scene.heartbeat.tick()
    assert master.calls == ["register"] * 3
    assert scene.heartbeat.session_id == "s1"


@pytest.mark.parametrize(
    ("interval_seconds", "delays"), [(5.0, [0.5, 1.0, 2.0, 3.0, 3.0]), (1.0, [0.5, 1.0, 1.0]), (0.2, [0.5, 0.5])]
)
def test_it_tries_at_least_once_an_interval(interval_seconds: float, delays: list[float]) -> None:
    assert list(islice(retry_delays(interval_seconds), len(delays))) == delays


def test_a_master_that_forgot_it_is_registered_with_at_once(tmp_path: Path) -> None:
    master = ScriptedMaster(
        registrations=[Registration("s1", "1", ()), Registration("s2", "1", ())],
        answers=[HeartbeatAnswer(False, HeartbeatInstruction.REGISTER, "unknown agent", ()), FINE],
    )
    scene = Scene(master, tmp_path)
    for _ in range(3):
        scene.heartbeat.tick()
    assert master.calls == ["register", "heartbeat s1", "register", "heartbeat s2"]


def test_every_registration_tells_the_last_session_also_that_of_the_process_before(tmp_path: Path) -> None:
    forgot = HeartbeatAnswer(False, HeartbeatInstruction.REGISTER, "unknown", ())
    master = ScriptedMaster(
        registrations=[Registration("s1", "1", ()), Unavailable("nobody"), Registration("s2", "1", ())],
        answers=[forgot, FINE],
    )
    scene = Scene(master, tmp_path)
    scene.heartbeat.tick()
    scene.heartbeat.tick()
    assert master.told == ["", "s1", "s1"]

    master = ScriptedMaster()
    Scene(master, tmp_path).heartbeat.tick()
    assert master.told == ["s2"]


def test_a_master_that_is_away_changes_nothing(tmp_path: Path) -> None:
    master = ScriptedMaster(answers=[Unavailable("gone"), Unavailable("gone"), FINE])
    scene = Scene(master, tmp_path)
    for _ in range(4):
        scene.heartbeat.tick()
    assert master.calls == ["register", *["heartbeat s1"] * 3]
    assert scene.taken == [ASSIGNMENT]


def test_an_overloaded_master_is_left_in_peace_for_a_while(tmp_path: Path) -> None:
    master = ScriptedMaster(answers=[ResourceExhausted("busy"), FINE])
    scene = Scene(master, tmp_path)
    scene.heartbeat.tick()
    scene.heartbeat.tick()
    scene.heartbeat.tick()
    assert master.calls == ["register", "heartbeat s1"]
    scene.clock.advance(0.05)
    scene.heartbeat.tick()
    assert master.calls == ["register", "heartbeat s1", "heartbeat s1"]


def test_a_superseded_agent_says_so_and_never_comes_back(tmp_path: Path) -> None:
    master = ScriptedMaster(answers=[HeartbeatAnswer(False, HeartbeatInstruction.SUPERSEDED, "by session s9", ())])
    scene = Scene(master, tmp_path)
    for _ in range(4):
        scene.heartbeat.tick()
    assert scene.superseded == ["by session s9"]
    assert master.calls == ["register", "heartbeat s1"]
    scene.heartbeat.unregister("the end")
    assert len(master.calls) == 2


def test_the_farewell_tells_the_reason(tmp_path: Path) -> None:
    master = ScriptedMaster()
    scene = Scene(master, tmp_path)
    scene.heartbeat.unregister("never registered")
    assert master.calls == []
    scene.heartbeat.tick()
    scene.heartbeat.unregister("stopped by SIGTERM")
    assert master.calls == ["register", "unregister s1: stopped by SIGTERM"]


def test_as_a_thread_it_registers_at_once_sends_heartbeats_when_nudged_and_ends_when_asked(tmp_path: Path) -> None:
    master = ScriptedMaster()
    scene = Scene(master, tmp_path, interval_ms=3_600_000)
    with scene.heartbeat:
        eventually(lambda: scene.heartbeat.session_id)
        scene.heartbeat.trigger()
        eventually(lambda: "heartbeat s1" in master.calls)
    assert "heartbeat" not in {thread.name for thread in threading.enumerate()}


@pytest.mark.parametrize("error", [Unavailable("nobody"), FailedPrecondition("refused")])
def test_its_end_does_not_wait_for_a_registration(error: GridError, tmp_path: Path) -> None:
    scene = Scene(ScriptedMaster(registrations=[error]), tmp_path)
    with scene.heartbeat:
        eventually(lambda: any(thread.name == "heartbeat" for thread in threading.enumerate()))
    assert "heartbeat" not in {thread.name for thread in threading.enumerate()}


def test_registrations_and_heartbeats_are_counted_by_their_outcome(tmp_path: Path) -> None:
    master = ScriptedMaster(
        registrations=[Unavailable("nobody"), Registration("s1", "1", ())],
        answers=[Unavailable("gone"), FINE, ResourceExhausted("busy")],
    )
    scene = Scene(master, tmp_path)
    assert scene.heartbeat.counts() == {"ok": 0}
    for _ in range(4):
        scene.heartbeat.tick()
    assert scene.heartbeat.counts() == {"ok": 2, "unavailable": 2, "resource_exhausted": 1}
