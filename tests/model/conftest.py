"""How long the model runs: a short run in every suite, and a long one marked ``soak``.

    pytest tests/model                                    some hundred histories
    pytest tests/model -m soak                            SUTRA_GRID_TEST_HISTORIES of them, 5,000 by default
    SUTRA_GRID_TEST_SEED=N pytest tests/model …           the same histories again

A failure prints the seed, the shortest history that fails, and its log.
"""

from __future__ import annotations

import logging
import os
import random
import tempfile
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from hypothesis.internal.conjecture import engine

from model.machine import GridMachine
from model.master_process import template_of

SEED = int(os.environ.get("SUTRA_GRID_TEST_SEED") or random.SystemRandom().randrange(2**32))

SHRINK_SECONDS = 60  # the time to find the shortest history that fails


@pytest.fixture(scope="session")
def model_seed() -> int:
    return SEED


@pytest.fixture(scope="session")
def memory_directory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A directory in memory if the system has one, because journal and registry sync often."""
    memory = Path("/dev/shm")
    if os.access(memory, os.W_OK):
        with tempfile.TemporaryDirectory(prefix="sutra-grid-model-", dir=memory) as directory:
            yield Path(directory)
    else:
        yield tmp_path_factory.mktemp("model")


@pytest.fixture(autouse=True)
def prepared_machine(memory_directory: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Set the directory of the machine, and turn logging off: a history logs as much as a grid in a day."""
    monkeypatch.setattr(engine, "MAX_SHRINKING_SECONDS", SHRINK_SECONDS, raising=False)
    logger = logging.getLogger("sutra_grid")
    level, logger.propagate = logger.level, False
    logger.setLevel(logging.ERROR)
    GridMachine.directory = memory_directory
    GridMachine.template = GridMachine.template or template_of(memory_directory)
    yield
    logger.setLevel(level)
    logger.propagate = True


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.failed:
        report.sections.append(("replay", f"SUTRA_GRID_TEST_SEED={SEED} pytest '{item.nodeid}'"))
    return report
