"""Fixtures and hooks that more than one directory of tests uses."""

import signal
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from support import grpc_forks  # noqa: F401  # before all that imports grpc
from support.harness.agent_harness import AgentHarness
from support.harness.grid import LIVE, Grid, GridSpec
from support.harness.processes import kill_and_wait, processes_below

from sutra_grid.runtime import correlation_id
from sutra_grid.wire import caller

# A shell starts background jobs with SIGINT ignored, and programs inherit that: a test that interrupts one would wait.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A failed test shows the ends of the logs of every grid that runs."""
    report = yield
    if report.failed:
        report.sections += [(f"log of {name}", text) for grid in LIVE for name, text in grid.logs().items()]
    return report


@pytest.fixture(autouse=True)
def no_request() -> Iterator[None]:
    """What a test calls in its own thread does not go on for the request of the test before it, nor under its id."""
    with correlation_id.bound(""), caller.acting_for(None):
        yield


@pytest.fixture
def make_agent(tmp_path: Path) -> Iterator[Callable[..., AgentHarness]]:
    """Starts an agent daemon in the test's own directory, with sections laid over its configuration."""
    home = tmp_path / "home"
    made: list[AgentHarness] = []

    def make(**overrides: Any) -> AgentHarness:
        made.append(AgentHarness(home, **overrides))
        return made[-1].start()

    yield make
    for agent in made:
        if agent.daemon.is_running:
            agent.kill()
    kill_and_wait(processes_below(home))


@pytest.fixture
def agent(make_agent: Callable[..., AgentHarness]) -> AgentHarness:
    return make_agent()


@pytest.fixture(scope="module")
def shared_grid(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Grid]:
    """One agent for all tests of a module; each test ends with all daemons up again.

    Every node counts as stable at once, so that one which is killed again and again does not wait for a back-off.
    """
    with Grid(tmp_path_factory.mktemp("grid"), GridSpec(extra={"restart": {"stable_secs": 0.0}})) as grid:
        yield grid


@pytest.fixture(scope="session", autouse=True)
def no_memory_group_left(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A node that a test ends after its agent leaves an empty control group behind."""
    yield
    from support.harness.memory_groups import remove_groups_below

    remove_groups_below(tmp_path_factory.getbasetemp())
