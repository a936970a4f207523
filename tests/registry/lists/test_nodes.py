"""The registry's contract for lists of nodes, on every backend."""

import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from support.values.grid_values import a_node, a_report, an_agent
from support.values.registry_rows import AGENTS, fill, nodes_of_every_kind

from sutra_grid.core.errors import InvalidArgument
from sutra_grid.core.listed_status import ListedStatus, listed_status
from sutra_grid.core.status import facts_of, needs_attention, shown_status
from sutra_grid.core.types import Desired, Health, Node, NodeReport, NodeSpec, NodeState, NodeStatus
from sutra_grid.registry import ListedNode, NodeQuery, NodeSort, Observations, Registry
from sutra_grid.registry.lists.nodes import STATUS_ORDER
from sutra_grid.registry.rows.facts import FACTS
from sutra_grid.registry.rows.statements import NODES

STATUSES = {agent.agent_id: agent.status for agent in AGENTS}

KEYS: dict[NodeSort, Callable[[Node], Any]] = {
    NodeSort.ID: lambda node: node.node_id,
    NodeSort.AGENT: lambda node: node.agent_id,
    NodeSort.STATUS: lambda node: STATUS_ORDER.index(shown_status(node, STATUSES[node.agent_id]).status),
    NodeSort.RESTARTS: lambda node: node.report.restarts if node.report else 0,
    NodeSort.STARTED: lambda node: node.report.started_at_ms if node.report else 0,
    NodeSort.MEMORY: lambda node: node.report.sample.rss_bytes if node.report and node.report.sample else 0,
    NodeSort.CPU: lambda node: node.report.sample.cpu_percent if node.report and node.report.sample else 0.0,
    NodeSort.CREATED: lambda node: node.created_at_ms,
}


def pages(registry: Registry, query: NodeQuery) -> Iterator[list[ListedNode]]:
    while True:
        page = registry.node_page(query)
        yield list(page.items)
        if not page.next_cursor:
            return
        query = replace(query, cursor=page.next_cursor)


def everything(registry: Registry, query: NodeQuery) -> list[Node]:
    return [listed.node for page in pages(registry, query) for listed in page]


def engine_of(node: Node) -> str:
    return node.report.spec.engine if node.report else node.spec.engine


def health_of(node: Node) -> Health:
    return node.report.health if node.report else Health.UNKNOWN


def word_of(node: Node) -> str:
    status = shown_status(node, STATUSES[node.agent_id]).status
    report = node.report
    return listed_status(status, report.health, report.backoff_ms, report.pid) if report else status


def wants_attention(node: Node) -> bool:
    return needs_attention(facts_of(node), STATUSES[node.agent_id])


@pytest.fixture
def nodes(registry: Registry) -> list[Node]:
    made = list(nodes_of_every_kind())
    fill(registry, AGENTS, made)
    return made


