"""Which of two processes with one agent id is the newer one."""

from hypothesis import given
from hypothesis import strategies as st

from sutra_grid.core.agent.sessions import HeartbeatInstruction, Standing, heartbeat_instruction, new_session, standing

WALL_MS = 1_700_000_000_000


def test_the_records_session_is_current() -> None:
    session = new_session("", "process-a", WALL_MS)
    assert standing(session, session, "process-a") is Standing.CURRENT


def test_an_older_session_of_another_process_was_superseded() -> None:
    old = new_session("", "process-a", WALL_MS)
    new = new_session(old, "process-b", WALL_MS + 1)
    assert standing(old, new, "process-b") is Standing.SUPERSEDED


def test_a_process_never_supersedes_itself() -> None:
    old = new_session("", "process-a", WALL_MS)
    new = new_session(old, "process-a", WALL_MS + 1)
    assert standing(old, new, "process-a") is Standing.UNKNOWN


def test_a_session_newer_than_the_record_means_an_older_registry_and_registers_again() -> None:
    restored = new_session("", "process-a", WALL_MS)
    lost = new_session(restored, "process-b", WALL_MS + 60_000)
    assert standing(lost, restored, "process-a") is Standing.UNKNOWN


def test_a_registry_that_was_lost_and_came_back_as_an_older_copy_calls_nobody_old_who_is_not() -> None:
    copied = new_session("", "process-a", WALL_MS)
    in_use = new_session(copied, "process-b", WALL_MS + 1)
    after_the_loss = new_session("", "process-b", WALL_MS - 7_200_000, reported=in_use)
    assert standing(after_the_loss, copied, "process-a") is Standing.UNKNOWN


def test_nonsense_is_not_taken_for_a_last_session() -> None:
    for told in ("", "x", "zzzzzzzzzzzzzz-12345678", "-", "0-0", "ffffffffffffff-12345678", "10000000000000-12345678"):
        assert new_session("", "process-a", WALL_MS, reported=told) == new_session("", "process-a", WALL_MS), told


def test_nonsense_registers_again() -> None:
    current = new_session("", "process-a", WALL_MS)
    for presented in ("", "x", "zzzzzzzzzzzzzz-12345678", "-", "0-0", current[:-1]):
        assert standing(presented, current, "process-a") is Standing.UNKNOWN
    assert standing("", "", "") is Standing.UNKNOWN


@given(st.lists(st.tuples(st.integers(0, 2**41), st.text(max_size=8), st.booleans()), min_size=2, max_size=20))
def test_sessions_rise_whatever_the_wall_clock_does_and_whoever_remembers(
    registrations: list[tuple[int, str, bool]],
) -> None:
    session = ""
    for wall_ms, instance, registry_lost in registrations:
        if registry_lost:
            following = new_session("", instance, wall_ms, reported=session)
        else:
            following = new_session(session, instance, wall_ms)
        assert following > session
        session = following


def test_an_instruction_of_a_newer_master_asks_nothing() -> None:
    assert heartbeat_instruction("dance") is HeartbeatInstruction.CONTINUE
    assert all(heartbeat_instruction(each.value) is each for each in HeartbeatInstruction)
