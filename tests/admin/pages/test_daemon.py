"""The pages as the program serves them: gunicorn with workers that come and go."""

import http.cookiejar
import signal
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.browser.html import Page
from support.harness.daemons import Daemon, serves_http, write_config
from support.harness.ports import free_port
from support.values.grid_values import a_node, an_agent
from support.waiting import eventually

from sutra_grid.registry import Registry

pytestmark = pytest.mark.e2e


class Browser:
    """Keeps cookies, and follows redirects."""

    def __init__(self, address: str) -> None:
        self._base = f"http://{address}"
        cookies = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        self._opener = urllib.request.build_opener(cookies)

    def open(self, path: str) -> Page:
        with self._opener.open(self._base + path, timeout=30) as response:
            return Page(response.read().decode())

    def send(self, action: str, values: list[tuple[str, str]]) -> int:
        data = urllib.parse.urlencode(values).encode()
        try:
            with self._opener.open(self._base + action, data, timeout=30) as response:
                return int(response.status)
        except urllib.error.HTTPError as error:
            with error:
                return error.code


@pytest.fixture
def address() -> str:
    return f"127.0.0.1:{free_port()}"


@pytest.fixture
def admin(tmp_path: Path, address: str) -> Iterator[Daemon]:
    url = f"sqlite:///{tmp_path}/registry.db"
    registry = Registry.open(url, migrate=True)
    registry.save_agent(an_agent())
    registry.create_node(a_node(), record=None)
    registry.close()
    settings = {
        "listen": address,
        "registry_url": url,
        "master": f"127.0.0.1:{free_port()}",
        "workers": 1,
        "threads": 4,
    }
    config = write_config(tmp_path / "admin.toml", {"admin": settings})
    daemon = Daemon("admin", "sutra-grid-admin", config, ready=lambda: serves_http(address, "/livez"))
    daemon.start()
    try:
        daemon.wait_ready()
        yield daemon
    finally:
        assert daemon.stop() == 0


def test_a_form_that_was_open_at_a_reload_is_taken_by_the_next_worker(admin: Daemon, address: str) -> None:
    browser = Browser(address)
    page = browser.open("/ui/act/stop?node_id=node-00000001")
    [form] = [form for form in page.forms if form.method == "post"]
    booted = admin.log_text().count("Booting worker")
    admin.signal(signal.SIGHUP)
    eventually(lambda: admin.log_text().count("Booting worker") > booted and "Worker exiting" in admin.log_text(), 20)
    # The form is taken; that there is no master is another matter.
    assert browser.send(form.action, form.values) == 503
    forged = [(name, "x" if name == "csrf_token" else value) for name, value in form.values]
    assert browser.send(form.action, forged) == 403
    assert "Traceback" not in admin.log_text()
