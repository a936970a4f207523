"""A node from its spawn to its removal, by the pages alone; only its process is killed from outside."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect
from support.browser.page_actions import (
    SPAWN,
    SPAWN_HERE,
    cancel,
    confirm,
    in_order,
    mark_page,
    notice,
    open_action,
    was_not_loaded_again,
)
from support.harness.grid import Grid
from support.harness.interfaces import NodeView
from support.harness.processes import kill


@pytest.fixture
def node(grid: Grid) -> Iterator[NodeView]:
    made = grid.grpc.spawn("agent-1")
    yield made
    grid.grpc.remove(made.node_id)


def test_a_node_is_spawned_and_shown_running(page: Page, grid: Grid) -> None:
    page.goto("/ui/")
    page.get_by_role("link", name=SPAWN).click()
    dialog = page.get_by_role("dialog", name=SPAWN)
    dialog.locator("#spawn-agent_id").fill("agent-2")
    confirm(dialog, "Spawn")

    expect(page).to_have_url(re.compile(r"/ui/nodes/node-[0-9a-f]+$"))
    node_id = page.url.rpartition("/")[2]
    expect(notice(page)).to_contain_text(in_order(node_id, "spawned", "agent-2"))
    expect(page.get_by_role("heading", name=node_id)).to_be_visible()
    expect(page.locator("#node-status")).to_contain_text("running")
    expect(page.locator("#explain")).to_contain_text(f"process {grid.pids()[node_id]}")
    grid.grpc.remove(node_id)


def test_several_nodes_are_spawned_at_once(page: Page, grid: Grid) -> None:
    page.goto("/ui/agents/agent-2")
    dialog = open_action(page, SPAWN_HERE)
    dialog.locator("#spawn-count").fill("2")
    confirm(dialog, "Spawn")

    expect(notice(page)).to_contain_text(in_order("2 nodes", "spawned"))
    made = [node.node_id for node in grid.grpc.nodes() if node.agent_id == "agent-2"]
    assert len(made) == 2
    for node_id in made:
        expect(page.locator(f"#row-{node_id}")).to_contain_text("running")
        grid.grpc.remove(node_id)


def test_a_killed_node_is_seen_to_restart_with_its_exit_and_its_new_log(page: Page, grid: Grid, node: NodeView) -> None:
    page.goto(f"/ui/nodes/{node.node_id}")
    log = page.get_by_role("region", name="End of the log")
    expect(log).to_contain_text(f"pid={node.pid}")
    mark_page(page)

    kill([node.pid])

    expect(page.locator("#exits")).to_contain_text("signal 9")
    expect(page.get_by_role("heading", name="Restarts 1")).to_be_visible()
    expect(page.locator("#history")).to_contain_text("node.restarted")
    again = grid.wait_node(node.node_id, "running")
    expect(page.locator("#explain")).to_contain_text(f"process {again.pid}")
    expect(log).to_contain_text(f"pid={again.pid}")
    assert again.pid != node.pid
    assert was_not_loaded_again(page)


def test_a_node_is_stopped_started_and_restarted_after_the_page_said_what_will_happen(
    page: Page, grid: Grid, node: NodeView
) -> None:
    page.goto(f"/ui/nodes/{node.node_id}")

    dialog = open_action(page, "Stop")
    expect(dialog.get_by_role("heading", name=f"Stop {node.node_id}?")).to_be_visible()
    expect(dialog).to_contain_text(str(node.pid))
    expect(dialog).to_contain_text(node.storage_path)
    confirm(dialog, f"Stop {node.node_id}")
    expect(notice(page)).to_contain_text(in_order(node.node_id, "stopped"))
    expect(page.locator("#node-status")).to_contain_text("stopped")
    assert node.node_id not in grid.pids()

    confirm(open_action(page, "Start"), f"Start {node.node_id}")
    expect(page.locator("#node-status")).to_contain_text("running")
    started = grid.pids()[node.node_id]

    dialog = open_action(page, "Restart")
    expect(dialog).to_contain_text(f"process {started}")
    confirm(dialog, f"Restart {node.node_id}")
    expect(notice(page)).to_contain_text("restarted")
    assert grid.pids()[node.node_id] != started


def test_a_node_is_removed_and_its_data_stays(page: Page, grid: Grid) -> None:
    node = grid.grpc.spawn("agent-1")
    page.goto(f"/ui/nodes/{node.node_id}")

    dialog = open_action(page, "Remove")
    expect(dialog).to_contain_text(node.storage_path)
    confirm(dialog, f"Remove {node.node_id}")

    expect(page).to_have_url(re.compile("/ui/nodes$"))
    expect(notice(page)).to_contain_text(in_order(node.node_id, "removed"))
    expect(page.locator(f"#row-{node.node_id}")).to_have_count(0)
    assert node.node_id not in grid.pids()
    assert (grid.data_path("agent-1") / node.node_id).is_dir()


def test_what_is_cancelled_is_not_done(page: Page, grid: Grid, node: NodeView) -> None:
    page.goto(f"/ui/nodes/{node.node_id}")

    dialog = open_action(page, "Stop")
    cancel(dialog)

    expect(dialog).to_be_hidden()
    assert grid.pids()[node.node_id] == node.pid
    assert grid.grpc.show(node.node_id).desired == "running"


def test_progress_is_told_while_a_node_takes_its_time_to_end(page: Page, grid: Grid) -> None:
    node = grid.grpc.spawn("agent-1", engine="stubborn")
    page.goto(f"/ui/nodes/{node.node_id}")

    dialog = open_action(page, "Stop")
    button = dialog.get_by_role("button", name=f"Stop {node.node_id}")
    button.click()

    expect(dialog.get_by_text("Stopping …")).to_be_visible()
    expect(dialog).to_contain_text(f"{node.node_id} is stopping, process {node.pid}")
    expect(button).to_be_disabled()
    expect(notice(page)).to_contain_text(in_order(node.node_id, "stopped"))
    grid.grpc.remove(node.node_id)
