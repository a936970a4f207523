"""With scripts switched off every page is read, and what is asked for is done by forms alone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from support.browser.page_actions import SPAWN, grid_is, in_order, notice
from support.browser.page_errors import PageErrors
from support.harness.grid import Grid
from support.harness.interfaces import NodeView
from support.waiting import eventually


@pytest.fixture
def context_options() -> dict[str, Any]:
    return {"java_script_enabled": False}


@pytest.fixture
def node(grid: Grid) -> Iterator[NodeView]:
    made = grid.grpc.spawn("agent-1")
    yield shown(grid, made.node_id, "running")
    grid.grpc.remove(made.node_id)


def shown(grid: Grid, node_id: str, status: str) -> NodeView:
    """Wait until pages show it so: without scripts they do not reload by themselves."""
    eventually(lambda: grid.rest.show(node_id).status == status, message=f"{node_id} {status}")
    return grid.rest.show(node_id)


def test_every_page_is_read_from_the_overview_on(page: Page, node: NodeView) -> None:
    page.goto("/ui/")
    expect(page.get_by_role("heading", name=grid_is("healthy"))).to_be_visible()
    expect(page.locator("#events")).to_contain_text(node.node_id)

    page.get_by_role("link", name="Agents", exact=True).click()
    page.get_by_role("row").get_by_role("link", name="agent-1").click()
    expect(page.get_by_role("heading", name="agent-1")).to_be_visible()

    page.get_by_role("row").get_by_role("link", name=node.node_id).first.click()
    expect(page.locator("#node-status")).to_contain_text("running")
    expect(page.locator("#explain")).to_contain_text(f"process {node.pid}")
    expect(page.locator("#log-text")).to_contain_text("ready")

    page.get_by_role("link", name="Events", exact=True).click()
    expect(page.get_by_role("table")).to_contain_text("node.started")


def test_nodes_are_filtered_and_sorted(page: Page, node: NodeView) -> None:
    page.goto("/ui/nodes")
    page.get_by_label("Agent", exact=True).fill("agent-2")
    page.get_by_role("button", name="Filter").click()
    expect(page.get_by_text("No nodes.")).to_be_visible()

    page.get_by_role("link", name="Clear").click()
    page.get_by_role("columnheader", name="Memory").get_by_role("link").click()
    expect(page.get_by_role("columnheader", name="Memory")).to_have_attribute("aria-sort", re.compile("ending$"))
    expect(page.locator(f"#row-{node.node_id}")).to_be_visible()


def test_a_node_is_stopped_on_a_page_that_asks_first(page: Page, grid: Grid, node: NodeView) -> None:
    page.goto(f"/ui/nodes/{node.node_id}")
    page.get_by_role("link", name="Stop").click()
    expect(page.get_by_role("heading", name=f"Stop {node.node_id}?")).to_be_visible()
    page.get_by_role("button", name=f"Stop {node.node_id}").click()

    expect(notice(page)).to_contain_text(in_order(node.node_id, "stopped"))
    shown(grid, node.node_id, "stopped")
    page.reload()
    expect(page.locator("#node-status")).to_contain_text("stopped")
    assert grid.pids() == {}


def test_a_node_is_spawned_and_a_refusal_says_why(page: Page, grid: Grid, page_errors: PageErrors) -> None:
    page_errors.expect("the server responded with a status of 400")
    page.goto("/ui/")
    page.get_by_role("link", name=SPAWN).click()
    page.locator("#spawn-storage_path").fill("/etc")
    page.get_by_role("button", name="Spawn", exact=True).click()
    expect(page.locator("#failure")).to_contain_text("data_path")
    expect(page.locator("#spawn-storage_path")).to_have_value("/etc")

    page.locator("#spawn-storage_path").fill("")
    page.get_by_role("button", name="Spawn", exact=True).click()
    expect(notice(page)).to_contain_text("spawned")
    grid.grpc.remove(page.url.rpartition("/")[2])


def test_several_nodes_are_stopped_together(page: Page, grid: Grid, node: NodeView) -> None:
    other = grid.grpc.spawn("agent-2")
    page.goto("/ui/nodes")
    for each in (node, other):
        page.get_by_label(f"Select {each.node_id}").check()
    page.get_by_role("button", name="Stop").click()
    page.get_by_role("button", name="Stop 2 nodes").click()

    expect(notice(page)).to_contain_text(in_order("2 nodes", "stopped"))
    assert grid.pids() == {}
    grid.grpc.remove(other.node_id)


def test_nothing_is_offered_that_needs_a_script(page: Page, node: NodeView) -> None:
    page.goto(f"/ui/nodes/{node.node_id}")
    expect(page.locator("button[data-copy]").first).to_be_hidden()
    expect(page.locator("#times")).to_be_hidden()


def test_a_log_is_searched_and_downloaded(page: Page, node: NodeView) -> None:
    page.goto(f"/ui/nodes/{node.node_id}")
    expect(page.get_by_role("button", name="Pause")).to_be_hidden()
    page.get_by_label("Text to find in the log").fill("READY")
    page.get_by_role("search", name="Search the log").get_by_role("button").click()
    expect(page.locator("#log-found mark").first).to_have_text("ready")
    with page.expect_download() as started:
        page.get_by_role("link", name="Download").click()
    assert node.node_id in started.value.suggested_filename
