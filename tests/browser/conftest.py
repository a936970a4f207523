"""One browser and one live grid for the tests of this directory, and a context of its own for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect
from support.browser.chromium import PACKAGE, has_chromium, launched_chromium
from support.browser.page_errors import PageErrors
from support.harness.grid import PATIENT, Grid, GridSpec
from support.needs import skip_for
from support.programs.chatty import chatty_engine
from support.programs.fragile import fragile_engine
from support.programs.stubborn import stubborn_engine

HERE = Path(__file__).parent
PATIENCE_MS = 15_000
STUBBORN_SECONDS = 2.0
"""From the stop of a stubborn node to its end."""


@pytest.hookimpl(tryfirst=True)  # before the marks are looked at
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """They take minutes: they run with the slow tests, in every run of CI."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.e2e)
            item.add_marker(pytest.mark.soak)
            item.add_marker(pytest.mark.timeout(240))  # one that hangs says where


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Ends with the last test of the directory: its event loop is not left to other tests of the worker."""
    if not has_chromium():
        skip_for(f"the Debian package {PACKAGE}")
    expect.set_options(timeout=PATIENCE_MS)
    with launched_chromium() as launched:
        yield launched


@pytest.fixture(scope="package")
def whole_grid(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Grid]:
    """Two agents whose nodes can be of programs that behave badly, each in a way of its own."""
    root = tmp_path_factory.mktemp("browser")
    engines = {
        "chatty": chatty_engine(root),
        "fragile": fragile_engine(root),
        "stubborn": stubborn_engine(root, STUBBORN_SECONDS),
    }
    restart = {"stable_secs": 0.0, "first_delay_secs": 0.1, "max_crashes": 3}
    spec = GridSpec(
        agents=2,
        heartbeat_seconds=0.2,
        master_extra=PATIENT,
        health_check_seconds=0.2,
        extra={"restart": restart, "engines": engines},
    )
    with Grid(root / "grid", spec) as made:
        yield made


@pytest.fixture(scope="module")
def grid(whole_grid: Grid) -> Iterator[Grid]:
    """The grid, which a file finds without nodes. Each test ends with all daemons up again."""
    yield whole_grid
    whole_grid.wait_agents("healthy")
    for node in whole_grid.grpc.nodes():
        whole_grid.grpc.remove(node.node_id)


@pytest.fixture
def context_options() -> dict[str, Any]:
    """What is special about the browser of a module's tests."""
    return {}


@pytest.fixture
def context(browser: Browser, grid: Grid, context_options: dict[str, Any]) -> Iterator[BrowserContext]:
    options = {"viewport": {"width": 1440, "height": 900}, **context_options}
    made = browser.new_context(base_url=f"http://{grid.admin_address}", **options)
    made.set_default_timeout(PATIENCE_MS)
    yield made
    made.close()


@pytest.fixture
def page_errors(context: BrowserContext, grid: Grid) -> PageErrors:
    return PageErrors(context, f"http://{grid.admin_address}")


@pytest.fixture
def page(context: BrowserContext, page_errors: PageErrors) -> Iterator[Page]:
    """A page whose test fails when the browser complains of anything."""
    made = context.new_page()
    yield made
    made.close()
    assert page_errors.errors == []
