"""The log of a node in a browser: paused, unwrapped, selected, searched and downloaded."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from support.harness.grid import Grid
from support.harness.interfaces import NodeView
from support.programs.chatty import LINES


@pytest.fixture
def node(grid: Grid) -> Iterator[NodeView]:
    made = grid.grpc.spawn("agent-1", engine="chatty")
    yield made
    grid.grpc.remove(made.node_id)


def last_line(node: NodeView) -> str:
    return f"line {LINES} of process {node.pid}"


def test_a_paused_log_stays_as_it_is_until_it_is_followed_again(page: Page, grid: Grid, node: NodeView) -> None:
    page.goto(f"/ui/nodes/{node.node_id}")
    log = page.locator("#log-text")
    expect(log).to_contain_text(last_line(node))
    page.get_by_role("button", name="Pause").click()
    expect(page.locator("#log-paused")).to_contain_text("UTC")

    second = grid.grpc.restart(node.node_id)
    expect(page.locator("#explain")).to_contain_text(f"process {second.pid}")
    with page.expect_response(lambda response: response.url.endswith(f"/ui/nodes/{node.node_id}")):
        pass  # another poll, in whose time the log would have been polled too
    expect(log).not_to_contain_text(f"of process {second.pid}")

    page.get_by_role("button", name="Follow").click()
    expect(log).to_contain_text(last_line(second))
    assert log.evaluate("log => log.scrollHeight - log.scrollTop - log.clientHeight") < 2


def test_what_is_selected_in_a_log_stays_selected(page: Page, grid: Grid, node: NodeView) -> None:
    page.goto(f"/ui/nodes/{node.node_id}")
    log = page.locator("#log-text")
    expect(log).to_contain_text(last_line(node))
    log.evaluate("log => getSelection().setBaseAndExtent(log.firstChild, 0, log.firstChild, 20)")
    selected = page.evaluate("String(getSelection())")
    with page.expect_response(lambda response: response.url.endswith("/log")):
        second = grid.grpc.restart(node.node_id)
    expect(page.locator("#explain")).to_contain_text(f"process {second.pid}")
    assert page.evaluate("String(getSelection())") == selected

    page.evaluate("getSelection().removeAllRanges()")
    expect(log).to_contain_text(last_line(second))


def test_a_log_is_searched_unwrapped_and_downloaded(page: Page, node: NodeView, tmp_path: Path) -> None:
    page.goto(f"/ui/nodes/{node.node_id}")
    log = page.locator("#log-text")
    expect(log).to_have_css("white-space", "pre-wrap")
    page.get_by_label("Wrap lines").uncheck()
    expect(log).to_have_css("white-space", "pre")

    with page.expect_download() as started:
        page.get_by_role("link", name="Download").click()
    assert started.value.suggested_filename.startswith(node.node_id)
    started.value.save_as(tmp_path / "log")
    assert last_line(node) in (tmp_path / "log").read_text()

    page.get_by_label("Text to find in the log").fill(f"LINE {LINES} ")
    page.keyboard.press("Enter")
    expect(page.locator("#log-found mark")).to_have_text(f"line {LINES} ")
    page.get_by_role("link", name="Show its end").click()
    expect(log).to_contain_text(last_line(node))
