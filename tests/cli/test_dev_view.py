"""The live picture of a dev grid."""

from collections.abc import Iterator

import pytest
from support.fakes.fake_master import FakeMaster
from support.texts import mentions
from support.values.cli_records import agent, cluster, node

from sutra_grid.cli.client import make_client
from sutra_grid.cli.context import Options
from sutra_grid.cli.dev.view import Observer
from sutra_grid.wire import grid_pb2 as pb


@pytest.fixture
def observer(master: FakeMaster) -> Iterator[Observer]:
    master.answers["GetClusterStatus"] = cluster()
    master.answers["ListAgents"] = pb.AgentList(agents=[agent(f"agent-{n}") for n in range(3)])
    master.answers["ListStorageNodes"] = pb.NodeList(nodes=[node(f"node-{n:08}") for n in range(9)])
    events = [
        pb.Event(event_id=n, kind="node.started", node_id="node-00000001", message="x" * 200) for n in range(1, 9)
    ]
    master.answers["ListEvents"] = [
        pb.EventList(events=events, last_event_id=8),
        pb.EventList(events=[pb.Event(event_id=9, kind="node.exited")], last_event_id=9),
    ]
    with make_client(master.address, "the test", 5) as client:
        yield Observer(client, "the footer")


@pytest.mark.parametrize("rows", [10, 15, 20, 23, 30, 60])
def test_it_fits_the_terminal_and_its_footer_stays(
    observer: Observer, monkeypatch: pytest.MonkeyPatch, rows: int
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    observer.read()
    lines = observer.picture(Options(), 80, rows).splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[-1] == "the footer"
    if rows >= 15:
        assert len(lines) <= rows


def test_on_a_small_terminal_events_go_first_then_nodes(observer: Observer) -> None:
    observer.read()
    assert "node.started" in observer.picture(Options(), 80, 40)
    assert "node.started" not in observer.picture(Options(), 80, 22)
    assert "more" in observer.picture(Options(), 80, 18)


def test_each_event_is_answered_once(observer: Observer, master: FakeMaster) -> None:
    assert [event.event_id for event in observer.read()] == list(range(1, 9))
    assert [event.event_id for event in observer.read()] == [9]
    assert [call.after_event_id for call in master.calls["ListEvents"]] == [0, 8]


def test_while_the_master_is_away_the_last_picture_stays(observer: Observer, master: FakeMaster) -> None:
    observer.read()
    assert not mentions(observer.picture(Options(), 80, 40).splitlines()[0], "master")
    master.stop()
    assert observer.read() == []
    picture = observer.picture(Options(), 80, 40)
    assert mentions(picture.splitlines()[0], "master")
    assert "node-00000001" in picture
