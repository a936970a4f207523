"""The search of the pages: agents and nodes by a part of what names them; lists say how many rows they have."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient
from support.browser.pages import open_page
from support.texts import mentions
from support.values.grid_values import a_node, an_agent, an_event

from sutra_grid.admin.pages.models.list_size import page_sizes, size_text
from sutra_grid.registry import Contents, Observations, Registry

pytestmark = pytest.mark.usefixtures("registry")


def found(client: FlaskClient, text: str) -> tuple[set[str], set[str]]:
    """The agents and the nodes that the page of a search lists first."""
    page = open_page(client, f"/ui/search?q={text}")
    return {id_ for id_ in page.ids if id_.startswith("agent-")}, {id_ for id_ in page.ids if id_.startswith("row-")}


def test_every_page_has_the_search_and_it_needs_no_script(client: FlaskClient) -> None:
    for path, status in {"/ui/": 200, "/ui/nodes": 200, "/ui/agents/agent-1": 200, "/ui/nosuch": 404}.items():
        [form] = [form for form in open_page(client, path, status).forms if form.action == "/ui/search"]
        assert (form.method, form.values) == ("get", [("q", "")])


@pytest.mark.parametrize(
    ("text", "agents", "nodes"),
    [
        ("AGENT-", {"agent-agent-1", "agent-agent-2"}, set()),
        ("of-agent-2", {"agent-agent-2"}, set()),
        ("0000000", set(), {"row-node-00000001", "row-node-00000002", "row-node-00000003"}),
        ("redis", set(), {"row-node-00000002"}),
        ("nothing", set(), set()),
    ],
)
def test_agents_and_nodes_are_found_by_a_part(
    client: FlaskClient, text: str, agents: set[str], nodes: set[str]
) -> None:
    assert found(client, text) == (agents, nodes)


@pytest.mark.parametrize(
    ("text", "page"), [("agent-2", "/ui/agents/agent-2"), ("%20node-00000001%20", "/ui/nodes/node-00000001")]
)
def test_an_exact_id_leads_to_its_page(client: FlaskClient, text: str, page: str) -> None:
    answer = client.get(f"/ui/search?q={text}")
    assert (answer.status_code, answer.headers["Location"]) == (302, page)


def test_an_id_of_an_agent_and_a_node_leads_to_neither(client: FlaskClient, registry: Registry) -> None:
    registry.save_agent(an_agent("twin"))
    registry.create_node(a_node("twin"), record=None)
    page = open_page(client, "/ui/search?q=twin")
    assert {"/ui/agents/twin", "/ui/nodes/twin"} <= set(page.links)


def test_a_removed_node_is_told_and_leads_to_its_events(client: FlaskClient, registry: Registry) -> None:
    registry.remove_node("node-00000001")
    page = open_page(client, "/ui/search?q=node-00000001")
    assert mentions(page.text("live"), "removed")
    assert "/ui/events?node_id=node-00000001" in page.links


def test_a_search_shows_a_few_and_leads_to_all(client: FlaskClient, registry: Registry) -> None:
    agents = [an_agent(f"rack-{number:03}") for number in range(50)]
    nodes = [a_node(f"node-rack{number:04}", "rack-001") for number in range(70)]
    registry.refill(Contents(agents, nodes, {}), [], 0)
    page = open_page(client, "/ui/search?q=rack")
    assert mentions(page.text("live"), "50 agents match, 8 shown", "70 nodes match, 12 shown")
    assert {"/ui/agents?q=rack", "/ui/nodes?q=rack", "/ui/events?q=rack"} <= set(page.links)


def test_nothing_to_search_for_says_what_can_be_found_and_a_wrong_parameter_is_refused(client: FlaskClient) -> None:
    assert mentions(open_page(client, "/ui/search").text("live"), "host name", "port")
    assert mentions(open_page(client, "/ui/search?query=x", 400).text("live"), "query", "q")


def test_lists_say_how_many_rows_they_have_and_how_many_match(client: FlaskClient, registry: Registry) -> None:
    events = [an_event("agent.offline", node_id="", at_ms=number, message=f"number {number}") for number in range(120)]
    registry.write_observations(Observations(events=events))
    for number in range(60):
        registry.create_node(a_node(f"node-1000{number:04}"), record=None)
    for path, size in {
        "/ui/nodes": "63 nodes, 25 shown",
        "/ui/nodes?limit=200": "63 nodes",
        "/ui/nodes?q=0002&sort=id": "12 nodes match",
        "/ui/nodes?status=unknown": "1 node matches",
        "/ui/nodes?engine=none": "0 nodes match",
        "/ui/agents": "2 agents",
        "/ui/agents?status=offline": "1 agent matches",
        "/ui/events?limit=50": "123 events, 50 shown",
        "/ui/events?q=NUMBER%2011": "11 events match",
    }.items():
        assert open_page(client, path).text("list-size") == size, path
    assert client.get("/nodes?limit=2&q=1000").json["total"] == 60
    assert client.get("/agents").json["total"] == 2


def test_a_size_is_said_in_words() -> None:
    assert size_text(12_000, 25, "node", filtered=True) == "12,000 nodes match, 25 shown"
    assert size_text(10_001, 25, "event", filtered=False, most=10_001) == "more than 10,000 events, 25 shown"
    assert page_sizes(25) == [25, 50, 100, 200]
    assert page_sizes(7) == [7, 25, 50, 100, 200]
