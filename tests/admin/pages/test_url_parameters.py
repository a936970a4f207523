"""The parameters of pages: those of the API, refused when wrong, and the old names still understood."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient
from support.browser.html import Page
from support.browser.pages import open_page
from support.texts import mentions
from support.values.grid_values import an_event

from sutra_grid.registry import Observations, Registry

pytestmark = pytest.mark.usefixtures("registry")


def nodes_of(page: Page) -> list[str]:
    return [link.rpartition("/")[2] for link in page.links if link.startswith("/ui/nodes/node-")]


@pytest.mark.parametrize(
    ("path", "named"),
    [
        ("/ui/nodes?stauts=failed", ["stauts", "did you mean status", "agent_id, status, engine, health"]),
        ("/ui/nodes?status=faild", ["status", "faild", "did you mean failed"]),
        ("/ui/nodes?sort=-memroy", ["sort", "did you mean -memory"]),
        ("/ui/nodes?attention=yes", ["attention", "true or false"]),
        ("/ui/nodes?limit=5000", ["limit", "1 to 1000"]),
        ("/ui/nodes?q=a&q=b", ["q", "2 times"]),
        ("/ui/nodes?cursor=x", ["cursor", "not valid"]),
        ("/ui/agents?platfrom=k8s", ["platfrom", "did you mean platform"]),
        ("/ui/events?before_event_id=x", ["before_event_id", "integer"]),
        ("/ui/events?since=yesterday", ["since", "15m", "yesterday"]),
        ("/ui/events?since=1h&since_ms=5", ["since_ms", "since"]),
        ("/ui/spawn?agent=agent-1", ["agent", "did you mean agent_id"]),
    ],
)
def test_an_unknown_parameter_or_value_is_refused_with_what_is_allowed(
    client: FlaskClient, path: str, named: list[str]
) -> None:
    page = open_page(client, path, 400)
    assert mentions(page.text("live"), *named)
    assert path.partition("?")[0] in page.links, "a link to the page without parameters"


@pytest.mark.parametrize("query", ["q=0002", "text=0002", "text=0002&status=&attention=&engine=&agent_id=&desc="])
def test_text_is_searched_by_its_name_in_the_api_and_by_its_old_one(client: FlaskClient, query: str) -> None:
    page = open_page(client, f"/ui/nodes?{query}")
    assert nodes_of(page) == ["node-00000002"]
    assert 'name="q" value="0002"' in client.get(f"/ui/nodes?{query}").text


@pytest.mark.parametrize("query", ["sort=-id", "sort=id&desc=true"])
def test_a_minus_sorts_descending_and_so_does_the_old_parameter(client: FlaskClient, query: str) -> None:
    page = open_page(client, f"/ui/nodes?{query}")
    assert nodes_of(page) == ["node-00000003", "node-00000002", "node-00000001"]
    assert "/ui/nodes?sort=id" in page.links, "a second click sorts the other way"
    best_first = nodes_of(open_page(client, f"/ui/nodes?{query.replace('id', 'status')}"))
    assert best_first == ["node-00000001", "node-00000002", "node-00000003"], "not as without the parameter"


def test_the_worst_come_first_unless_sorted_otherwise(client: FlaskClient) -> None:
    assert nodes_of(open_page(client, "/ui/nodes"))[0] == "node-00000003"
    assert nodes_of(open_page(client, "/ui/nodes?sort=id"))[0] == "node-00000001"


def test_the_page_s_size_can_be_chosen_and_stays(client: FlaskClient) -> None:
    page = open_page(client, "/ui/nodes?sort=id&limit=2")
    assert nodes_of(page) == ["node-00000001", "node-00000002"]
    [following] = [link for link in page.links if "cursor=" in link]
    assert nodes_of(open_page(client, following)) == ["node-00000003"]


def test_an_old_link_to_older_events_still_works(client: FlaskClient, registry: Registry) -> None:
    registry.write_observations(Observations(events=[an_event("agent.offline", at_ms=9, message="the fourth")]))
    assert "the fourth" not in open_page(client, "/ui/events?before=4").text()
    assert "the fourth" in open_page(client, "/ui/events?before=").text()
