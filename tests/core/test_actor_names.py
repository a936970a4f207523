"""Who caused an event: how it is searched for, and how it is shown."""

import pytest

from sutra_grid.core.actor_names import actor_text, matches_actor


@pytest.mark.parametrize("wanted", ["operator", "user alice", "alice"])
def test_an_actor_is_found_by_kind_by_shown_name_and_by_name(wanted: str) -> None:
    assert matches_actor(wanted, "operator", "user alice")


@pytest.mark.parametrize("wanted", ["agent", "user", "lice", "alice ", "Alice", "user bob", "ser alice"])
def test_a_part_of_a_name_finds_nothing(wanted: str) -> None:
    assert not matches_actor(wanted, "operator", "user alice")
    assert not matches_actor(wanted, "operator", "")


def test_the_text_has_the_name_and_the_address_of_an_operator() -> None:
    assert actor_text("operator", "user alice", "10.0.0.5") == "user alice (10.0.0.5)"
    assert actor_text("operator", "", "127.0.0.1") == "operator (127.0.0.1)"
    assert actor_text("operator", "", "") == "operator"
    assert actor_text("agent", "", "") == "agent"
