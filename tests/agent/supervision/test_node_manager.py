"""The node manager called by hand, with fake processes and clock, a real journal and real state machines."""

import errno
import socket
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support.fakes.node_manager_world import HOST, World
from support.fakes.sightings import FakeSighting
from support.texts import mentions

from sutra_grid.agent.config import AgentConfig
from sutra_grid.agent.processes.sightings import OpenFile, file_key
from sutra_grid.core.errors import AlreadyExists, FailedPrecondition, GridError, InvalidArgument, ResourceExhausted
from sutra_grid.core.node.machine import step
from sutra_grid.core.node.record import ExitStatus, NodeRuntime
from sutra_grid.core.states import IllegalTransition
from sutra_grid.core.types import Assignment, Desired, NodeSpec, NodeState, Reason


@pytest.fixture
def world(make_config: Callable[..., AgentConfig]) -> World:
    return World(make_config())


def test_a_new_node_is_journaled_launched_watched_and_probed(world: World) -> None:
    world.assign("node-1", 1)
    report = world.report("node-1")
    assert (report.state, report.pid, report.generation) == (NodeState.STARTING, 1000, 1)
    assert report.endpoint == ""
    assert [node_id for node_id, _ in world.monitor.watched] == ["node-1"]
    world.pass_time(0.2)
    assert world.monitor.asked == [("node-1", 1, report.spec.port)]
    world.ready("node-1")
    running = world.report("node-1")
    assert (running.state, running.endpoint) == (NodeState.RUNNING, f"host.test:{report.spec.port}")


def test_a_launch_gets_the_contracts_arguments_and_the_tag(world: World, tmp_path: Path) -> None:
    world.assign("node-1", 3)
    (plan,) = world.processes.plans
    spec = world.report("node-1").spec
    contract = ("--port", str(spec.port), "--storage-path", spec.storage_path, "--node-id", "node-1")
    assert plan.argv[1:] == contract
    assert plan.environment["SUTRA_GRID_NODE_ID"] == "node-1"
    assert plan.environment["SUTRA_GRID_AGENT_ID"] == "agent-1"
    assert plan.environment["SUTRA_GRID_LAUNCH"] == f"{HOST}/node-1/1"
    assert plan.environment["SUTRA_STORAGE_MEMORY_LIMIT_MB"] == "64"
    assert Path(spec.storage_path).is_dir()


def test_a_failed_spawn_leaves_no_empty_directory_and_keeps_every_other(world: World, tmp_path: Path) -> None:
    world.assign("made", 1)
    made = Path(world.report("made").spec.storage_path)
    assert made.is_dir()
    world.end(world.processes.alive("made")[0], ExitStatus(signal=9))
    world.assign("made", 2, Desired.ABSENT)
    assert not made.exists()

    for name in ("filled", "existed", "ran"):
        path = world.config.data_path / name
        if name == "existed":
            path.mkdir()
        world.assign(name, 1)
        if name == "filled":
            (path / "data").touch()
        process = world.ready(name) if name == "ran" else world.processes.alive(name)[0]
        world.end(process, ExitStatus(code=1))
        world.assign(name, 2, Desired.ABSENT)
        assert path.is_dir(), name


def test_ports_are_picked_so_that_no_two_nodes_share_one(world: World) -> None:
    for number in range(4):
        world.assign(f"node-{number}", 1)
    assert len({report.spec.port for report in world.inventory.reports()}) == 4


def test_the_stop_that_comes_while_the_exit_is_on_its_way_wins(world: World) -> None:
    world.assign("node-1", 1)
    process = world.ready("node-1")
    process.status = ExitStatus(signal=9)  # dead, but not reported yet
    world.assign("node-1", 2, Desired.STOPPED)
    world.end(process, ExitStatus(signal=9))
    assert world.report("node-1").state is NodeState.STOPPED
    world.pass_time(1000)
    assert world.processes.alive("node-1") == []


