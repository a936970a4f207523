"""What holds for each page, with content of every kind on it: it can be read and used by everybody, on any screen."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from typing import Literal

import pytest
from playwright.sync_api import Page, expect
from support.browser.axe import grave_violations
from support.browser.page_actions import SPAWN
from support.browser.page_errors import PageErrors
from support.harness.grid import Grid
from support.harness.processes import kill
from support.programs.fragile import spoil
from support.waiting import eventually

Scheme = Literal["light", "dark"]
SCHEMES: tuple[Scheme, ...] = ("light", "dark")
WIDTHS = (390, 1440)
NARROWEST = 360
STRICT = ("default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'", "base-uri 'none'")

# Names of nodes, which are made with the grid, stand in braces.
PAGES = {
    "overview": "/ui/",
    "agents": "/ui/agents",
    "agent": "/ui/agents/agent-1",
    "agent offline": "/ui/agents/agent-2",
    "nodes": "/ui/nodes",
    "node": "/ui/nodes/{running}",
    "node failed": "/ui/nodes/{failed}",
    "node unknown": "/ui/nodes/{unknown}",
    "log": "/ui/nodes/{failed}/log",
    "log search": "/ui/nodes/{running}/log?q=ready",
    "rolling restarts": "/ui/rolling-restarts",
    "rolling restart": "/ui/rolling-restarts/new",
    "events": "/ui/events",
    "spawn": "/ui/spawn",
    "confirmation": "/ui/act/remove?node_id={running}",
    "confirmation of many": "/ui/act/stop?node_id={running}&node_id={failed}",
    "drain": "/ui/agents/agent-1/drain",
    "nothing found": "/ui/nodes?q=nothing",
    "missing": "/ui/nodes/node-00000000",
}

every_page = pytest.mark.parametrize("name", PAGES)


@pytest.fixture(scope="module")
def nodes(grid: Grid) -> Iterator[dict[str, str]]:
    """A node of each kind, by its status; agent-2 is offline."""
    running, stopped = (grid.grpc.spawn("agent-1") for _ in range(2))
    failed = grid.grpc.spawn("agent-1", engine="fragile")
    unknown = grid.grpc.spawn("agent-2")
    grid.grpc.stop(stopped.node_id)
    spoil(failed.storage_path)
    kill([failed.pid])
    grid.agents["agent-2"].signal(signal.SIGSTOP)
    made = {"running": running, "stopped": stopped, "failed": failed, "unknown": unknown}
    for status, node in made.items():
        eventually(lambda node=node, status=status: grid.rest.show(node.node_id).status == status, message=status)
    yield {status: node.node_id for status, node in made.items()}
    grid.agents["agent-2"].signal(signal.SIGCONT)
    grid.wait_agents("healthy")


@every_page
def test_axe_finds_nothing_grave_in_light_and_dark_on_a_phone_and_a_desk(
    page: Page, nodes: dict[str, str], page_errors: PageErrors, name: str
) -> None:
    page_errors.expect("the server responded with a status of 404")
    page.goto(PAGES[name].format(**nodes))
    found = {}
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        for scheme in SCHEMES:
            page.emulate_media(color_scheme=scheme)
            if violations := grave_violations(page):
                found[width, scheme] = "\n".join(violations)
    assert not found, "\n".join(f"{where}: {words}" for where, words in found.items())


@every_page
def test_nothing_is_wider_than_a_small_phone(
    page: Page, nodes: dict[str, str], page_errors: PageErrors, name: str
) -> None:
    page_errors.expect("the server responded with a status of 404")
    page.set_viewport_size({"width": NARROWEST, "height": 700})
    page.goto(PAGES[name].format(**nodes))

    assert page.evaluate("document.documentElement.scrollWidth") <= NARROWEST
    wider = """narrowest => [...document.querySelectorAll("main *")]
        .filter((element) => element.getBoundingClientRect().right > narrowest && !element.closest("svg, .hidden"))
        .map((element) => element.outerHTML.slice(0, 120))"""
    assert page.evaluate(wider, NARROWEST) == []


@every_page
def test_a_page_has_its_title_one_heading_and_a_strict_policy(
    page: Page, nodes: dict[str, str], page_errors: PageErrors, name: str
) -> None:
    page_errors.expect("the server responded with a status of 404")
    answer = page.goto(PAGES[name].format(**nodes))

    assert answer is not None
    policy = answer.headers["content-security-policy"]
    assert all(part in policy for part in STRICT), policy
    assert "unsafe" not in policy
    expect(page.get_by_role("heading", level=1)).to_have_count(1)
    assert page.title().endswith(" · Sutra Grid")
    assert len(page.title()) > len(" · Sutra Grid")


def test_an_open_dialog_has_nothing_grave(page: Page, nodes: dict[str, str]) -> None:
    page.goto("/ui/")
    page.get_by_role("link", name=SPAWN).click()
    expect(page.get_by_role("dialog", name=SPAWN)).to_be_visible()
    for scheme in SCHEMES:
        page.emulate_media(color_scheme=scheme)
        assert grave_violations(page) == []
