"""The agent is killed before and after each of its effects, on every path; then a new agent takes over."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from support.fakes.node_manager_world import AgentKilled, World

from sutra_grid.agent.config import AgentConfig
from sutra_grid.agent.processes.probes import ProbeResult
from sutra_grid.core.node.record import ExitStatus
from sutra_grid.core.types import Assignment, Desired, NodeState

MAX_EFFECTS = 40

SPAWN = Assignment("node-1", 1, Desired.RUNNING)
STOP = Assignment("node-1", 2, Desired.STOPPED)
RESTART = Assignment("node-1", 2, Desired.RUNNING, restart_generation=2)
REMOVE = Assignment("node-1", 2, Desired.ABSENT)
START = Assignment("node-1", 3, Desired.RUNNING)


def crash(world: World) -> None:
    (process,) = world.processes.alive("node-1")
    world.end(process, ExitStatus(signal=9))


def settle(world: World) -> None:
    """Let everything that is pending happen: signalled processes end, probes pass, timers run."""
    for _ in range(20):
        for process in list(world.processes.all):
            if process.alive and process.signals:
                world.end(process, ExitStatus(code=0))
        for node_id, launch, _port in world.monitor.asked:
            world.manager.probe_finished(node_id, launch, ProbeResult())
        world.monitor.asked.clear()
        world.pass_time(0.5)


def play(world: World, story: list[Assignment | Callable[[World], None]]) -> None:
    for act in story:
        if isinstance(act, Assignment):
            world.manager.assign(act)
        else:
            act(world)
        settle(world)


STORIES: dict[str, list[Assignment | Callable[[World], None]]] = {
    "spawn": [SPAWN],
    "stop": [SPAWN, STOP],
    "restart": [SPAWN, RESTART],
    "remove": [SPAWN, REMOVE],
    "crash": [SPAWN, crash],
    "stop and start": [SPAWN, STOP, START],
    "crash and stop": [SPAWN, crash, STOP],
}


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("story", STORIES)
def test_each_node_runs_exactly_as_it_should_whenever_the_agent_is_killed(
    make_config: Callable[..., AgentConfig], tmp_path_factory: pytest.TempPathFactory, story: str, after: bool
) -> None:
    last = [act for act in STORIES[story] if isinstance(act, Assignment)][-1]
    config = make_config()
    for effect in range(1, MAX_EFFECTS):
        home = tmp_path_factory.mktemp("agent")
        world = World(replace(config, data_path=home, state_path=home / ".agent"))
        world.switch.die_at, world.switch.after = effect, after
        try:
            play(world, STORIES[story])
        except AgentKilled:
            _take_over(world, last)
        else:
            assert effect > 3
            return
    raise AssertionError(f"more than {MAX_EFFECTS} effects")


def _take_over(world: World, last: Assignment) -> None:
    world.switch.die_at = None
    before = [process for process in world.processes.all if process.alive]
    assert len(before) <= 1
    untouched = [process for process in before if not process.signals]
    world.begin()
    settle(world)
    world.manager.assign(last)  # what the next heartbeat brings
    settle(world)
    alive = world.processes.alive("node-1")
    if last.desired is Desired.RUNNING:
        (process,) = alive
        report = world.report("node-1")
        assert (report.state, report.pid) == (NodeState.RUNNING, process.identity.pid)
        assert len(world.journal.load()) == 1
        if untouched and last.restart_generation == 0 and last.generation == 1:
            assert process is untouched[0], "a node that lived keeps its process"
    else:
        assert alive == []
        reports = world.inventory.reports()
        assert [report.state for report in reports] == ([NodeState.STOPPED] if last.desired is Desired.STOPPED else [])
        assert len(world.journal.load()) == len(reports)
