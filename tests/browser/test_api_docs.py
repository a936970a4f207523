"""The API's document in a browser."""

from __future__ import annotations

from playwright.sync_api import Page, expect
from support.browser.page_errors import PageErrors


def test_the_api_can_be_browsed_from_files_of_the_package(page: Page, page_errors: PageErrors) -> None:
    page.goto("/docs")

    expect(page.get_by_role("heading", name="Sutra Grid")).to_be_visible()
    expect(page.locator(".opblock-post").first).to_be_visible()
    assert page.locator(".opblock").count() >= 20
    assert any(asked.endswith("/openapi.json") for asked in page_errors.requests)


def test_an_operation_says_what_it_takes_and_can_be_tried(page: Page) -> None:
    page.goto("/docs")
    operation = page.locator(".opblock", has_text="/status").first

    operation.get_by_role("button").first.click()
    operation.get_by_role("button", name="Try it out").click()
    operation.get_by_role("button", name="Execute").click()

    expect(operation.locator(".live-responses-table")).to_contain_text('"total_agents": 2')
