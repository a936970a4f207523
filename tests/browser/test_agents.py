"""Agents that go and come back, are drained and removed: a page that stays open sees it by polling alone."""

from __future__ import annotations

import re
import signal

from playwright.sync_api import Page, expect
from support.browser.page_actions import (
    NEEDS_ATTENTION,
    SPAWN_HERE,
    cancel,
    confirm,
    grid_is,
    in_order,
    mark_page,
    notice,
    open_action,
    was_not_loaded_again,
)
from support.browser.page_errors import PageErrors
from support.harness.grid import Grid


def test_an_agent_that_is_lost_goes_offline_with_the_reason_and_comes_back(page: Page, grid: Grid) -> None:
    node = grid.grpc.spawn("agent-2")
    page.goto("/ui/")
    expect(page.get_by_role("heading", name=grid_is("healthy"))).to_be_visible()
    mark_page(page)

    grid.agents["agent-2"].signal(signal.SIGSTOP)
    verdict = page.locator("#cluster-status")
    expect(verdict.get_by_role("heading", name=grid_is("degraded"))).to_be_visible()
    attention = page.get_by_role("region", name=NEEDS_ATTENTION)
    expect(attention).to_contain_text("offline")
    expect(attention).to_contain_text("agent-2")
    expect(attention).to_contain_text("heartbeat")
    expect(page.locator("#cell-agent-2")).to_have_class("offline fill1")

    grid.agents["agent-2"].signal(signal.SIGCONT)
    expect(verdict.get_by_role("heading", name=grid_is("healthy"))).to_be_visible()
    expect(attention).to_have_count(0)
    assert was_not_loaded_again(page)
    assert grid.pids()[node.node_id] == node.pid


def test_the_nodes_of_a_lost_agent_are_unknown_until_it_is_back(page: Page, grid: Grid) -> None:
    node = grid.grpc.spawn("agent-2")
    page.goto(f"/ui/nodes/{node.node_id}")
    expect(page.locator("#node-status")).to_contain_text("running")

    grid.agents["agent-2"].kill()
    expect(page.locator("#node-status")).to_contain_text("unknown")
    expect(page.locator("#explain")).to_contain_text("agent-2 is offline")

    grid.agents["agent-2"].start()
    expect(page.locator("#node-status")).to_contain_text("running")
    expect(page.locator("#explain")).to_contain_text(f"process {node.pid}")
    grid.wait_agents("healthy")
    grid.grpc.remove(node.node_id)


def test_an_agent_is_drained_with_its_nodes_stopped_and_opened_again(
    page: Page, grid: Grid, page_errors: PageErrors
) -> None:
    page_errors.expect("the server responded with a status of 409")
    node = grid.grpc.spawn("agent-2")
    page.goto("/ui/agents/agent-2")

    dialog = open_action(page, "Drain")
    expect(dialog).to_contain_text("agent-2")
    dialog.get_by_label("Also stop its nodes").check()
    confirm(dialog, "Drain agent-2")
    expect(notice(page)).to_contain_text(in_order("agent-2", "drained"))
    expect(page.locator(f"#row-{node.node_id}")).to_contain_text("stopped")
    assert grid.pids() == {}

    dialog = open_action(page, SPAWN_HERE)
    confirm(dialog, "Spawn")
    expect(dialog.get_by_role("alert").first).to_contain_text("drained")
    cancel(dialog)

    confirm(open_action(page, "Undrain"), "Undrain agent-2")
    expect(notice(page)).to_contain_text("agent-2")
    grid.grpc.remove(node.node_id)


def test_an_agent_with_nodes_is_not_removed_while_it_runs_and_one_that_is_gone_is(
    page: Page, grid: Grid, page_errors: PageErrors
) -> None:
    page_errors.expect("the server responded with a status of 40[49]")  # 404: polled once more after its removal
    node = grid.grpc.spawn("agent-2")
    page.goto("/ui/agents/agent-2")
    dialog = open_action(page, "Remove")
    expect(dialog).to_contain_text("master")
    confirm(dialog, "Remove agent-2")
    expect(dialog.get_by_role("alert").first).to_contain_text("agent-2")
    cancel(dialog)
    grid.grpc.remove(node.node_id)

    grid.agents["agent-2"].stop()
    expect(page.get_by_text("offline").first).to_be_visible()
    confirm(open_action(page, "Remove"), "Remove agent-2")

    expect(page).to_have_url(re.compile("/ui/agents$"))
    expect(notice(page)).to_contain_text(in_order("agent-2", "removed"))
    assert set(grid.agent_statuses()) == {"agent-1"}
    grid.agents["agent-2"].start()
    grid.wait_agents("healthy")
    expect(page.locator("#agent-agent-2")).to_contain_text("healthy")
