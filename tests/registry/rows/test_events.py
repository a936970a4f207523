"""The registry's contract for events, on every backend."""

from dataclasses import replace

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.values.grid_values import an_agent, an_event

from sutra_grid.core.event_kinds import EventKind, UnknownEventKind
from sutra_grid.core.types import Actor, Event, Reason
from sutra_grid.registry import EventQuery, Observations, Registry


def write(registry: Registry, *events: Event) -> list[int]:
    registry.write_observations(Observations(events=events))
    return [event.event_id for event in registry.events(limit=len(events))]


def numbered(count: int, first: int = 0) -> list[Event]:
    return [an_event(at_ms=1_000 + number, message=str(number)) for number in range(first, first + count)]


def test_an_event_comes_back_with_an_id(registry: Registry) -> None:
    [event_id] = write(registry, an_event())
    assert registry.events() == [replace(an_event(), event_id=event_id)]
    assert registry.last_event_id() == event_id


def test_a_kind_of_a_newer_program_is_read_back_as_it_was_written(registry: Registry) -> None:
    write(registry, an_event("node.teleported"), an_event("node.started"))
    known, unknown = registry.events(kind="node.started"), registry.events(kind="node.teleported")
    assert [event.kind for event in [*known, *unknown]] == ["node.started", "node.teleported"]
    assert isinstance(known[0].kind, EventKind)
    assert isinstance(unknown[0].kind, UnknownEventKind)


def test_without_events_the_last_id_is_zero(registry: Registry) -> None:
    assert registry.last_event_id() == 0
    assert registry.events() == []


def test_the_newest_come_oldest_first(registry: Registry) -> None:
    write(registry, *numbered(10))
    assert [event.message for event in registry.events(limit=3)] == ["7", "8", "9"]


def test_following_reads_on_after_an_id(registry: Registry) -> None:
    ids = write(registry, *numbered(10))
    page = registry.events(after_event_id=ids[3], limit=4)
    assert [event.message for event in page] == ["4", "5", "6", "7"]
    assert registry.events(after_event_id=ids[-1]) == []


def test_filters_are_by_agent_node_and_kind(registry: Registry) -> None:
    write(
        registry,
        an_event("node.spawned", message="1"),
        an_event("node.stopped", message="2", node_id="node-2"),
        an_event("agent.drained", message="3", node_id="", agent_id="agent-2"),
        an_event("nodes.other", message="4", agent_id="agent-2"),
    )

    def messages(**chosen: str) -> str:
        return "".join(event.message for event in registry.events(**chosen))  # type: ignore[arg-type]

    assert messages(agent_id="agent-2") == "34"
    assert messages(node_id="node-2") == "2"
    assert messages(kind="node") == "12"
    assert messages(kind="node.stopped") == "2"
    assert messages(kind="Node") == ""
    assert messages(kind="%") == ""
    assert messages(kind="node", agent_id="agent-1", node_id="node-00000001") == "1"


def test_reading_goes_backward_and_forward_from_an_id(registry: Registry) -> None:
    ids = write(registry, *numbered(10))

    def messages(query: EventQuery) -> str:
        return "".join(event.message for event in registry.event_page(query))

    assert messages(EventQuery(limit=3)) == "789"
    assert messages(EventQuery(before_event_id=ids[7], limit=3)) == "456"
    assert messages(EventQuery(before_event_id=ids[0])) == ""
    assert messages(EventQuery(after_event_id=ids[2], before_event_id=ids[6])) == "345"
    assert messages(EventQuery(since_ms=1_002, until_ms=1_004)) == "234"
    assert messages(EventQuery(since_ms=1_008, after_event_id=ids[0], limit=1)) == "8"


def test_events_are_found_by_the_name_of_who_caused_them(registry: Registry) -> None:
    write(
        registry,
        an_event(message="1", actor_name="user alice", actor_address="10.0.0.5"),
        an_event(message="2", actor_name="token alice_x"),
        an_event(message="3", actor_name="certificate alice"),
        an_event(message="4", actor_name="user malice"),
        an_event(message="5", actor_name="user 100%"),
        an_event(message="6"),
    )

    def messages(actor: str) -> str:
        return "".join(event.message for event in registry.event_page(EventQuery(actor=actor)))

    assert messages("alice") == "13"
    assert messages("user alice") == "1"
    assert messages("alice_x") == "2"
    assert messages("100%") == "5"
    assert messages("%") == messages("alice?") == messages("_") == ""
    assert messages("operator") == "123456"
    found = registry.event_page(EventQuery(actor="user alice"))[0]
    assert (found.actor_name, found.actor_address) == ("user alice", "10.0.0.5")


def test_filters_are_by_reason_and_actor_too(registry: Registry) -> None:
    write(
        registry,
        an_event(message="1"),
        an_event(message="2", reason=Reason.CRASHED, actor=Actor.AGENT),
        an_event(message="3", reason=Reason.CRASHED),
        an_event(message="4", actor=Actor.MASTER, reason=Reason.NONE),
    )

    def messages(query: EventQuery) -> str:
        return "".join(event.message for event in registry.event_page(query))

    assert messages(EventQuery(reason=Reason.CRASHED)) == "23"
    assert messages(EventQuery(reason=Reason.CRASHED, actor="agent")) == "2"
    assert messages(EventQuery(reason=Reason.NONE)) == "4"
    assert messages(EventQuery(actor="master")) == "4"


def test_a_text_is_found_in_the_message_the_kind_the_reason_and_the_ids_whatever_its_case(registry: Registry) -> None:
    write(
        registry,
        an_event("node.exited", message="1 Exit code 100%"),
        an_event("agent.offline", message="2", agent_id="rack-7", node_id=""),
        an_event("node.failed", message="3", reason=Reason.CRASH_LOOP, node_id="node-0000beef"),
    )

    def messages(text: str, **chosen: int) -> str:
        return "".join(event.message[0] for event in registry.event_page(EventQuery(text=text, **chosen)))  # type: ignore[arg-type]

    assert messages("EXIT CODE") == "1"
    assert messages("100%") == "1"
    assert messages("%") == "1", "a character of a pattern stands for itself"
    assert messages("_") == "3"
    assert messages("Rack-7") == "2"
    assert messages("beef") == "3"
    assert messages("crash_loop") == "3"
    assert messages("node.") == "13"
    assert messages("node.", limit=1) == "3"
    assert messages("nothing") == ""


def test_the_same_batch_again_writes_its_events_once(registry: Registry) -> None:
    batch = Observations(heartbeats={"agent-1": 5}, events=numbered(600))
    registry.write_observations(batch)
    registry.write_observations(batch)
    assert [event.message for event in registry.events(limit=1_000)] == [str(number) for number in range(600)]


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(message=st.text(max_size=60))
def test_any_text_is_stored(registry: Registry, message: str) -> None:
    registry.save_agent(an_agent())
    storable = message.encode("utf-8", "replace").decode().replace("\x00", "�")
    event = an_event(message=message.encode("utf-8", "replace").decode())
    registry.set_drained("agent-1", True, [event])
    assert registry.events(limit=1)[0].message == storable


def test_events_are_counted_up_to_a_limit(registry: Registry) -> None:
    write(registry, *numbered(30), an_event("agent.offline", node_id=""))
    assert registry.event_count(EventQuery(limit=1), 1000) == 31
    assert registry.event_count(EventQuery(kind="agent"), 1000) == 1
    assert registry.event_count(EventQuery(), 10) == 10
