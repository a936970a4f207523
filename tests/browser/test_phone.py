"""On a phone no page is over three screens tall, and none is wider, with a usual grid and with a crowded one."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect
from support.browser.served_pages import served_pages
from support.fakes.fake_master import FakeMaster
from support.values.grid_values import HOST, a_node, a_report, an_agent, an_event

from sutra_grid.core.event_kinds import EventKind
from sutra_grid.core.types import AgentStatus, Event, Health, Node, NodeReport, NodeState, Reason
from sutra_grid.registry import Contents, Observations, Registry
from sutra_grid.wire import grid_pb2 as pb

WIDTH, HEIGHT = 390, 844
SCREENS = 3
EVENTS = 150
TOLD = [
    ("node.restarted", "restarted as process 13503; restarts so far: 2"),
    ("node.exited", "exited with code 1 after 0.2 s; starts again 3.6 s later (failure 3 of at most 8 in a row)"),
    ("node.spawn_failed", "port 50051 is in use by node node-7ea80000; choose another port, or omit it"),
    ("node.started", "started as process 4711"),
]
PAGES = {
    "overview": "/ui/",
    "agents": "/ui/agents",
    "agents filtered": "/ui/agents?status=healthy&sort=-used",
    "agent": "/ui/agents/{agent}",
    "agent offline": "/ui/agents/{offline}",
    "nodes": "/ui/nodes",
    "nodes filtered": "/ui/nodes?status=running&sort=-memory",
    "node": "/ui/nodes/{node}",
    "node failed": "/ui/nodes/{failed}",
    "log": "/ui/nodes/{failed}/log",
    "events": "/ui/events",
    "events filtered": "/ui/events?kind=node&since=7d",
    "search": "/ui/search?q=a",
    "spawn": "/ui/spawn",
    "rolling restarts": "/ui/rolling-restarts",
    "rolling restart": "/ui/rolling-restarts/new",
    "confirmation of many": "/ui/act/stop?{many}",
    "drain": "/ui/agents/{agent}/drain",
    "unknown": "/ui/nosuch",
    "refused": "/ui/nodes?stauts=failed",
}
GRIDS = {"usual": (3, 9), "crowded": (40, 400)}
"""Agents and nodes."""


def fill(registry: Registry, master: FakeMaster, agents: int, nodes: int) -> None:
    """One agent in twenty is offline, one node in forty failed, one is unhealthy, one waits for its next start."""
    now_ms = time.time_ns() // 1_000_000
    hosts = [an_agent(f"rack{number // 10}-host{number % 10:02}", host=HOST) for number in range(agents)]
    for number in range(agents - 1, 0, -20):
        hosts[number] = replace(
            hosts[number], status=AgentStatus.OFFLINE, reason=Reason.MISSED_HEARTBEATS, message="no heartbeat for 31 s"
        )
    made = [
        a_node(f"node-{number:08x}", hosts[0 if number < nodes // 8 else number % agents].agent_id)
        for number in range(nodes)
    ]
    with_reports = [replace(node, report=report(node, number, now_ms)) for number, node in enumerate(made)]
    registry.refill(Contents(hosts, with_reports, {}), [], 0)
    registry.write_observations(Observations(events=[event(number, made, now_ms) for number in range(EVENTS)]))
    samples = [
        pb.NodeSample(at_ms=now_ms - age, cpu_percent=age % 40, rss_bytes=80 << 20) for age in range(300_000, 0, -5000)
    ]
    master.answers["ListNodeSamples"] = pb.NodeSampleList(samples=samples)
    line = b'2026-01-02T03:04:05.678Z INFO storage.daemon "started" node=node-00000001\n'
    master.answers["ReadNodeLog"] = pb.LogChunk(data=line * 200)


def report(node: Node, number: int, now_ms: int) -> NodeReport:
    told: dict[str, Any] = {"log_tail": (), "endpoint": f"192.168.100.17:{50_051 + number}"}
    match number % 40:
        case 1:
            message = "exited with code 1 eight times in a row, the last time after 0.2 s: gave up"
            told |= {"state": NodeState.FAILED, "pid": 0, "reason": Reason.CRASH_LOOP, "message": message}
        case 2:
            told |= {"health": Health.UNHEALTHY, "message": "the probe got no answer within 2 s"}
        case 3:
            told |= {"state": NodeState.STARTING, "pid": 0, "reason": Reason.BACK_OFF, "backoff_ms": 4000}
            told["message"] = TOLD[1][1]
        case _:
            told["started_at_ms"] = now_ms - 3_600_000
    return a_report(node, **told)


def event(number: int, nodes: list[Node], now_ms: int) -> Event:
    kind, message = TOLD[number % len(TOLD)]
    node = nodes[number % min(len(nodes), 4)]
    at_ms = now_ms - (EVENTS - number) * 20_000
    return an_event(EventKind(kind), agent_id=node.agent_id, node_id=node.node_id, at_ms=at_ms, message=message)


@pytest.fixture(scope="module", params=GRIDS)
def origin(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    root: Path = tmp_path_factory.mktemp("phone")
    with served_pages(root, lambda registry, master: fill(registry, master, *GRIDS[request.param])) as found:
        yield found


@pytest.fixture(scope="module")
def phone(browser: Browser, origin: str) -> Iterator[Page]:
    context = browser.new_context(base_url=origin, viewport={"width": WIDTH, "height": HEIGHT}, is_mobile=True)
    yield context.new_page()
    context.close()


def test_no_page_is_over_three_screens_tall_and_none_is_wider_than_the_screen(phone: Page) -> None:
    names = {
        "agent": "rack0-host00",
        "offline": phone.evaluate("0") or "",
        "node": "node-00000000",
        "failed": "node-00000001",
        "many": "&".join(f"node_id=node-{number:08x}" for number in range(9)),
    }
    phone.goto("/ui/agents?status=offline")
    names["offline"] = phone.locator("tbody th a").first.inner_text()
    found = {}
    for name, path in PAGES.items():
        phone.goto(path.format(**names))
        tall, wide = phone.evaluate("[document.documentElement.scrollHeight, document.documentElement.scrollWidth]")
        found[name] = (tall, wide)
    assert {name: size for name, size in found.items() if size[0] > SCREENS * HEIGHT or size[1] > WIDTH} == {}


def test_a_form_without_folded_filters_shows_all_its_fields(phone: Page) -> None:
    phone.goto("/ui/rolling-restarts/new")
    for name in ("agent_id", "engine"):
        expect(phone.locator(f"select[name={name}]")).to_be_visible()
    phone.goto("/ui/nodes")
    expect(phone.locator("select[name=status]")).to_be_hidden()


def test_nothing_lies_under_the_checkbox_of_a_node(phone: Page) -> None:
    phone.goto("/ui/nodes")
    covered = """[...document.querySelectorAll(".nodes tbody tr")].filter((row) => {
        const box = row.querySelector("input").getBoundingClientRect();
        const link = row.querySelector("[data-label=Agent] a");
        link.textContent = "a1";
        const at = link.getBoundingClientRect();
        return at.top < box.bottom - 2 && at.right > box.left;
    }).length"""
    assert phone.evaluate(covered) == 0
