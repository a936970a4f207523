"""Kinds of events: enumerated where an event is made, readable where a newer program made it."""

from sutra_grid.core.event_kinds import EventKind, UnknownEventKind, event_kind


def test_a_text_that_is_a_kind_becomes_that_kind() -> None:
    assert all(event_kind(kind.value) is kind for kind in EventKind)


def test_a_kind_of_a_newer_program_keeps_its_text() -> None:
    kind = event_kind("node.teleported")
    assert isinstance(kind, UnknownEventKind)
    assert (kind, f"{kind}") == ("node.teleported", "node.teleported")
