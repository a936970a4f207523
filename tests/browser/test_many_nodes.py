"""The list of nodes: filtered, sorted, and several acted on at once."""

from __future__ import annotations

import pytest
from playwright.sync_api import Locator, Page, expect
from support.browser.page_actions import SELECT_ALL, confirm, in_order, notice
from support.browser.page_errors import PageErrors
from support.harness.grid import Grid
from support.harness.interfaces import NodeView
from support.programs.fragile import mend, spoil


@pytest.fixture(scope="module")
def nodes(grid: Grid) -> list[NodeView]:
    """Three on agent-1, of which one is of another engine, and one on agent-2."""
    engines = {"agent-1": ["storage", "storage", "fragile"], "agent-2": ["fragile"]}
    return [grid.grpc.spawn(agent, engine=engine) for agent, names in engines.items() for engine in names]


@pytest.fixture(autouse=True)
def all_run(grid: Grid, nodes: list[NodeView]) -> None:
    """Each test begins with all of them running."""
    for node in nodes:
        if grid.grpc.show(node.node_id).status != "running":
            grid.grpc.start(node.node_id)


def row(page: Page, node: NodeView) -> Locator:
    return page.locator(f"#row-{node.node_id}")


def test_nodes_are_filtered_and_what_is_chosen_stays_in_the_form(page: Page, nodes: list[NodeView]) -> None:
    page.goto("/ui/nodes")
    for node in nodes:
        expect(row(page, node)).to_be_visible()
    form = page.get_by_role("search", name="Filter nodes")
    form.get_by_label("Agent", exact=True).fill("agent-1")
    form.get_by_label("Engine", exact=True).fill("fragile")
    form.get_by_role("button", name="Filter").click()

    expect(row(page, nodes[2])).to_be_visible()
    expect(page.get_by_role("table").get_by_role("rowheader")).to_have_count(1)
    expect(form.get_by_label("Engine", exact=True)).to_have_value("fragile")
    form.get_by_role("link", name="Clear").click()
    expect(page.get_by_role("table").get_by_role("rowheader")).to_have_count(4)


def test_nodes_are_sorted_by_a_click_on_a_heading_and_the_other_way_by_a_second(
    page: Page, nodes: list[NodeView]
) -> None:
    page.goto("/ui/nodes")
    heading = page.get_by_role("columnheader", name="Node")

    heading.get_by_role("link").click()
    expect(heading).to_have_attribute("aria-sort", "ascending")
    first = page.get_by_role("rowheader").all_text_contents()
    heading.get_by_role("link").click()
    expect(heading).to_have_attribute("aria-sort", "descending")
    second = page.get_by_role("rowheader").all_text_contents()

    assert first == sorted(node.node_id for node in nodes)
    assert second == first[::-1]


def test_selected_nodes_are_stopped_together_and_the_others_are_not(
    page: Page, grid: Grid, nodes: list[NodeView]
) -> None:
    page.goto("/ui/nodes")
    stop = page.get_by_role("button", name="Stop")
    expect(stop).to_be_disabled()
    for node in nodes[:2]:
        page.get_by_label(f"Select {node.node_id}").check()
    expect(page.get_by_text("2 selected")).to_be_visible()

    stop.click()
    dialog = page.get_by_role("dialog", name="Stop 2 nodes?")
    for node in nodes[:2]:
        expect(dialog).to_contain_text(in_order(node.node_id, grid.pids()[node.node_id]))
    confirm(dialog, "Stop 2 nodes")

    expect(notice(page)).to_contain_text(in_order("2 nodes", "stopped"))
    for node in nodes[:2]:
        expect(row(page, node)).to_contain_text("stopped")
    assert set(grid.pids()) == {node.node_id for node in nodes[2:]}


def test_all_nodes_of_a_page_are_selected_with_one_box(page: Page, grid: Grid, nodes: list[NodeView]) -> None:
    before = grid.pids()
    page.goto("/ui/nodes?engine=fragile")
    page.get_by_label(SELECT_ALL).check()
    expect(page.get_by_text("2 selected")).to_be_visible()
    page.get_by_label(f"Select {nodes[2].node_id}").uncheck()
    expect(page.get_by_text("1 selected")).to_be_visible()

    page.get_by_role("button", name="Restart").click()
    confirm(page.get_by_role("dialog"), f"Restart {nodes[3].node_id}")

    expect(notice(page)).to_contain_text(in_order(nodes[3].node_id, "restarted"))
    after = grid.pids()
    assert {name for name in after if after[name] != before[name]} == {nodes[3].node_id}


def test_what_could_not_be_done_of_many_is_told_with_the_reason_and_asked_again(
    page: Page, grid: Grid, nodes: list[NodeView], page_errors: PageErrors
) -> None:
    page_errors.expect("the server responded with a status of 4")
    good, broken = nodes[3], nodes[2]
    for node in (good, broken):
        grid.grpc.stop(node.node_id)
    spoil(broken.storage_path)
    page.goto("/ui/nodes?engine=fragile")
    page.get_by_label(SELECT_ALL).check()
    page.get_by_role("button", name="Start", exact=True).click()
    dialog = page.get_by_role("dialog")
    confirm(dialog, "Start 2 nodes")

    failure = dialog.get_by_role("alert").first
    expect(failure).to_contain_text("1 of 2")
    expect(failure).to_contain_text("code 3")
    expect(dialog.get_by_role("heading", name=f"Start {broken.node_id}?")).to_be_visible()
    mend(broken.storage_path)
    confirm(dialog, f"Start {broken.node_id}")
    expect(page.locator("#node-status")).to_contain_text("running")
    assert {good.node_id, broken.node_id} <= set(grid.pids())
