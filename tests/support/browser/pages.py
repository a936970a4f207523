"""How tests of the pages open them and send their forms."""

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from support.browser.html import Page


def open_page(client: FlaskClient, path: str, status: int = 200) -> Page:
    """Open the page, which must answer with ``status``."""
    answer = client.get(path)
    assert answer.status_code == status, answer.text
    assert answer.content_type == "text/html; charset=utf-8"
    return Page(answer.text)


def send_form(client: FlaskClient, path: str, htmx: bool = False, **changes: str) -> TestResponse:
    """Open the page with a form and send the form with ``changes``."""
    [form] = [form for form in open_page(client, path).forms if form.method == "post"]
    data = [(name, value) for name, value in form.values if name not in changes]
    headers = {"HX-Request": "true", "HX-Target": "dialog"} if htmx else {}
    return client.post(form.action, data=_multi([*data, *changes.items()]), headers=headers)


def _multi(pairs: list[tuple[str, str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, value in pairs:
        found.setdefault(name, []).append(value)
    return found
