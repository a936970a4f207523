"""What pages show, made of plain values."""

import pytest
from support.fakes.clock import FakeClock
from support.texts import mentions, numbers_in
from support.values.grid_values import HOST, a_node, a_report, an_event

from sutra_grid.admin.commands.nodes import NodeVerb
from sutra_grid.admin.pages.cached_value import CachedValue
from sutra_grid.admin.pages.models.agent_cells import FILLS, cell_groups
from sutra_grid.admin.pages.models.badges import badge, node_badge
from sutra_grid.admin.pages.models.command_effects import node_effect, progress_text
from sutra_grid.admin.pages.models.explanation import explain
from sutra_grid.admin.pages.models.history import MIN_WIDTH, WIDTH, history, unseen_periods
from sutra_grid.admin.pages.models.host_gauges import gauges
from sutra_grid.admin.pages.models.list_links import headings, link
from sutra_grid.admin.pages.models.log_text import log_text
from sutra_grid.admin.pages.models.timestamps import timestamp
from sutra_grid.core.status import shown_status
from sutra_grid.core.types import AgentStatus, Desired, NodeState, NodeStatus
from sutra_grid.registry import AgentCell
from sutra_grid.wire import grid_pb2 as pb
from sutra_grid.wire.convert import node_status


def a_cell(agent_id: str, status: AgentStatus = AgentStatus.HEALTHY, used: int = 0, drained: bool = False) -> AgentCell:
    return AgentCell(agent_id, status, used, 10, drained)


def test_a_moment_is_told_relatively_and_exactly() -> None:
    at = timestamp(1_700_000_000_000, 1_700_000_090_000)
    assert at == ("90s ago", "2023-11-14T22:13:20Z", "2023-11-14 22:13:20 UTC", "22:13:20")
    assert timestamp(0, 1) is None
    for ahead in (0, 500):
        seen = timestamp(1_700_000_000_000 + ahead, 1_700_000_000_000)
        assert seen is not None
        assert seen.age == "now", "a clock that is behind shows no negative age"


def test_every_status_has_a_sign_so_that_colour_is_never_alone() -> None:
    signs = {word: badge(word).sign for word in (*NodeStatus, *AgentStatus, "critical", "unhealthy")}
    assert signs[NodeStatus.RUNNING] == signs[AgentStatus.HEALTHY]
    assert len({signs[word] for word in NodeStatus if word is not NodeStatus.STOPPING}) == 5


def test_a_badge_tells_a_failing_probe_and_a_back_off() -> None:
    assert node_badge(pb.NodeStatus(status="running", health="unhealthy")).label == "unhealthy"
    assert node_badge(pb.NodeStatus(status="starting", backoff_ms=9_500)).label == "back-off 9s"
    assert node_badge(pb.NodeStatus(status="starting", backoff_ms=9_500, pid=1)).label == "starting"
    assert node_badge(pb.NodeStatus(status="unknown", backoff_ms=9_500)).label == "unknown", "nobody sees a back-off"


def test_cells_stand_with_the_worst_first_and_drained_last() -> None:
    cells = [
        a_cell("b"),
        a_cell("a", drained=True),
        a_cell("d", AgentStatus.OFFLINE),
        a_cell("c", AgentStatus.DEGRADED, used=3),
    ]
    groups = cell_groups(cells)
    assert [(group.status, [cell.agent_id for cell in group.cells]) for group in groups] == [
        (AgentStatus.OFFLINE, ["d"]),
        (AgentStatus.DEGRADED, ["c"]),
        (AgentStatus.HEALTHY, ["b", "a"]),
    ]
    assert mentions(groups[1].cells[0].title, "c", "degraded", "3 of 10")
    assert mentions(groups[2].cells[1].title, "a", "healthy", "drained", "0 of 10")


@pytest.mark.parametrize(("used", "fill"), [(0, 0), (1, 1), (4, 2), (9, 3), (10, FILLS), (12, FILLS)])
def test_only_an_empty_cell_looks_empty_and_only_a_full_one_full(used: int, fill: int) -> None:
    [group] = cell_groups([a_cell("a", used=used)])
    assert group.cells[0].fill == fill


def test_a_history_fills_the_whole_width_and_shows_the_shortest_outage() -> None:
    events = [
        an_event("node.spawned", at_ms=1_000),
        an_event("node.started", at_ms=2_000),
        an_event("node.exited", at_ms=500_000),
        an_event("node.restarted", at_ms=500_010),
        an_event("node.commanded", at_ms=600_000),
    ]
    told = history(events, 1_001_000)
    assert told is not None
    assert [part.tone for part in told.segments] == ["busy", "good", "bad", "good"]
    assert told.segments[2].width == MIN_WIDTH
    assert told.segments[-1].x + told.segments[-1].width == WIDTH
    assert mentions(told.label, "starting for 1s", "running for 16m", "down for 0s")


def test_a_history_is_unknown_while_the_agent_is_offline_and_goes_on_afterwards() -> None:
    events = [
        an_event("node.started", at_ms=1_000),
        an_event("node.unhealthy", at_ms=400_000),
        an_event("node.healthy", at_ms=600_000),
    ]
    of_agent = [
        an_event("agent.registered", at_ms=500),
        an_event("agent.degraded", at_ms=290_000),
        an_event("agent.offline", at_ms=301_000),
        an_event("agent.recovered", at_ms=501_000),
    ]
    told = history(events, 1_001_000, unseen_periods(of_agent, 0, 1_001_000))
    assert told is not None
    assert [part.status for part in told.segments] == ["running", "unknown", "unknown", "unhealthy", "running"]
    assert mentions(told.label, "running for 11m", "unknown for 3m20s", "unhealthy for 99s")


