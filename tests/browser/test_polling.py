"""What is polled comes in without taking away what a person is doing."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect
from support.browser.page_actions import NEEDS_ATTENTION, SPAWN_HERE, open_action
from support.harness.grid import Grid
from support.harness.interfaces import NodeView
from support.harness.processes import kill
from support.programs.chatty import LINES
from support.programs.fragile import spoil


@pytest.fixture
def node(grid: Grid) -> Iterator[NodeView]:
    made = grid.grpc.spawn("agent-1")
    yield made
    grid.grpc.remove(made.node_id)


def see_it_restart(page: Page, grid: Grid, node: NodeView) -> None:
    """Something changes on the page by polling: the restarts in the node's row."""
    restarts = page.locator(f"#row-{node.node_id} [data-label=Restarts]")
    before = int(restarts.inner_text())
    kill([grid.pids()[node.node_id]])
    expect(restarts).to_have_text(str(before + 1))


def test_the_focus_stays_where_it_is(page: Page, grid: Grid, node: NodeView) -> None:
    page.goto("/ui/nodes")
    link = page.get_by_role("link", name=node.node_id)
    link.focus()

    see_it_restart(page, grid, node)

    expect(link).to_be_focused()


def test_what_is_selected_and_what_is_typed_stays(page: Page, grid: Grid, node: NodeView) -> None:
    page.goto("/ui/nodes")
    box = page.get_by_label(f"Select {node.node_id}")
    box.check()
    page.get_by_label("Agent", exact=True).fill("agent-")

    see_it_restart(page, grid, node)

    expect(box).to_be_checked()
    expect(page.get_by_text("1 selected")).to_be_visible()
    expect(page.get_by_role("button", name="Stop")).to_be_enabled()
    expect(page.get_by_label("Agent", exact=True)).to_have_value("agent-")


def test_details_that_were_opened_stay_open(page: Page, grid: Grid) -> None:
    nodes = [grid.grpc.spawn("agent-1", engine="fragile") for _ in range(3)]
    for node in nodes[:2]:
        spoil(node.storage_path)
        kill([node.pid])
        grid.wait_node(node.node_id, "failed")
    page.goto("/ui/")
    reasons = page.locator("#reasons")
    reasons.locator("summary").click()
    expect(reasons.get_by_role("listitem").first).to_be_visible()

    spoil(nodes[2].storage_path)
    kill([nodes[2].pid])
    expect(page.get_by_role("region", name=NEEDS_ATTENTION)).to_contain_text(nodes[2].node_id)

    expect(reasons.get_by_role("listitem").first).to_be_visible()
    for node in nodes:
        grid.grpc.remove(node.node_id)


def test_a_dialog_stays_open_with_what_was_typed(page: Page, grid: Grid, node: NodeView) -> None:
    page.goto("/ui/agents/agent-1")
    dialog = open_action(page, SPAWN_HERE)
    port = dialog.locator("#spawn-port")
    port.fill("1234")

    see_it_restart(page, grid, node)

    expect(dialog).to_be_visible()
    expect(port).to_have_value("1234")
    expect(port).to_be_focused()


def test_a_log_stays_at_its_end_unless_somebody_has_scrolled_away(page: Page, grid: Grid) -> None:
    node = grid.grpc.spawn("agent-1", engine="chatty")
    page.goto(f"/ui/nodes/{node.node_id}")
    log = page.locator("#log-text")
    last_line = f"line {LINES} of process"
    from_end = "log => log.scrollHeight - log.scrollTop - log.clientHeight"
    expect(log).to_contain_text(f"{last_line} {node.pid}")
    assert log.evaluate("log => log.scrollTop") > 0
    assert log.evaluate(from_end) < 2

    second = grid.grpc.restart(node.node_id)
    expect(log).to_contain_text(f"{last_line} {second.pid}")
    assert log.evaluate(from_end) < 2

    log.hover()
    page.mouse.wheel(0, -10_000)
    expect(log).to_have_js_property("scrollTop", 0)
    third = grid.grpc.restart(node.node_id)
    expect(log).to_contain_text(f"{last_line} {third.pid}")
    assert log.evaluate("log => log.scrollTop") == 0
    grid.grpc.remove(node.node_id)
