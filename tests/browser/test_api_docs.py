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


def test_on_a_phone_the_api_is_short_and_dark_when_the_phone_is(page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.emulate_media(color_scheme="dark")
    page.goto("/docs")

    expect(page.locator(".opblock-tag").first).to_be_visible()
    expect(page.locator(".opblock")).to_have_count(0)
    assert page.evaluate("document.documentElement.scrollHeight") <= 3 * 844
    tags = page.locator(".opblock-tag small").all()
    assert min(box["width"] for tag in tags if (box := tag.bounding_box())) > 200, "words are not squeezed"
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    expect(page.locator("html")).to_have_css("background-color", "rgb(28, 32, 34)")
