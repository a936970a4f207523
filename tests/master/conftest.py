"""A master and agents for each test."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from support.fakes.fake_agent import FakeAgent
from support.harness.master_harness import MasterHarness

from sutra_grid.master.config import MasterConfig


@pytest.fixture
def make_harness(tmp_path: Path) -> Iterator[Callable[..., MasterHarness]]:
    """Makes a master with a configuration of the test's own."""
    with ExitStack() as stack:

        def make(config: MasterConfig | None = None, **options: float) -> MasterHarness:
            made = MasterHarness(tmp_path, config, **options)
            stack.callback(made.stop)
            return made

        yield make


@pytest.fixture
def harness(make_harness: Callable[..., MasterHarness]) -> MasterHarness:
    return make_harness()


@pytest.fixture
def make_agent() -> Iterator[Callable[..., FakeAgent]]:
    with ExitStack() as stack:
        yield lambda *names, **options: stack.enter_context(FakeAgent(*names, **options))


@pytest.fixture
def agent(harness: MasterHarness, make_agent: Callable[..., FakeAgent]) -> FakeAgent:
    """An agent that is registered."""
    made = make_agent()
    assert made.register(harness.stub).success
    return made


@pytest.fixture
def lock_registry(harness: MasterHarness) -> Iterator[Callable[[], Callable[[], None]]]:
    """Another program takes the registry's write lock; calling what the call returns lets go."""
    with ExitStack() as stack:

        def lock() -> Callable[[], None]:
            connection = sqlite3.connect(harness.registry_file, isolation_level=None, check_same_thread=False)
            stack.callback(connection.close)
            connection.execute("PRAGMA busy_timeout = 5000")
            connection.execute("BEGIN IMMEDIATE")
            return lambda: connection.execute("ROLLBACK") and None

        yield lock


@pytest.fixture
def locked_registry(lock_registry: Callable[[], Callable[[], None]]) -> Callable[[], None]:
    """The registry is locked from the start; calling the value lets go."""
    return lock_registry()