@pytest.mark.soak
def test_lists_are_those_of_the_core_filtered_sorted_and_paged(registry: Registry, nodes: list[Node]) -> None:
    for sort, key in KEYS.items():
        for descending in (False, True):
            listed = everything(registry, NodeQuery(sort=sort, descending=descending, limit=150))
            expected = sorted(nodes, key=lambda node: (key(node), node.node_id), reverse=descending)
            assert [node.node_id for node in listed] == [node.node_id for node in expected], (sort, descending)
            assert listed == expected
    filters: list[tuple[dict[str, Any], Callable[[Node], bool]]] = [
        *(
            (
                {"status": status},
                lambda node, status=status: status == shown_status(node, STATUSES[node.agent_id]).status,
            )
            for status in ListedStatus
            if status == status.status
        ),
        *(
            ({"status": word}, lambda node, word=word: word == word_of(node))
            for word in (ListedStatus.UNHEALTHY, ListedStatus.BACK_OFF)
        ),
        *(({"health": health}, lambda node, health=health: health_of(node) is health) for health in Health),
        *(
            ({"attention": wanted}, lambda node, wanted=wanted: wants_attention(node) is wanted)
            for wanted in (True, False)
        ),
        ({"agent_id": "agent-offline"}, lambda node: node.agent_id == "agent-offline"),
        ({"agent_id": "nobody"}, lambda node: False),
        ({"engine": "redis"}, lambda node: engine_of(node) == "redis"),
        ({"text": "E-0001"}, lambda node: "e-0001" in node.node_id),
        ({"text": "%"}, lambda node: False),
        ({"text": "_"}, lambda node: False),
        (
            {"agent_id": "agent-healthy", "status": ListedStatus.RUNNING, "engine": "redis", "text": "1"},
            lambda node: (
                node.agent_id == "agent-healthy"
                and engine_of(node) == "redis"
                and "1" in node.node_id
                and shown_status(node, STATUSES[node.agent_id]).status is NodeStatus.RUNNING
            ),
        ),
    ]
    for chosen, is_wanted in filters:
        for sort in (NodeSort.ID, NodeSort.STATUS):
            listed = everything(registry, NodeQuery(**chosen, sort=sort, limit=300))
            expected = sorted(filter(is_wanted, nodes), key=lambda node: (KEYS[sort](node), node.node_id))
            assert [node.node_id for node in listed] == [node.node_id for node in expected], (chosen, sort)
    for page in pages(registry, NodeQuery(limit=300)):
        assert all(shown == shown_status(node, STATUSES[node.agent_id], 1_000) for node, shown in page)


def test_the_facts_of_a_row_follow_whatever_changes_them(registry: Registry) -> None:
    registry.save_agent(an_agent())
    registry.create_node(a_node(), record=None)
    reports: list[Callable[[Node], NodeReport]] = [
        a_report,
        lambda node: a_report(node, generation=node.generation - 1, health=Health.UNHEALTHY),
        lambda node: a_report(node, generation=node.generation + 5, state=NodeState.FAILED, pid=0),
    ]
    choice = random.Random(7)
    for _ in range(12):
        registry.change_desired("node-00000001", choice.choice(list(Desired)), restart=choice.random() < 0.5)
        check_facts(registry)
        node = registry.node("node-00000001")
        assert node is not None
        registry.write_observations(Observations(reports=[choice.choice(reports)(node)]))
        check_facts(registry)
        registry.adopt_node(replace(node, generation=node.generation + 1))
        check_facts(registry)


def check_facts(registry: Registry) -> None:
    with registry._database.reading() as connection:
        [number] = connection.execute(NODES.select()).mappings().all()
    [node] = registry.nodes()
    assert FACTS[number["facts"]] == facts_of(node)


@pytest.mark.parametrize("sort", [NodeSort.ID, NodeSort.RESTARTS])
@pytest.mark.parametrize("descending", [False, True])
def test_a_row_that_stays_as_it_is_comes_once_while_others_come_change_and_go(
    registry: Registry, sort: NodeSort, descending: bool
) -> None:
    staying = [a_node(f"node-{number:03}") for number in range(0, 90, 3)]
    passing = [a_node(f"node-{number:03}") for number in range(1, 90, 3)]
    fill(
        registry,
        [an_agent()],
        [
            replace(node, report=a_report(node, restarts=int(node.node_id[-2:]) % 7, log_tail=()))
            for node in staying + passing
        ],
    )
    choice = random.Random(1)
    seen: list[str] = []
    for number, page in enumerate(pages(registry, NodeQuery(sort=sort, descending=descending, limit=7))):
        seen += [listed.node.node_id for listed in page]
        gone = passing.pop(choice.randrange(len(passing)))
        registry.remove_node(gone.node_id)
        moved = choice.choice(passing)
        registry.write_observations(Observations(reports=[a_report(moved, restarts=choice.randrange(9))]))
        registry.create_node(a_node(f"node-{number * 3 + 2:03}"), record=None)
    stayed = {node.node_id for node in staying}
    assert sorted(node_id for node_id in seen if node_id in stayed) == sorted(stayed)


