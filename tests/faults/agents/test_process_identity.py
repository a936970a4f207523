"""A journal that points at a process which is not the node: it gets no signal, and the node is started again, once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from support.faults.foreign_process import ForeignProcess
from support.faults.other_boot import other_boot_or_skip
from support.harness import processes
from support.harness.agent_harness import AgentHarness, kill_process
from support.programs.node_program import ran_twice, starts
from support.texts import mentions

from sutra_grid.agent.processes.identity import environment
from sutra_grid.agent.processes.launch_tag import TAG_LAUNCH
from sutra_grid.core.node.record import ProcessIdentity
from sutra_grid.core.types import Desired, NodeReport, NodeState, Reason

pytestmark = pytest.mark.e2e

Environment = dict[str, str]


def _started_earlier(identity: ProcessIdentity) -> ProcessIdentity:
    return replace(identity, start_ticks=identity.start_ticks - 1)


@dataclass(frozen=True, slots=True)
class Lie:
    """What the foreign process shares with the node, and how the journal points at it. Every other field is correct.

    All three of boot, pid and start can't be those of a foreign process: the kernel gives no pid twice within a tick.
    """

    dress: Callable[[Environment], Environment]
    point: Callable[[ProcessIdentity], ProcessIdentity] = _started_earlier
    leads: bool = True


def _tag(variables: Environment, part: int, value: str) -> Environment:
    words = variables[TAG_LAUNCH].split("/")
    words[part] = value
    return {**variables, TAG_LAUNCH: "/".join(words)}


def _of_an_earlier_launch(variables: Environment) -> Environment:
    """A process with the tag of the very launch descends from it: it is a leftover, and no foreign process."""
    return _tag(variables, 2, "0")


LIES = {
    "no-tag": Lie(lambda variables: {}),
    "another-nodes-tag": Lie(lambda variables: _tag(variables, 1, "node-of-nobody")),
    "another-hosts-tag": Lie(lambda variables: _tag(variables, 0, "0" * 32)),
    "an-earlier-launch": Lie(_of_an_earlier_launch),
    "another-boot": Lie(_of_an_earlier_launch, lambda identity: replace(identity, boot_id="an earlier boot")),
    "a-child-of-another-launch": Lie(_of_an_earlier_launch, leads=False),
}


@dataclass(frozen=True, slots=True)
class Aftermath:
    """The outcome of one forged journal: the node before and after, and the signals that the foreign process got."""

    first: NodeReport
    again: NodeReport
    ran: list[int]
    twice: bool
    removed: bool
    foreign_pid: int
    harm: list[str]


@pytest.fixture(scope="module")
def aftermaths(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Aftermath]]:
    """Forge the journals of all nodes of one agent, then command it to stop, restart and remove each node."""
    home = tmp_path_factory.mktemp("lied-to")
    agent = AgentHarness(home, agent={"max_storage_nodes": len(LIES)}).start()
    with ExitStack() as stack:
        stack.callback(_end, agent)
        first = {name: agent.run(name) for name in LIES}
        dressed = {name: dict(environment(report.pid) or {}) for name, report in first.items()}
        agent.kill()
        foreign_processes = {}
        for name, lie in LIES.items():
            kill_process(first[name].pid)
            foreign = ForeignProcess(home / f"{name}.signals", lie.dress(dressed[name]), leads=lie.leads)
            foreign_processes[name] = stack.enter_context(closing(foreign))
            agent.rewrite_journal(name, process=lie.point(foreign.identity(1)))
        agent.start()
        again = {name: agent.wait_for(name, NodeState.RUNNING) for name in LIES}
        ran = {name: starts(agent.data / name) for name in LIES}
        for name in LIES:
            restarted = agent.want(name, Desired.RUNNING, restart=True)
            assert restarted.pid not in (0, again[name].pid)
            assert agent.want(name, Desired.STOPPED).state is NodeState.STOPPED
            agent.want(name, Desired.ABSENT)
        yield {
            name: Aftermath(
                first[name],
                again[name],
                ran[name],
                ran_twice(agent.data / name),
                name not in agent.reports(),
                foreign_processes[name].pid,
                foreign_processes[name].harm(),
            )
            for name in LIES
        }


def _end(agent: AgentHarness) -> None:
    if agent.daemon.is_running:
        agent.kill()
    processes.kill_and_wait(processes.processes_below(agent.home))


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[AgentHarness]:
    agent = AgentHarness(tmp_path / "home", restart={"first_delay_secs": 60.0, "max_delay_secs": 60.0}).start()
    yield agent
    _end(agent)


@pytest.mark.parametrize("lie", LIES)
def test_a_foreign_process_that_the_journal_points_at_is_never_signalled(
    aftermaths: dict[str, Aftermath], lie: str
) -> None:
    assert aftermaths[lie].harm == []


@pytest.mark.parametrize("lie", LIES)
def test_the_node_is_started_again_once_beside_the_foreign_process(aftermaths: dict[str, Aftermath], lie: str) -> None:
    seen = aftermaths[lie]
    assert seen.ran == [seen.first.pid, seen.again.pid]
    assert seen.again.pid != seen.foreign_pid
    assert not seen.twice
    assert (seen.again.reason, seen.again.exits[0].reason, seen.again.restarts) == (Reason.LOST, Reason.LOST, 1)
    assert seen.removed


def test_after_a_boot_of_the_host_nodes_are_started_at_once_and_old_pids_mean_nothing(
    agent: AgentHarness, tmp_path: Path
) -> None:
    other_boot = other_boot_or_skip(tmp_path)
    ran, waited, stopped = agent.run("ran"), agent.run("waited", "broken"), agent.run("stopped")
    assert waited.reason is Reason.BACK_OFF
    agent.want("stopped", Desired.STOPPED)
    dress = dict(environment(ran.pid) or {})
    agent.kill()
    kill_process(ran.pid)
    with closing(ForeignProcess(tmp_path / "signals", dress)) as foreign:
        agent.rewrite_journal("ran", process=foreign.identity(1))
        agent.move_to(other_boot)
        agent.start()

        again = agent.wait_for("ran", NodeState.RUNNING)
        assert (again.reason, again.exits[0].reason, again.restarts) == (Reason.REBOOTED, Reason.REBOOTED, 1)
        assert mentions(again.message, foreign.pid, "boot")
        broken = agent.wait_for("waited", lambda report: len(report.exits) == 2)
        assert broken.restarts == 1, "the back-off of 60 s belonged to the boot before"
        assert agent.reports()["stopped"].state is NodeState.STOPPED
        assert starts(agent.data / "stopped") == [stopped.pid]
        agent.want("ran", Desired.RUNNING, restart=True)
        agent.want("ran", Desired.ABSENT)
        assert foreign.harm() == []
    assert starts(agent.data / "ran")[:2] == [ran.pid, again.pid]