def test_the_stop_that_comes_while_the_back_off_runs_wins(world: World) -> None:
    world.assign("node-1", 1)
    world.end(world.ready("node-1"), ExitStatus(code=1))
    assert world.report("node-1").backoff_ms > 0
    world.assign("node-1", 2, Desired.STOPPED)
    world.pass_time(1000)
    assert world.processes.alive("node-1") == []


def test_the_last_lines_of_its_log_are_told_while_it_is_not_well(world: World) -> None:
    world.assign("node-1", 1)
    world.end(world.ready("node-1"), ExitStatus(code=1))
    assert world.report("node-1").log_tail == ("last words of node-1",)
    world.pass_time(1)
    world.ready("node-1")
    assert world.report("node-1").log_tail == ()


def test_on_a_full_disk_a_new_node_is_refused_and_leaves_nothing(world: World) -> None:
    world.journal.full = True
    with pytest.raises(ResourceExhausted) as refused:
        world.assign("node-1", 1)
    assert refused.value.reason is Reason.DISK_FULL
    assert world.inventory.reports() == []
    assert world.processes.all == []
    world.journal.full = False
    world.assign("node-1", 1)
    assert world.report("node-1").pid


@pytest.mark.parametrize(
    ("obstacle", "reason"),
    [("engine", Reason.UNKNOWN_ENGINE), ("program", Reason.BINARY_MISSING), ("journal", Reason.DISK_FULL)],
)
@pytest.mark.parametrize("by_heartbeat", [False, True])
def test_a_restart_whose_start_would_fail_stops_nothing(
    world: World, node_program: Path, obstacle: str, reason: Reason, by_heartbeat: bool
) -> None:
    world.assign("node-1", 1)
    process = world.ready("node-1")
    world.pass_time(1)
    away = node_program.with_name("away")
    engines = dict(world.config.engines)
    if obstacle == "engine":
        del world.config.engines["storage"]  # type: ignore[attr-defined]
    elif obstacle == "program":
        node_program.rename(away)
    world.journal.full = obstacle == "journal"
    restart = Assignment("node-1", 2, Desired.RUNNING, restart_generation=2)
    (world.manager.assign_or_report if by_heartbeat else world.manager.assign)(restart)
    report = world.report("node-1")
    assert process.signals == []
    assert (report.state, report.generation, report.restart_generation, report.reason) == (
        NodeState.RUNNING,
        2,
        0,
        reason,
    )
    world.config.engines.update(engines)  # type: ignore[attr-defined]
    world.journal.full = False
    if away.exists():
        away.rename(node_program)
    world.pass_time(30)
    assert process.signals == [], "nothing makes up for it"
    world.assign("node-1", 3, restart_generation=3)
    assert process.signals == [15]


def test_on_a_full_disk_stops_go_on_and_are_journaled_when_there_is_room(world: World) -> None:
    world.assign("node-1", 1)
    process = world.ready("node-1")
    world.journal.full = True
    world.assign("node-1", 2, Desired.STOPPED)
    assert process.signals == [15]
    world.end(process, ExitStatus(code=0))
    assert world.report("node-1").state is NodeState.STOPPED
    world.journal.full = False
    world.pass_time(6)
    (entry,) = world.journal.load()
    assert entry.record is not None
    assert entry.record.assignment.desired is Desired.STOPPED


def test_on_a_full_disk_a_crashed_node_waits_until_its_intent_can_be_journaled(world: World) -> None:
    world.assign("node-1", 1)
    process = world.ready("node-1")
    world.pass_time(10)
    world.journal.full = True
    world.end(process, ExitStatus(code=1))
    for _ in range(30):
        world.pass_time(1)
    assert (world.report("node-1").reason, world.processes.alive("node-1")) == (Reason.DISK_FULL, [])
    world.journal.full = False
    world.pass_time(1)
    assert len(world.processes.alive("node-1")) == 1


def test_a_removal_that_the_disk_would_not_take_is_made_up_for(world: World) -> None:
    world.assign("node-1", 1)
    process = world.ready("node-1")
    world.assign("node-1", 2, Desired.ABSENT)
    world.journal.full = True
    world.end(process, ExitStatus(code=0))
    assert world.inventory.reports() == []
    world.journal.full = False
    world.pass_time(6)
    assert world.journal.load() == []


