"""axe-core, vendored for the tests: which parts of a page are not accessible."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

SCRIPT = Path(__file__).parents[2] / "browser" / "vendor" / "axe-core-4.14.1" / "axe.min.js"

# The rules of WCAG 2.2 A and AA, and the good practices beside them.
RUN = "async () => await axe.run(document, {resultTypes: ['violations']})"
GRAVE = frozenset({"serious", "critical"})


@cache
def _source() -> str:
    return SCRIPT.read_text()


def grave_violations(page: Page) -> list[str]:
    """The serious and critical violations: the rule, its description, and the elements.

    The script is run by the browser's debugger: the page's content security policy stays as it is.
    """
    page.evaluate(_source())
    found: list[dict[str, Any]] = page.evaluate(RUN)["violations"]
    return [told(violation) for violation in found if violation["impact"] in GRAVE]


def told(violation: dict[str, Any]) -> str:
    places = [f"  {node['target'][0]}: {node['failureSummary']}" for node in violation["nodes"][:5]]
    return "\n".join([f"{violation['impact']} {violation['id']}: {violation['help']}", *places])
