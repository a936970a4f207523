"""No page of another origin, and no form without a token of its own, can have anything done."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect
from support.browser.page_actions import in_order
from support.browser.page_errors import PageErrors
from support.browser.page_server import served
from support.harness.grid import Grid
from support.harness.interfaces import NodeView

FORGED = """<form id="forged" method="post" action="http://{admin}/ui/act/stop">
<input name="node_id" value="{node_id}"><input name="key" value="x"><button>Win a prize</button></form>"""


@pytest.fixture
def node(grid: Grid) -> Iterator[NodeView]:
    made = grid.grpc.spawn("agent-1")
    yield made
    grid.grpc.remove(made.node_id)


def test_a_form_on_a_page_of_another_origin_does_nothing(
    page: Page, grid: Grid, node: NodeView, page_errors: PageErrors
) -> None:
    page_errors.expect("another origin|the server responded with a status of 403")
    page.goto("/ui/")  # the browser has the admin's cookie now
    with served(FORGED.format(admin=grid.admin_address, node_id=node.node_id)) as elsewhere:
        page.goto(elsewhere)
        with page.expect_response("**/ui/act/stop") as answer:
            page.get_by_role("button", name="Win a prize").click()

        assert answer.value.status == 403
    assert grid.grpc.show(node.node_id).desired == "running"
    assert grid.pids()[node.node_id] == node.pid


@pytest.mark.parametrize("path", ["/ui/", "/docs", "/status", "/ui/nothing"])
def test_no_page_of_another_origin_shows_the_admin_in_a_frame(
    page: Page, grid: Grid, page_errors: PageErrors, path: str
) -> None:
    page_errors.expect("another origin|frame|the server responded with a status of 404|ERR_BLOCKED_BY_RESPONSE")
    address = f"http://{grid.admin_address}{path}"
    with served(f'<iframe src="{address}" width="800" height="600"></iframe>') as elsewhere:
        page.goto(elsewhere, wait_until="load")
        [frame] = page.main_frame.child_frames
        assert "chrome-error" in frame.url
        assert "Sutra Grid" not in frame.content()


@pytest.mark.parametrize("token", ["", "forged"])
def test_a_form_without_a_token_of_the_page_is_refused_and_says_what_to_do(
    page: Page, grid: Grid, node: NodeView, page_errors: PageErrors, token: str
) -> None:
    page_errors.expect("the server responded with a status of 403")
    page.goto(f"/ui/act/stop?node_id={node.node_id}")
    page.evaluate("token => { document.querySelector('main [name=csrf_token]').value = token }", token)
    page.get_by_role("button", name=f"Stop {node.node_id}").click()

    expect(page.get_by_role("alert").first).to_contain_text(in_order("page", "again"))
    assert grid.pids()[node.node_id] == node.pid


def test_a_form_that_is_sent_twice_commands_once(page: Page, grid: Grid) -> None:
    page.goto("/ui/spawn")
    sent_twice = """async () => {
        const form = document.querySelector("main form"), body = () => new URLSearchParams(new FormData(form))
        const send = () => fetch(form.action, {method: "POST", body: body(), redirect: "follow"})
        return (await Promise.all([send(), send()])).map((answer) => answer.url)
    }"""
    first, second = page.evaluate(sent_twice)

    assert first == second
    (node,) = grid.grpc.nodes()
    grid.grpc.remove(node.node_id)
