"""What the end-to-end tests share: their mark, and grids by module."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.grid import Grid, GridSpec

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.e2e)


@pytest.fixture(scope="module")
def shared_grid(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Grid]:
    """One agent for all tests of a module; each test ends with all daemons up again.

    Every node counts as stable at once, so that one which is killed again and again does not wait for a back-off.
    """
    with Grid(tmp_path_factory.mktemp("grid"), GridSpec(extra={"restart": {"stable_secs": 0.0}})) as grid:
        yield grid
