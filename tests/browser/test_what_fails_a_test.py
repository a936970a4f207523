"""What the tests of this directory look out for is noticed: on pages that are wrong, each in one way."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from playwright.sync_api import Browser, Page
from support.axe import grave_violations
from support.watched import Watch

STRICT = "default-src 'none'; script-src 'self'; img-src 'self' http://127.0.0.2"
FRAME = (
    '<!doctype html><html lang="en"><title>A page</title><link rel="icon" href="data:,"><main><h1>A page</h1>{}</main>'
)


@contextmanager
def served(body: str, policy: str = "") -> Iterator[str]:
    """A server with one page and one script that fails; its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = self.path in {"/", "/fails.js"}
            self.send_response(200 if found else 404)
            self.send_header("Content-Type", "text/javascript" if self.path == "/fails.js" else "text/html")
            if policy:
                self.send_header("Content-Security-Policy", policy)
            self.end_headers()
            content = "throw new Error('it is broken')" if self.path == "/fails.js" else FRAME.format(body)
            self.wfile.write(content.encode() if found else b"")

        def log_message(self, *_: object) -> None:
            """Nothing on standard error."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def visited(browser: Browser, body: str, policy: str = "") -> Iterator[tuple[Page, Watch]]:
    with served(body, policy) as origin:
        context = browser.new_context()
        try:
            watch = Watch(context, origin)
            page = context.new_page()
            page.goto(origin, wait_until="load")
            yield page, watch
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
    with visited(browser, body, policy) as (_, watch):
        assert any(said in complaint for complaint in watch.complaints), watch.complaints


def test_a_page_that_is_right_is_not_complained_of_and_an_expected_error_is_none(browser: Browser) -> None:
    with visited(browser, "<p>All is well.</p>") as (page, watch):
        assert watch.complaints == []
        assert grave_violations(page) == []

    with visited(browser, "<script src='/missing.js'></script>") as (_, watch):
        watch.expect(r"404.*missing\.js")
        assert watch.complaints == []


def test_axe_finds_what_cannot_be_read_or_used_also_under_a_strict_policy(browser: Browser) -> None:
    policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:"
    with visited(browser, "<img src='data:,'><button></button>", policy) as (page, watch):
        found = grave_violations(page)

        assert [words.split(":")[0] for words in found] == ["critical button-name", "critical image-alt"]
        assert watch.complaints == []
