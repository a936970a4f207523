"""Repeated actions on the pages, and the check that a page was not loaded again."""

from __future__ import annotations

import re

from playwright.sync_api import Locator, Page, expect

#: Labels of the pages that several tests look for.
NEEDS_ATTENTION = "Needs attention"
SPAWN = "Spawn a node"
SPAWN_HERE = "Spawn a node here"
SELECT_ALL = "Select all nodes on this page"
CANCEL = "Cancel"


def grid_is(status: str) -> str:
    """The heading of the overview of a grid with that status."""
    return f"The grid is {status}"


def in_order(*values: object) -> re.Pattern[str]:
    """A text that has all of ``values``, in this order, whatever stands between."""
    return re.compile(r"[\s\S]*".join(re.escape(str(value)) for value in values))


def open_action(page: Page, name: str) -> Locator:
    """Choose an action of the page; the dialog that asks for confirmation."""
    page.get_by_role("group", name=re.compile("^Actions on")).get_by_role("link", name=name, exact=True).click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    return dialog


def confirm(dialog: Locator, name: str) -> None:
    """Confirm what the dialog asks about."""
    dialog.get_by_role("button", name=name, exact=True).click()


def cancel(dialog: Locator) -> None:
    """Leave the dialog without doing what it asks about."""
    dialog.get_by_role("link", name=CANCEL).click()


def notice(page: Page) -> Locator:
    """The notice of a page that says what was done."""
    return page.locator("#said")


def mark_page(page: Page) -> None:
    """Leave a mark that a load of the page would lose."""
    page.evaluate("window.openedOnce = true")


def was_not_loaded_again(page: Page) -> bool:
    return bool(page.evaluate("window.openedOnce === true"))
