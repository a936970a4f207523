"""When something can't be done or is broken, the page says why and what to do, and what a person typed is kept."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

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
from support.harness.processes import kill
from support.programs.fragile import spoil

from sutra_grid.client.next_steps import NEXT_STEPS
from sutra_grid.core.types import Reason

PAGES = ("/ui/", "/ui/agents", "/ui/nodes", "/ui/events")


@contextmanager
def master_down(grid: Grid) -> Iterator[None]:
    grid.master.kill()
    try:
        yield
    finally:
        grid.master.start()
        grid.master.wait_ready()
        grid.wait_agents("healthy")


def test_a_spawn_that_is_refused_says_why_and_keeps_what_was_typed(
    page: Page, grid: Grid, page_errors: PageErrors
) -> None:
    page_errors.expect("the server responded with a status of 400")
    page.goto("/ui/agents/agent-1")
    dialog = open_action(page, SPAWN_HERE)
    dialog.locator("#spawn-storage_path").fill("/etc")
    confirm(dialog, "Spawn")

    failure = dialog.locator("#failure")
    expect(failure).to_contain_text("/etc")
    expect(failure).to_contain_text("data_path")
    expect(dialog.locator("#spawn-storage_path")).to_have_value("/etc")
    expect(dialog.locator("#spawn-agent_id")).to_have_value("agent-1")

    dialog.locator("#spawn-storage_path").fill("")
    confirm(dialog, "Spawn")
    expect(notice(page)).to_contain_text(in_order("spawned", "agent-1"))
    grid.grpc.remove(page.url.rpartition("/")[2])


def test_a_value_that_cannot_be_is_told_at_its_field(page: Page, grid: Grid, page_errors: PageErrors) -> None:
    page_errors.expect("the server responded with a status of 400")
    page.goto("/ui/spawn")
    page.locator("#spawn-port").fill("70000")
    page.get_by_role("button", name="Spawn", exact=True).click()

    expect(page.locator("#spawn-port")).to_have_attribute("aria-invalid", "true")
    expect(page.locator("#hint-port")).to_contain_text("65535")
    assert grid.grpc.nodes() == []


def test_a_node_that_failed_says_why_and_what_to_do_next(page: Page, grid: Grid) -> None:
    node = grid.grpc.spawn("agent-1", engine="fragile")
    spoil(node.storage_path)
    kill([node.pid])
    grid.wait_node(node.node_id, "failed")

    page.goto("/ui/")
    attention = page.get_by_role("region", name=NEEDS_ATTENTION)
    expect(attention).to_contain_text("code 3")
    attention.get_by_role("link", name=node.node_id).click()

    expect(page.locator("#node-status")).to_contain_text("failed")
    explain = page.locator("#explain")
    expect(explain).to_contain_text("crash_loop")
    expect(explain).to_contain_text(NEXT_STEPS[Reason.CRASH_LOOP].text)
    expect(page.locator("#exits")).to_contain_text("code 3")
    expect(page.locator("#log-text")).to_contain_text("the fragile program found")
    grid.grpc.remove(node.node_id)


def test_without_its_master_pages_are_read_with_a_banner_and_commands_say_why_they_fail(
    page: Page, grid: Grid, page_errors: PageErrors
) -> None:
    page_errors.expect("the server responded with a status of 503")
    node = grid.grpc.spawn("agent-1")
    page.goto(f"/ui/nodes/{node.node_id}")
    banner = page.locator("#master-banner")
    expect(banner).to_have_count(0)
    expect(page.locator("#node-status")).to_contain_text("running")  # the master has written it, half a second later
    mark_page(page)

    with master_down(grid):
        expect(banner).to_contain_text("master")
        expect(page.locator("#node-status")).to_contain_text("running")
        dialog = open_action(page, "Stop")
        confirm(dialog, f"Stop {node.node_id}")
        expect(dialog.locator("#failure")).to_be_visible()
        expect(dialog.locator("#failure")).to_contain_text("master")
        cancel(dialog)

    expect(banner).to_have_count(0)
    assert was_not_loaded_again(page)
    assert grid.pids()[node.node_id] == node.pid
    grid.grpc.remove(node.node_id)


def test_every_page_is_read_while_the_master_is_down(page: Page, grid: Grid) -> None:
    node = grid.grpc.spawn("agent-1")
    with master_down(grid):
        for path in PAGES:
            page.goto(path)
            expect(page.locator("#master-banner")).to_be_visible()
            expect(page.get_by_role("main")).to_contain_text("agent-1")
    grid.grpc.remove(node.node_id)


def test_a_page_tells_that_the_admin_itself_does_not_answer_and_goes_on_when_it_does(
    page: Page, grid: Grid, page_errors: PageErrors
) -> None:
    page_errors.expect("ERR_CONNECTION_REFUSED|console: htmx:")
    page.goto("/ui/")
    mark_page(page)
    connection = page.locator("#connection")
    expect(connection).to_be_hidden()

    grid.admin.stop()
    try:
        expect(connection).to_contain_text("admin")
    finally:
        grid.admin.start()
        grid.admin.wait_ready()

    expect(connection).to_be_hidden()
    assert was_not_loaded_again(page)


def test_what_is_not_there_says_so_and_leads_on(page: Page, page_errors: PageErrors) -> None:
    page_errors.expect("the server responded with a status of 404")
    page.goto("/ui/nodes/node-00000000")

    expect(page.get_by_role("alert")).to_contain_text("node-00000000")
    page.get_by_role("alert").get_by_role("link", name="Overview").click()
    expect(page.get_by_role("heading", name=grid_is("healthy"))).to_be_visible()
