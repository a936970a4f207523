"""What the tests of this directory look out for is noticed: on pages that are wrong, each in one way."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, Page
from support.browser.axe import grave_violations
from support.browser.page_errors import PageErrors
from support.browser.page_server import served

STRICT = "default-src 'none'; script-src 'self'; img-src 'self' http://127.0.0.2"


@contextmanager
def visited(browser: Browser, body: str, policy: str = "") -> Iterator[tuple[Page, PageErrors]]:
    with served(body, policy) as origin:
        context = browser.new_context()
        try:
            page_errors = PageErrors(context, origin)
            page = context.new_page()
            page.goto(origin, wait_until="load")
            yield page, page_errors
        finally:
            context.close()


@pytest.mark.parametrize(
    ("body", "policy", "said"),
    [
        pytest.param("<script>document.title = 'changed'</script>", STRICT, "Content Security Policy", id="policy"),
        pytest.param("<p style='color: red'>red</p>", STRICT, "Content Security Policy", id="inline style"),
        pytest.param("<script src='/fails.js'></script>", "", "it is broken", id="exception"),
        pytest.param("<script src='/missing.js'></script>", "", "404", id="missing file"),
        pytest.param("<img src='http://127.0.0.2:9/' alt=''>", "", "another origin: GET http://127.0.0.2", id="origin"),
    ],
)
def test_a_page_that_is_wrong_is_told(browser: Browser, body: str, policy: str, said: str) -> None:
    with visited(browser, body, policy) as (_, page_errors):
        assert any(said in complaint for complaint in page_errors.errors), page_errors.errors


def test_a_right_page_has_no_errors_and_an_expected_error_does_not_count(browser: Browser) -> None:
    with visited(browser, "<p>All is well.</p>") as (page, page_errors):
        assert page_errors.errors == []
        assert grave_violations(page) == []

    with visited(browser, "<script src='/missing.js'></script>") as (_, page_errors):
        page_errors.expect(r"404.*missing\.js")
        assert page_errors.errors == []


def test_axe_finds_what_cannot_be_read_or_used_also_under_a_strict_policy(browser: Browser) -> None:
    policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:"
    with visited(browser, "<img src='data:,'><button></button>", policy) as (page, page_errors):
        found = grave_violations(page)

        assert [words.split(":")[0] for words in found] == ["critical button-name", "critical image-alt"]
        assert page_errors.errors == []
