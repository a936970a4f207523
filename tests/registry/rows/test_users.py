"""The registry's contract for users and their logins, on every backend."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.values.grid_values import an_event

from sutra_grid.core.access.identity import Role
from sutra_grid.core.access.users import MAX_SESSIONS_PER_USER, Session, User
from sutra_grid.core.errors import AlreadyExists, NotFound
from sutra_grid.registry import Registry

ALICE = User("alice", Role.OPERATOR, "scrypt:…", 10, "user root", 10)
BOB = replace(ALICE, name="Bob", role=Role.VIEWER)
LOGIN = Session("aa", "alice", 100, 100, 1000, "192.0.2.1")


def test_users_are_kept_with_their_event_and_listed_by_name(registry: Registry) -> None:
    assert not registry.has_users()
    registry.add_user(ALICE, [an_event("user.added")])
    registry.add_user(BOB)
    assert registry.has_users()
    assert registry.users() == [BOB, ALICE]
    assert (registry.user("alice"), registry.user("ALICE")) == (ALICE, None)
    assert [event.kind for event in registry.events()] == ["user.added"]


def test_a_name_is_used_once(registry: Registry) -> None:
    registry.add_user(ALICE)
    with pytest.raises(AlreadyExists):
        registry.add_user(replace(ALICE, role=Role.ADMIN), [an_event("user.added")])
    assert registry.users() == [ALICE]
    assert not registry.events()


def test_a_login_brings_its_user(registry: Registry) -> None:
    registry.add_user(ALICE)
    registry.begin_session(LOGIN)
    assert registry.session("aa") == (LOGIN, ALICE)
    assert registry.session("ab") is None
    registry.touch_session("aa", 200)
    assert registry.session("aa") == (replace(LOGIN, last_seen_at_ms=200), ALICE)
    registry.end_session("aa")
    registry.end_session("aa")
    assert registry.session("aa") is None


def test_a_new_password_ends_the_logins_of_its_user_alone(registry: Registry) -> None:
    for user in (ALICE, BOB):
        registry.add_user(user)
        registry.begin_session(replace(LOGIN, session_hash=user.name, user_name=user.name))
    changed = registry.set_password("alice", "scrypt:new", 300)
    assert (changed.password_hash, changed.password_changed_at_ms) == ("scrypt:new", 300)
    assert registry.session("alice") is None
    assert registry.session("Bob") is not None
    with pytest.raises(NotFound):
        registry.set_password("carol", "scrypt:new", 300, [an_event("user.password_changed")])
    assert not registry.events()


def test_a_removed_user_has_no_login_also_not_after_a_new_one_has_the_name(registry: Registry) -> None:
    registry.add_user(ALICE)
    registry.begin_session(LOGIN)
    registry.remove_user("alice")
    registry.add_user(ALICE)
    assert registry.session("aa") is None
    registry.remove_user("alice")
    with pytest.raises(NotFound):
        registry.remove_user("alice")


def test_a_user_has_a_bounded_number_of_logins_and_the_oldest_ends(registry: Registry) -> None:
    registry.add_user(ALICE)
    for number in range(MAX_SESSIONS_PER_USER + 2):
        registry.begin_session(replace(LOGIN, session_hash=f"{number:03}", created_at_ms=number))
    assert [registry.session(f"{number:03}") is None for number in range(4)] == [True, True, False, False]


def test_ended_logins_are_deleted(registry: Registry) -> None:
    registry.add_user(ALICE)
    registry.begin_session(LOGIN)
    registry.begin_session(replace(LOGIN, session_hash="bb", ends_at_ms=400))
    registry.begin_session(replace(LOGIN, session_hash="cc", last_seen_at_ms=390))
    registry.delete_ended_sessions(400, 100)
    assert [registry.session(each) is None for each in ("aa", "bb", "cc")] == [True, True, False]
    registry.prune(1000, 10, 10)
    assert registry.session("cc") is None
