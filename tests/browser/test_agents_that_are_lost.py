"""A page that stays open on a screen sees agents go and come back, by polling alone."""

from __future__ import annotations

import signal

from playwright.sync_api import Page, expect
from support.grid import Grid
from support.page_user import remember, was_not_loaded_again


def test_an_agent_that_is_lost_goes_offline_with_the_reason_and_comes_back(page: Page, grid: Grid) -> None:
    node = grid.grpc.spawn("agent-2")
    page.goto("/ui/")
    expect(page.get_by_role("heading", name="The grid is healthy")).to_be_visible()
    remember(page)

    grid.agents["agent-2"].signal(signal.SIGSTOP)
    verdict = page.locator("#cluster-status")
    expect(verdict.get_by_role("heading", name="The grid is degraded")).to_be_visible()
    attention = page.get_by_role("region", name="Needs attention")
    expect(attention).to_contain_text("offline")
    expect(attention).to_contain_text("agent-2")
    expect(attention).to_contain_text("heartbeat")
    expect(page.locator("#cell-agent-2")).to_have_class("offline fill1")

    grid.agents["agent-2"].signal(signal.SIGCONT)
    expect(verdict.get_by_role("heading", name="The grid is healthy")).to_be_visible()
    expect(attention).to_have_count(0)
    assert was_not_loaded_again(page)
    assert grid.pids()[node.node_id] == node.pid
