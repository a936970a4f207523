"""Everything without a mouse: where the focus is, that it is seen, and what Enter and Escape do."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, Page, expect
from support.browser.page_actions import in_order, notice
from support.harness.grid import Grid
from support.harness.interfaces import NodeView
from support.programs.chatty import LINES

MAX_TABS = 60


@pytest.fixture
def node(grid: Grid) -> Iterator[NodeView]:
    made = grid.grpc.spawn("agent-1")
    yield made
    grid.grpc.remove(made.node_id)


def focused(page: Page) -> Locator:
    return page.locator("*:focus")


def tab_to(page: Page, wanted: Locator) -> None:
    """Press Tab until it has the focus."""
    for _ in range(MAX_TABS):
        page.keyboard.press("Tab")
        if wanted.evaluate("element => element === document.activeElement"):
            return
    raise AssertionError(f"{wanted} was not reached with {MAX_TABS} times Tab")


def test_the_first_stop_skips_to_the_content(page: Page) -> None:
    page.goto("/ui/nodes")
    page.keyboard.press("Tab")
    expect(focused(page)).to_have_text("Skip to content")
    expect(focused(page)).to_be_in_viewport()

    page.keyboard.press("Enter")
    page.keyboard.press("Tab")

    assert focused(page).evaluate("element => document.getElementById('main').contains(element)")


@pytest.mark.parametrize("path", ["/ui/", "/ui/agents", "/ui/agents/agent-1", "/ui/nodes", "/ui/events", "/ui/spawn"])
def test_every_stop_is_seen(page: Page, node: NodeView, path: str) -> None:
    page.goto(path)
    stops = set()
    for _ in range(MAX_TABS):
        page.keyboard.press("Tab")
        name, is_drawn, area = page.evaluate(
            """() => {
                const element = document.activeElement, style = getComputedStyle(element)
                const box = element.getBoundingClientRect()
                const drawn = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2
                return [element.outerHTML.slice(0, 200), drawn, box.width * box.height]
            }"""
        )
        if name in stops or name.startswith("<body"):
            break
        stops.add(name)
        assert is_drawn, f"the focus is not drawn on {name}"
        assert area > 100, f"the focus is on something too small to be seen: {name}"
    assert len(stops) > 8


def test_a_node_is_stopped_with_the_keyboard_alone(page: Page, grid: Grid, node: NodeView) -> None:
    page.goto("/ui/nodes")
    tab_to(page, page.get_by_role("link", name=node.node_id))
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(node.node_id))
    tab_to(page, page.get_by_role("link", name="Stop"))
    page.keyboard.press("Enter")

    dialog = page.get_by_role("dialog", name=f"Stop {node.node_id}?")
    expect(dialog).to_be_visible()
    tab_to(page, dialog.get_by_role("button", name=f"Stop {node.node_id}"))
    page.keyboard.press("Enter")

    expect(notice(page)).to_contain_text(in_order(node.node_id, "stopped"))
    assert grid.pids() == {}


def test_a_dialog_holds_the_focus_and_escape_gives_it_back(page: Page, grid: Grid, node: NodeView) -> None:
    page.goto(f"/ui/nodes/{node.node_id}")
    opener = page.get_by_role("link", name="Remove")
    tab_to(page, opener)
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_be_visible()

    for _ in range(8):
        assert page.evaluate("document.getElementById('dialog').contains(document.activeElement)")
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement === document.body"):  # the browser's own buttons come in between
            page.keyboard.press("Tab")
    page.keyboard.press("Escape")

    expect(dialog).to_be_hidden()
    expect(opener).to_be_focused()
    assert grid.pids()[node.node_id] == node.pid


def test_nodes_are_selected_with_space(page: Page, node: NodeView) -> None:
    page.goto("/ui/nodes")
    tab_to(page, page.get_by_label(f"Select {node.node_id}"))
    page.keyboard.press("Space")

    expect(page.get_by_text("1 selected")).to_be_visible()
    page.keyboard.press("Space")
    expect(page.get_by_role("button", name="Stop")).to_be_disabled()


def test_a_log_is_scrolled_with_the_keyboard(page: Page, grid: Grid) -> None:
    node = grid.grpc.spawn("agent-1", engine="chatty")
    page.goto(f"/ui/nodes/{node.node_id}")
    log = page.locator("#log-text")
    expect(log).to_contain_text(f"line {LINES}")
    tab_to(page, log)
    assert log.evaluate("log => log.scrollTop") > 0

    page.keyboard.press("Home")

    expect(log).to_have_js_property("scrollTop", 0)
    grid.grpc.remove(node.node_id)
