"""Buttons that copy: with the clipboard API, without it, and where a browser allows neither."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import BrowserContext, Page, expect
from support.harness.grid import Grid
from support.harness.interfaces import NodeView

WITHOUT_API = "Object.defineProperty(navigator, 'clipboard', {value: undefined})"
FORBIDDEN = WITHOUT_API + "; document.execCommand = () => false"
KEEP = "document.addEventListener('copy', () => { window.copied = document.activeElement.value })"


@pytest.fixture
def node(grid: Grid) -> Iterator[NodeView]:
    made = grid.grpc.spawn("agent-1")
    yield made
    grid.grpc.remove(made.node_id)


def test_an_id_is_copied_by_the_keyboard_and_this_is_said(page: Page, context: BrowserContext, node: NodeView) -> None:
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(f"/ui/nodes/{node.node_id}")
    button = page.get_by_role("button", name="Copy the node's id")
    button.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#toast")).to_have_text(f"Copied {node.node_id}")
    assert page.evaluate("navigator.clipboard.readText()") == node.node_id
    expect(button).to_be_focused()


def test_without_the_clipboard_api_the_older_way_is_taken(page: Page, node: NodeView) -> None:
    page.add_init_script(f"{WITHOUT_API}; {KEEP}")
    page.goto(f"/ui/nodes/{node.node_id}")
    button = page.get_by_role("button", name="Copy the endpoint")
    button.click()
    expect(page.locator("#toast")).to_have_text(f"Copied {node.endpoint}")
    assert page.evaluate("window.copied") == node.endpoint
    expect(button).to_be_focused()


def test_a_browser_that_forbids_it_is_not_said_to_have_copied(page: Page, node: NodeView) -> None:
    page.add_init_script(FORBIDDEN)
    page.goto(f"/ui/nodes/{node.node_id}")
    page.get_by_role("button", name="Copy the node's id").click()
    expect(page.locator("#toast")).to_contain_text("does not allow")
