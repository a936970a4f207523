"""What the end-to-end tests share: their mark, the logs beside a failure, and grids by module."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from support.grid import LIVE, Grid, GridSpec

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.e2e)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A failed test shows the ends of the logs of every grid that runs."""
    report = yield
    if report.failed:
        report.sections += [(f"log of {name}", text) for grid in LIVE for name, text in grid.logs().items()]
    return report


@pytest.fixture(scope="module")
def shared_grid(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Grid]:
    """One agent for all tests of a module; each test ends with all daemons up again.

    Every node counts as stable at once, so that one which is killed again and again does not wait for a back-off.
    """
    with Grid(tmp_path_factory.mktemp("grid"), GridSpec(extra={"restart": {"stable_secs": 0.0}})) as grid:
        yield grid