def test_a_history_is_unknown_up_to_now_while_the_agent_is_still_offline() -> None:
    unseen = unseen_periods([], 700_000, 1_001_000)  # its event may be too old to be kept
    told = history([an_event("node.started", at_ms=1_000)], 1_001_000, unseen)
    assert told is not None
    assert [(part.status, part.tone) for part in told.segments] == [("running", "good"), ("unknown", "lost")]


def test_a_history_without_anything_to_tell_is_none() -> None:
    assert history([], 5) is None
    assert history([an_event("node.commanded", at_ms=1)], 5) is None
    assert history([an_event("node.started", at_ms=9)], 5) is None


def test_a_column_is_turned_by_a_second_click_and_paging_begins_again() -> None:
    chosen = {"status": "running", "sort": "cpu", "cursor": "abc"}
    found = headings("/ui/nodes", chosen, ["id", "cpu"], "id")
    assert found["cpu"] == ("/ui/nodes?status=running&sort=-cpu", "ascending")
    assert found["id"] == ("/ui/nodes?status=running&sort=id", "")


def test_links_quote_what_was_typed() -> None:
    assert link("/ui/nodes", {"q": "a&b=c"}) == "/ui/nodes?q=a%26b%3Dc"
    assert link("/ui/nodes", {"q": ""}) == "/ui/nodes"


def test_a_log_keeps_its_lines_and_loses_its_control_characters() -> None:
    assert log_text(pb.LogChunk(data=b"a\tb\r\n\x1b[1mc\xff\n"), "n", 9).text == "a\tb\n\ufffd[1mc\ufffd"
    empty = log_text(pb.LogChunk(), "n", 9)
    assert (empty.text, bool(empty.placeholder), empty.notes) == ("", True, ())


def test_a_log_says_what_is_missing_of_it() -> None:
    notes = log_text(pb.LogChunk(data=b"x", rotated=True, omitted_lines=3, note="words"), "n", 9).notes
    assert notes[0] == "words"
    assert "nodes logs n --tail 9" in notes[2]


@pytest.mark.parametrize(
    ("desired", "state", "pid", "backoff_ms", "verbs"),
    [
        (Desired.RUNNING, NodeState.RUNNING, 1, 0, [NodeVerb.RESTART, NodeVerb.STOP, NodeVerb.REMOVE]),
        (Desired.RUNNING, NodeState.FAILED, 0, 0, [NodeVerb.START, NodeVerb.STOP, NodeVerb.REMOVE]),
        (Desired.RUNNING, NodeState.STARTING, 0, 900, [NodeVerb.START, NodeVerb.STOP, NodeVerb.REMOVE]),
        (Desired.STOPPED, NodeState.STOPPED, 0, 0, [NodeVerb.START, NodeVerb.REMOVE]),
        (Desired.STOPPED, NodeState.STOPPING, 1, 0, [NodeVerb.START, NodeVerb.REMOVE]),
        (Desired.ABSENT, NodeState.STOPPING, 1, 0, []),
    ],
)
def test_what_makes_no_sense_now_is_not_offered(
    desired: Desired, state: NodeState, pid: int, backoff_ms: int, verbs: list[NodeVerb]
) -> None:
    node = a_node(desired=desired)
    report = a_report(node, state=state, pid=pid, backoff_ms=backoff_ms)
    node = a_node(desired=desired, report=report)
    shown = node_status(node, shown_status(node, AgentStatus.HEALTHY))
    assert explain(shown, None, 10_000).verbs == verbs


def test_progress_counts_when_there_are_several() -> None:
    nodes = [
        pb.NodeStatus(node_id=str(number), status=status) for number, status in enumerate(["stopping", "stopped"] * 2)
    ]
    assert mentions(progress_text(nodes), "2 stopped", "2 stopping")
    assert mentions(progress_text(nodes[:1]), 0, "stopping")
    assert progress_text([])
    assert numbers_in(progress_text([])) == set()


def test_gauges_tell_how_full_a_host_is() -> None:
    assert [(gauge.title, gauge.percent) for gauge in gauges(HOST)] == [
        ("CPU", 12),
        ("Memory", 50),
        ("Data disk", 50),
    ]


def test_a_cached_value_is_read_again_after_its_lifetime() -> None:
    clock, found = FakeClock(), iter(range(9))
    remembered: CachedValue[int] = CachedValue(clock, 2.0)
    assert [remembered.get(lambda: next(found)) for _ in range(3)] == [0, 0, 0]
    clock.advance(2)
    assert [remembered.get(lambda: next(found)) for _ in range(2)] == [1, 1]


def test_what_could_not_be_found_is_tried_again_at_once() -> None:
    clock = FakeClock()
    remembered: CachedValue[int] = CachedValue(clock, 2.0)
    with pytest.raises(ZeroDivisionError):
        remembered.get(lambda: 1 // 0)
    assert remembered.get(lambda: 5) == 5


@pytest.mark.parametrize("verb", list(NodeVerb))
def test_what_a_command_does_beside_an_unproved_process_is_not_overstated(verb: NodeVerb) -> None:
    node = pb.NodeStatus(node_id="n", agent_id="a", status="failed", reason="unproved_process", pid=77)
    assert mentions(node_effect(verb, node), "Signals nothing", 77, "when that process has ended")


@pytest.mark.parametrize("verb", list(NodeVerb))
def test_what_a_command_does_to_a_node_that_nobody_sees_is_not_overstated(verb: NodeVerb) -> None:
    node = pb.NodeStatus(node_id="n", agent_id="a", status="unknown", reason="agent_offline", pid=77)
    text = node_effect(verb, node)
    assert mentions(text, "nothing happens now", f"The {verb} is recorded", "when the agent is back", "last report", 77)
    assert "Stops" not in text
    assert "reports that" not in text