def test_a_cursor_goes_on_with_its_own_list_only(registry: Registry) -> None:
    fill(registry, [an_agent()], [a_node("node-1"), a_node("node-2")])
    cursor = registry.node_page(NodeQuery(limit=1)).next_cursor
    assert [listed.node.node_id for listed in registry.node_page(NodeQuery(cursor=cursor, limit=50)).items] == [
        "node-2"
    ]
    for other in (
        NodeQuery(cursor=cursor, engine="storage"),
        NodeQuery(cursor=cursor, descending=True),
        NodeQuery(cursor=cursor, sort=NodeSort.AGENT),
    ):
        with pytest.raises(InvalidArgument, match="filter"):
            registry.node_page(other)


def test_the_last_page_has_no_cursor_also_when_it_is_full(registry: Registry) -> None:
    assert registry.node_page(NodeQuery()).items == []
    fill(registry, [an_agent()], [a_node("node-1"), a_node("node-2")])
    assert registry.node_page(NodeQuery(limit=2)).next_cursor == ""
    assert registry.node_page(NodeQuery(limit=1)).next_cursor != ""


def test_numbers_that_no_column_holds_do_not_spoil_a_batch(registry: Registry) -> None:
    fill(registry, [an_agent()], [a_node()])
    sample = replace(a_report(a_node()).sample, rss_bytes=2**64 - 1, cpu_percent=float("1e308"))  # type: ignore[type-var]
    registry.write_observations(Observations(reports=[a_report(a_node(), restarts=2**64 - 1, sample=sample)]))
    [listed] = registry.node_page(NodeQuery(sort=NodeSort.MEMORY)).items
    assert listed.node.report is not None
    assert listed.node.report.restarts == 2**64 - 1


def test_a_page_has_the_number_of_all_rows_if_asked(registry: Registry, nodes: list[Node]) -> None:
    failed = [node for node in nodes if shown_status(node, STATUSES[node.agent_id]).status is NodeStatus.FAILED]
    for asked, expected in (
        (NodeQuery(), len(nodes)),
        (NodeQuery(sort=NodeSort.MEMORY), len(nodes)),
        (NodeQuery(status=ListedStatus.FAILED), len(failed)),
        (NodeQuery(status=ListedStatus.FAILED, sort=NodeSort.CPU), len(failed)),
        (NodeQuery(text="nothing"), 0),
    ):
        query = replace(asked, limit=7)
        while True:
            page = registry.node_page(query, counted=True)
            assert page.total == expected, asked
            if not page.next_cursor:
                break
            query = replace(query, cursor=page.next_cursor)
    assert registry.node_page(NodeQuery()).total == -1


def test_a_text_is_found_in_the_id_the_engine_the_port_and_the_endpoint(registry: Registry) -> None:
    made = [
        a_node("node-0000beef", spec=NodeSpec(port=50051)),
        a_node("node-00000002", spec=NodeSpec(port=50052, engine="Redis")),
        a_node("node-00050051", spec=NodeSpec(port=6379)),
    ]
    ends = [replace(node, report=a_report(node, endpoint=f"10.0.0.5:{node.spec.port}", log_tail=())) for node in made]
    fill(registry, [an_agent()], ends)

    def found(text: str) -> list[str]:
        return [listed.node.node_id[-4:] for listed in registry.node_page(NodeQuery(text=text)).items]

    assert found("BEEF") == ["beef"]
    assert found("redis") == ["0002"]
    assert found("50051") == ["beef", "0051"], "an id and a port"
    assert found("5005") == ["0051"], "a part of a port is not the port"
    assert found("10.0.0.5:50051") == ["beef"]
    assert found("0.5:50052") == ["0002"]
    assert found("10.0.0.6:50051") == []
    assert found("99999999999999999999") == []
    assert found(":") == []
