"""Puts the shared helpers of ``tests/support`` on the path of every test, and Ctrl-C into its usual state."""

import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

# A shell starts background jobs with SIGINT ignored, and programs inherit that: a test that interrupts one would wait.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def no_memory_group_left(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A node that a test ends after its agent leaves an empty control group behind."""
    yield
    from support.memory_groups import remove_groups_below

    remove_groups_below(tmp_path_factory.getbasetemp())
