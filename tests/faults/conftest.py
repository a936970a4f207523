"""A grid whose daemons die at named steps, shared by the tests of a module."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.harness.killed_grid import KilledGrid, killed_grid


@pytest.fixture(scope="module")
def module_grid(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KilledGrid]:
    with killed_grid(tmp_path_factory.mktemp("grid")) as grid:
        yield grid


@pytest.fixture
def killable(module_grid: KilledGrid) -> Iterator[KilledGrid]:
    """Before and after the test all daemons run, and only the unaffected node exists."""
    yield module_grid
    module_grid.recover()