def test_a_memory_limit_above_the_host_is_refused_for_a_spawn_and_kept_by_a_node_that_ran(world: World) -> None:
    greedy = Assignment("node-1", 1, Desired.RUNNING, NodeSpec(memory_limit_mb=10**9))
    with pytest.raises(InvalidArgument) as refused:
        world.manager.assign(greedy)
    assert mentions(refused.value.message, 10**9)
    assert world.inventory.reports() == []
    world.manager.assign_or_report(greedy)  # the agent lost its journal, or the limit is from before the check
    world.ready("node-1")
    world.assign("node-1", 2, restart_generation=2)
    world.end(world.processes.alive("node-1")[0], ExitStatus(code=0))
    assert world.report("node-1").pid, "it restarts"


def test_a_default_memory_limit_above_the_host_is_accepted(make_config: Callable[..., AgentConfig]) -> None:
    world = World(replace(make_config(), default_memory_mb=10**9))
    world.assign("node-1", 1)
    assert world.report("node-1").spec.memory_limit_mb == 10**9


def test_a_launch_that_the_system_refuses_is_told_with_its_reason(world: World) -> None:
    world.processes.launch_error = OSError(errno.ENOEXEC, "Exec format error")
    world.assign("node-1", 1)
    report = world.report("node-1")
    assert (report.reason, report.pid, report.exits[0].reason) == (Reason.START_FAILED, 0, Reason.START_FAILED)
    assert "Exec format error" in report.message


def test_a_refusal_by_heartbeat_is_shown_until_a_newer_generation_comes(world: World) -> None:
    bad = Assignment("node-1", 1, Desired.RUNNING, NodeSpec(engine="nothing"))
    world.manager.assign_or_report(bad)
    report = world.report("node-1")
    assert (report.state, report.reason, report.generation) == (NodeState.FAILED, Reason.UNKNOWN_ENGINE, 1)
    assert not world.journal.load()
    world.manager.assign_or_report(Assignment("node-1", 2, Desired.RUNNING))
    assert world.report("node-1").pid
    assert len(world.inventory.reports()) == 1


def test_a_refused_node_that_is_removed_is_shown_no_more(world: World) -> None:
    world.manager.assign_or_report(Assignment("node-1", 1, Desired.RUNNING, NodeSpec(engine="nothing")))
    world.manager.assign_or_report(Assignment("node-1", 2, Desired.ABSENT))
    assert world.inventory.reports() == []


def test_a_removed_node_that_an_older_registry_assigns_again_is_shown_as_removed(world: World) -> None:
    world.assign("node-1", 1)
    world.assign("node-1", 2, Desired.ABSENT)
    world.end(world.processes.all[0], ExitStatus(code=0))
    world.manager.assign_or_report(Assignment("node-1", 2, Desired.ABSENT))
    assert world.inventory.reports() == []
    world.manager.assign_or_report(Assignment("node-1", 1, Desired.RUNNING))
    report = world.report("node-1")
    assert (report.desired, report.generation, report.state, report.pid) == (Desired.ABSENT, 2, NodeState.STOPPED, 0)
    assert len(world.processes.all) == 1
    world.manager.assign_or_report(Assignment("node-1", 3, Desired.ABSENT))
    assert world.inventory.reports() == []


