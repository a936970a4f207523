"""What a person does on the pages again and again, and how a test sees that a page was not loaded again."""

from __future__ import annotations

import re

from playwright.sync_api import Locator, Page, expect


def open_action(page: Page, name: str) -> Locator:
    """Choose an action on what the page is about; the dialog that asks."""
    page.get_by_role("group", name=re.compile("^Actions on")).get_by_role("link", name=name, exact=True).click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    return dialog


def confirm(dialog: Locator, name: str) -> None:
    """Say yes to what the dialog asks."""
    dialog.get_by_role("button", name=name, exact=True).click()


def notice(page: Page) -> Locator:
    """Where a page tells what was done."""
    return page.locator("#said")


def mark_page(page: Page) -> None:
    """Leave a mark that a load of the page would lose."""
    page.evaluate("window.openedOnce = true")


def was_not_loaded_again(page: Page) -> bool:
    return bool(page.evaluate("window.openedOnce === true"))
