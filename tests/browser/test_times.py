"""Times as ages, in UTC, or in the zone of the browser: one choice for all pages and for what is polled."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from support.harness.grid import Grid
from support.harness.interfaces import NodeView

IN_INDIA = re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC\+05:30$")
IN_UTC = re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC$")
AGE = re.compile(r"^(\d+[smhdy].* ago|now)$")


@pytest.fixture
def context_options() -> dict[str, Any]:
    return {"timezone_id": "Asia/Kolkata"}


@pytest.fixture
def node(grid: Grid) -> Iterator[NodeView]:
    made = grid.grpc.spawn("agent-1")
    yield made
    grid.grpc.remove(made.node_id)


def choose(page: Page, form: str) -> None:
    page.get_by_label("Times").select_option(form)


def test_all_times_of_a_page_change_their_zone_and_say_it(page: Page, node: NodeView) -> None:
    page.goto("/ui/events")
    first = page.locator("#live time").first
    expect(first).to_have_text(AGE)
    expect(first).to_have_attribute("title", IN_UTC)

    choose(page, "in local time")
    texts = page.locator("#live time").all_inner_texts()
    assert texts
    assert all(IN_INDIA.match(text) for text in texts), texts
    expect(page.locator("#times-hint")).to_contain_text("UTC+05:30")

    choose(page, "in UTC")
    assert all(IN_UTC.match(text) for text in page.locator("#live time").all_inner_texts())
    choose(page, "as ages")
    expect(first).to_have_text(AGE)


def test_the_choice_is_kept_and_holds_for_what_is_polled(page: Page, grid: Grid, node: NodeView) -> None:
    page.goto("/ui/events")
    choose(page, "in local time")
    page.goto("/ui/events?node_id=" + node.node_id)
    expect(page.get_by_label("Times")).to_have_value("local")
    rows = page.locator("#live tbody tr")
    before = rows.count()

    other = grid.grpc.restart(node.node_id)
    assert other.pid != node.pid
    expect(rows).not_to_have_count(before)
    texts = page.locator("#live time").all_inner_texts()
    assert all(IN_INDIA.match(text) for text in texts), texts


def test_charts_and_history_of_a_node_are_in_the_chosen_zone(page: Page, node: NodeView) -> None:
    page.goto(f"/ui/nodes/{node.node_id}")
    ends = page.locator(".strip-ends time")
    expect(ends.first).to_have_text(IN_UTC)
    expect(page.locator(".chart-times [data-zone]").first).to_have_text("UTC")
    utc = page.locator(".chart-times time").first.inner_text()

    choose(page, "in local time")
    expect(ends.first).to_have_text(IN_INDIA)
    expect(page.locator(".chart-times [data-zone]").first).to_have_text("UTC+05:30")
    assert page.locator(".chart-times time").first.inner_text()[:5] != utc[:5]