@pytest.mark.parametrize("node_id", ["", "../x", "a/b", "a b", ".hidden", "x" * 64, "a\n"])
def test_names_that_could_leave_the_state_directory_are_refused(world: World, node_id: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        world.assign(node_id, 1)
    assert refused.value.reason is Reason.INVALID_ARGUMENT
    assert repr(node_id) in refused.value.message
    assert world.journal.load() == []


def test_a_stopped_node_that_is_not_known_is_taken_over_without_a_start(world: World) -> None:
    world.assign("node-1", 4, Desired.STOPPED)
    assert world.report("node-1").state is NodeState.STOPPED
    assert world.processes.all == []


def test_after_its_end_the_agent_takes_over_what_lives_and_starts_what_does_not(world: World) -> None:
    for node_id in ("node-1", "node-2", "node-3"):
        world.assign(node_id, 1)
        world.ready(node_id)
    world.assign("node-3", 2, Desired.STOPPED)
    world.processes.alive("node-2")[0].status = ExitStatus()
    pid = world.report("node-1").pid
    world.begin()
    assert (world.report("node-1").pid, world.report("node-1").reason) == (pid, Reason.ADOPTED)
    assert world.report("node-2").reason is Reason.LOST
    assert len(world.processes.alive("node-2")) == 1
    assert world.report("node-3").state is NodeState.STOPPING
    assert world.processes.alive("node-3")[0].signals == [15, 15]


def test_a_node_whose_engine_is_gone_from_the_configuration_is_kept_and_can_be_stopped(
    world: World, make_config: Callable[..., AgentConfig]
) -> None:
    with_engine = make_config(more='[engines.old]\nbinary_path = "/bin/sh"\n')
    world.config = with_engine
    world.begin()
    world.assign("node-1", 1, spec=NodeSpec(engine="old"))
    process = world.ready("node-1")
    world.config = make_config()
    world.begin()
    assert world.report("node-1").pid == process.identity.pid
    world.assign("node-1", 2, Desired.STOPPED)
    assert process.signals == [15]


def test_the_master_is_told_at_once_when_a_node_settles_otherwise(world: World) -> None:
    world.assign("node-1", 1)
    assert world.changes == []
    process = world.ready("node-1")
    assert len(world.changes) == 1
    world.end(process, ExitStatus(code=1))
    assert len(world.changes) == 2


@pytest.mark.parametrize(("generation", "restart_generation"), [(0, 0), (3, 4)])
def test_generations_that_can_not_be_are_refused(world: World, generation: int, restart_generation: int) -> None:
    with pytest.raises(InvalidArgument) as refused:
        world.assign("node-1", generation, restart_generation=restart_generation)
    assert refused.value.reason is Reason.INVALID_ARGUMENT
    assert mentions(refused.value.message, generation, restart_generation)
    assert world.inventory.reports() == []


def test_a_path_that_is_too_long_is_refused_and_leaves_nothing(world: World) -> None:
    with pytest.raises(GridError) as refused:
        world.assign("node-1", 1, spec=NodeSpec(storage_path="x" * 5000))
    assert refused.value.reason is Reason.PATH_NOT_WRITABLE
    assert world.journal.load() == []


def test_a_fault_with_one_node_at_the_start_leaves_it_alone_and_the_others_are_taken_over(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    for node_id in ("node-1", "node-2"):
        world.assign(node_id, 1)
        world.ready(node_id)
    ((one,), (two,)) = (world.processes.alive(node_id) for node_id in ("node-1", "node-2"))

    fault = "launching after launching"

    def faulty(node: NodeRuntime, *rest: Any) -> Any:
        if node.node_id == "node-1":
            raise IllegalTransition(fault)
        return step(node, *rest)

    monkeypatch.setattr("sutra_grid.agent.supervision.executor.step", faulty)
    world.begin()
    left, taken = world.report("node-1"), world.report("node-2")
    assert (left.reason, left.pid) == (Reason.INTERNAL, one.identity.pid)
    assert mentions(left.message, fault)
    assert (taken.state, taken.pid) == (NodeState.RUNNING, two.identity.pid)
    with pytest.raises(FailedPrecondition) as refused:
        world.assign("node-1", 2, Desired.STOPPED)
    assert refused.value.reason is Reason.UNSUPPORTED
    assert mentions(refused.value.message, "node-1")
    assert not one.signals


def like_the_node(world: World, **shows: Any) -> FakeSighting:
    """A process that runs in the directory of node-1."""
    directory = world.config.data_path / "node-1"
    directory.mkdir(parents=True, exist_ok=True)
    return FakeSighting(variables={}, directory=file_key(directory), **shows)


def test_a_spawn_beside_what_looks_like_its_process_is_refused_and_leaves_nothing(world: World) -> None:
    world.processes.others = [like_the_node(world)]
    with pytest.raises(AlreadyExists, match="pid 77") as refused:
        world.assign("node-1", 1)
    assert refused.value.reason is Reason.UNPROVED_PROCESS
    assert world.inventory.reports() == []
    assert world.processes.all == []


def test_a_known_node_waits_for_the_end_of_what_looks_like_its_process(world: World) -> None:
    world.processes.others = [like_the_node(world)]
    world.assign("node-1", 2)
    report = world.report("node-1")
    assert (report.state, report.reason, report.pid) == (NodeState.FAILED, Reason.UNPROVED_PROCESS, 77)
    world.assign("node-1", 3, Desired.STOPPED)
    assert world.report("node-1").state is NodeState.FAILED
    world.assign("node-1", 4)
    world.pass_time(3)
    assert world.processes.all == []
    world.processes.others = []
    world.pass_time(3)
    assert len(world.processes.alive("node-1")) == 1
    assert world.report("node-1").pid == 1000


def test_a_process_whose_end_was_seen_is_not_looked_for_before_its_restart(world: World) -> None:
    world.assign("node-1", 1)
    process = world.ready("node-1")
    world.processes.others = [like_the_node(world)]
    world.pass_time(100)
    world.end(process, ExitStatus(code=1))
    assert len(world.processes.alive("node-1")) == 1


def test_a_journaled_process_that_can_not_be_read_is_neither_lost_nor_started_again(world: World) -> None:
    world.assign("node-1", 1)
    process = world.ready("node-1")
    world.processes.unreadable = {process.identity.pid}
    world.begin()
    report = world.report("node-1")
    assert (report.state, report.reason, report.pid) == (NodeState.FAILED, Reason.UNPROVED_PROCESS, 1000)
    assert mentions(report.message, "1000", "it can't be read")
    world.pass_time(10)
    assert len(world.processes.all) == 1
    world.processes.unreadable = set()
    world.begin()
    assert world.report("node-1").reason is Reason.ADOPTED
    assert process.signals == []


def test_a_process_that_writes_to_the_log_of_a_node_without_journal_blocks_it(world: World) -> None:
    log = world.config.state_path / "node-1.log"
    log.touch()
    key = file_key(log)
    assert key is not None
    world.processes.others = [FakeSighting(variables={}, outputs=(OpenFile(key, str(log)),))]
    world.begin()
    assert world.report("node-1").reason is Reason.UNPROVED_PROCESS
    world.processes.others = []
    world.assign("node-1", 5)
    assert len(world.processes.alive("node-1")) == 1


def test_a_port_that_the_nodes_own_program_holds_is_not_only_taken(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.assign("node-1", 1)
    process = world.ready("node-1")
    program = world.processes.plans[0].argv[0]
    world.processes.others = [FakeSighting(name=Path(program).name, argv=(program,))]
    monkeypatch.setattr(world.manager._parts.admission, "port_holders", lambda port: [77])
    with socket.create_server(("127.0.0.1", world.report("node-1").spec.port)):
        world.pass_time(100)
        world.end(process, ExitStatus(code=1))
        report = world.report("node-1")
    assert (report.reason, report.pid) == (Reason.UNPROVED_PROCESS, 77)
    assert mentions(report.message, "pid 77", "it listens on the node's port")


@pytest.mark.parametrize("desired", [Desired.STOPPED, Desired.ABSENT])
def test_a_node_that_the_agent_does_not_know_is_not_gone_while_what_may_be_its_process_lives(
    world: World, desired: Desired
) -> None:
    spec = NodeSpec("storage", 50051, str(world.config.data_path / "node-1"), 64)
    world.processes.others = [like_the_node(world)]
    world.assign("node-1", 7, desired, spec=spec)
    report = world.report("node-1")
    assert (report.state, report.reason, report.pid) == (NodeState.FAILED, Reason.UNPROVED_PROCESS, 77)
    world.processes.others = []
    world.pass_time(3)
    after = world.inventory.find("node-1")
    assert after is None if desired is Desired.ABSENT else after is not None and after.state is NodeState.STOPPED
