"""Charts over time with their axes, and the history of a node with its legend."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from flask.testing import FlaskClient
from support.browser.pages import open_page
from support.fakes.fake_master import FakeMaster
from support.values.grid_values import a_report, an_event

from sutra_grid.admin.pages.models.chart import HEIGHT, WIDTH, Measure, chart, round_top
from sutra_grid.admin.pages.models.history import history
from sutra_grid.registry import Observations, Registry
from sutra_grid.wire import grid_pb2 as pb

CPU = Measure("CPU", 10.0, lambda value: f"{value:.0f}%")
START_MS = 1_700_000_000_000


def test_a_chart_stays_in_its_frame_and_has_a_scale_and_times() -> None:
    drawn = chart(CPU, [(1_000, 0), (6_000, 37), (11_000, 25)])
    assert drawn is not None
    [line] = drawn.lines
    assert line.line == "0.0,58.0 150.0,6.2 300.0,23.0"
    assert line.area.startswith(f"0.0,{HEIGHT} ")
    assert line.area.endswith(f" {WIDTH}.0,{HEIGHT}")
    assert drawn.scale == ("40%", "20%", "0%")
    assert drawn.times_ms == (1_000, 6_000, 11_000)
    assert drawn.label == "CPU over 10s: latest 25%, lowest 0%, peak 37%"


def test_a_chart_has_a_gap_where_measurements_are_missing() -> None:
    at = [0, 5_000, 10_000, 60_000, 65_000]
    drawn = chart(CPU, [(each, 5) for each in at])
    assert drawn is not None
    assert [len(part.line.split()) for part in drawn.lines] == [3, 2]
    assert drawn.lines[1].line.startswith(f"{60_000 * WIDTH / 65_000:.1f},")


@pytest.mark.parametrize("samples", [[], [(5, 1.0)], [(5, 1.0), (5, 2.0)]])
def test_a_moment_is_not_drawn(samples: list[tuple[int, float]]) -> None:
    assert chart(CPU, samples) is None


@pytest.mark.parametrize(
    ("value", "prefix", "top"),
    [
        (10, 1000, 10),
        (37, 1000, 40),
        (250, 1000, 300),
        (1001, 1000, 2000),
        (1025, 1024, 2048),
        (3 << 20, 1024, 3 << 20),
    ],
)
def test_the_top_of_a_scale_is_round(value: float, prefix: int, top: float) -> None:
    assert round_top(value, prefix) == top


def test_the_statuses_of_a_history_differ_without_colours_and_are_named() -> None:
    kinds = ["node.spawned", "node.started", "node.unhealthy", "node.exited", "node.failed", "node.stopped"]
    told = history([an_event(kind, at_ms=1_000 * at) for at, kind in enumerate(kinds, 1)], 17_000)
    assert told is not None
    assert [(entry.status, entry.total) for entry in told.legend] == [
        ("starting", "1s"),
        ("running", "1s"),
        ("unhealthy", "1s"),
        ("down", "1s"),
        ("failed", "1s"),
        ("stopped", "11s"),
    ]
    assert len({entry.height for entry in told.legend}) == len(told.legend)
    assert [part.height for part in told.segments] == [entry.height for entry in told.legend]


@pytest.mark.usefixtures("registry")
def test_the_charts_of_a_node_say_when_and_how_much(client: FlaskClient, master: FakeMaster) -> None:
    samples = [
        pb.NodeSample(at_ms=START_MS + 5_000 * count, cpu_percent=30 * count, rss_bytes=count << 20)
        for count in range(3)
    ]
    master.answers["ListNodeSamples"] = pb.NodeSampleList(samples=samples)
    page = open_page(client, "/ui/nodes/node-00000001")
    resources = page.text("resources")
    at = [datetime.fromtimestamp(START_MS / 1000 + seconds, UTC).strftime("%H:%M:%S") for seconds in (0, 5, 10)]
    assert f"{at[0]} {at[1]} {at[2]} UTC" in re.sub(r"\s+", " ", resources)
    assert "60% 30% 0%" in resources
    assert "2.0Mi 1.0Mi 0B" in resources


@pytest.mark.usefixtures("registry")
@pytest.mark.parametrize("node_id", ["node-00000001", "node-00000002", "node-00000003"])
def test_a_chart_shows_a_present_value_only_of_a_running_node(
    client: FlaskClient, master: FakeMaster, registry: Registry, node_id: str
) -> None:
    runs = node_id == "node-00000001"
    if runs:
        registry.write_observations(Observations(reports=[a_report(registry.node(node_id))]))
    samples = [pb.NodeSample(at_ms=START_MS + 5_000 * count, cpu_percent=30, rss_bytes=2 << 20) for count in range(3)]
    master.answers["ListNodeSamples"] = pb.NodeSampleList(samples=samples)
    resources = open_page(client, f"/ui/nodes/{node_id}").text("resources")
    assert ("Memory last 2.0Mi" in resources, "one CPU last 30%" in resources) == (not runs, not runs)
    assert ("Memory 2.0Mi" in resources, "one CPU 30%" in resources) == (runs, runs)


def test_the_ends_of_a_history_have_times(client: FlaskClient, registry: Registry) -> None:
    registry.append_events([an_event("node.started", node_id="node-00000001", at_ms=START_MS)])
    text = open_page(client, "/ui/nodes/node-00000001").text("history")
    assert text.count(" UTC") >= 2
    assert "running" in text
