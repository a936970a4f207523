"""A rolling restart that an admin of two workers runs from its pages, while its worker is killed."""

from __future__ import annotations

import urllib.parse
import urllib.request
from collections.abc import Iterator
from http.cookiejar import CookieJar
from pathlib import Path

import psutil
import pytest
from support.browser.html import Page
from support.harness.grid import Grid, GridSpec
from support.harness.processes import kill
from support.texts import mentions
from support.waiting import eventually

pytestmark = pytest.mark.soak

PATH = "/ui/rolling-restarts"
NODES = 3


class Browser:
    """Somebody who looks at the pages, with a new connection for each look: any worker may answer."""

    def __init__(self, grid: Grid) -> None:
        self._origin = f"http://{grid.admin_address}"
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))
        self.path = ""

    def open(self, path: str, data: list[tuple[str, str]] | None = None) -> Page:
        body = urllib.parse.urlencode(data).encode() if data is not None else None
        with self._opener.open(self._origin + path, body, timeout=20) as answer:
            self.path = answer.url.removeprefix(self._origin)
            return Page(answer.read().decode())

    def send(self, path: str, **changes: str) -> Page:
        [form] = [form for form in self.open(path).forms if form.method == "post"]
        data = [(name, value) for name, value in form.values if name not in changes]
        return self.open(form.action, [*data, *changes.items()])


@pytest.fixture
def grid(tmp_path: Path) -> Iterator[Grid]:
    (tmp_path / "tmp").mkdir()
    spec = GridSpec(run_in={"admin": ("env", f"TMPDIR={tmp_path / 'tmp'}")})
    with Grid(tmp_path / "grid", spec) as grid:
        for _ in range(NODES):
            grid.grpc.spawn("agent-1")
        yield grid


def test_a_rolling_restart_whose_worker_is_killed_is_interrupted_for_all_and_can_go_on(grid: Grid) -> None:
    starter, other = Browser(grid), Browser(grid)
    before = grid.pids()
    page = starter.send(f"{PATH}/new", min_ready_seconds="3")
    path = starter.path
    assert "running" in page.text("roll-state")
    eventually(lambda: f"1 of {NODES}" in other.open(path).text("roll-progress"), message="the first node")
    assert all("running" in other.open(path).text("roll-state") for _ in range(10)), "every worker says so"

    workers = psutil.Process(grid.admin.pid).children()
    assert len(workers) >= 2
    kill([worker.pid for worker in workers])
    eventually(lambda: "interrupted" in other.open(path).text("roll-state"), message="the new workers")
    text = other.open(path).text("main")
    assert mentions(text, f"1 of {NODES}", "worker that ran it has ended")
    first_done = {node_id: pid for node_id, pid in grid.pids().items() if pid == before[node_id]}
    assert first_done, "nobody restarts the rest"

    [resume] = [link for link in other.open(path).links if "started_before_ms" in link]
    other.send(resume.replace("min_ready_seconds=3", "min_ready_seconds=0"))
    eventually(lambda: "done" in other.open(other.path).text("roll-state"), message="the rest")
    after = grid.pids()
    assert not set(after.values()) & set(before.values())
    assert len(after) == NODES
