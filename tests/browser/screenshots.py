"""Pictures of every page on a live grid: ``tox -e screenshots -- DIRECTORY``.

Each page in light and dark, 390 and 1440 pixels wide, as ``PAGE-WIDTH-SCHEME.png``. The grid has
what a page has to tell: agents that are offline, a node that failed, one that was killed, many hosts.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser, Page
from support.browser.chromium import CHROMIUM, PACKAGE, has_chromium, launched_chromium
from support.harness.populated_grid import PopulatedGrid, populated_grid

Scheme = Literal["light", "dark"]

SCHEMES: tuple[Scheme, ...] = ("light", "dark")
WIDTHS = {390: 844, 1440: 900}
"""Widths and heights of a phone and a desk's screen, in pixels."""
TALLEST = 6000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directory", type=Path, help="where the pictures go")
    parser.add_argument("--only", default="", metavar="WORD", help="only pages whose name has the word")
    options = parser.parse_args()
    if not has_chromium():
        parser.error(f"needs the Debian package {PACKAGE} ({CHROMIUM})")
    options.directory.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as root, populated_grid(Path(root)) as scene, launched_chromium() as browser:
        pages = {name: path for name, path in pages_of(scene).items() if options.only in name}
        for path in taken(browser, scene.origin, pages, options.directory):
            print(path, f"{path.stat().st_size // 1024} KiB")


def pages_of(scene: PopulatedGrid) -> Mapping[str, str]:
    """The path of each page by the name of its picture."""
    return {
        "overview": "/ui/",
        "agents": "/ui/agents",
        "agent": f"/ui/agents/{scene.agent_id}",
        "agent-offline": f"/ui/agents/{scene.offline_agent_id}",
        "nodes": "/ui/nodes",
        "node": f"/ui/nodes/{scene.killed_node_id}",
        "node-failed": f"/ui/nodes/{scene.failed_node_id}",
        "log-search": f"/ui/nodes/{scene.killed_node_id}/log?q=ready",
        "rolling-restart-form": "/ui/rolling-restarts/new",
        "events": "/ui/events",
        "missing": "/ui/nodes/node-00000000",
    }


def taken(browser: Browser, origin: str, pages: Mapping[str, str], directory: Path) -> Iterator[Path]:
    for scheme in SCHEMES:
        for width, height in WIDTHS.items():
            with opened(browser, origin, width, height, scheme) as page:
                for name, path in pages.items():
                    page.goto(path)
                    page.wait_for_load_state("load")
                    picture = directory / f"{name}-{width}-{scheme}.png"
                    tall = page.evaluate("document.documentElement.scrollHeight")
                    clip = {"x": 0, "y": 0, "width": width, "height": min(max(tall, height), TALLEST)}
                    page.screenshot(path=picture, full_page=True, clip=clip, animations="disabled")
                    yield picture


@contextmanager
def opened(browser: Browser, origin: str, width: int, height: int, scheme: Scheme) -> Iterator[Page]:
    context = browser.new_context(
        base_url=origin, viewport={"width": width, "height": height}, color_scheme=scheme, reduced_motion="reduce"
    )
    try:
        yield context.new_page()
    finally:
        context.close()


if __name__ == "__main__":
    main()
