"""Names, roles and passwords of users, and when a login ends."""

from __future__ import annotations

import pytest

from sutra_grid.core.access.identity import Role
from sutra_grid.core.access.users import MAX_PASSWORD_BYTES, Session, check_password, check_user
from sutra_grid.core.errors import InvalidArgument

HOUR_MS = 3_600_000


def test_a_user_has_one_of_the_roles_of_people() -> None:
    assert check_user("alice@example.org", "operator") is Role.OPERATOR


@pytest.mark.parametrize("role", ["", "master", "agent", "client", "node", "root", "Admin"])
def test_other_roles_are_refused(role: str) -> None:
    with pytest.raises(InvalidArgument):
        check_user("alice", role)


@pytest.mark.parametrize("name", ["", "a" * 65, "a b", "a/b", "a\n", "ä", "a\x00", "a,b"])
def test_names_that_a_header_or_a_log_line_can_not_carry_are_refused(name: str) -> None:
    with pytest.raises(InvalidArgument):
        check_user(name, "viewer")


@pytest.mark.parametrize(
    "password", ["", "short", "11character", " " * 20, "Alice-Example-Org", "x" * (MAX_PASSWORD_BYTES + 1), "ä" * 600]
)
def test_passwords_that_are_short_long_or_the_name_are_refused_without_being_repeated(password: str) -> None:
    with pytest.raises(InvalidArgument) as raised:
        check_password("alice-example-org", password)
    assert len(password) < 5 or password not in str(raised.value)


@pytest.mark.parametrize("password", ["correct horse battery", "пароль-из-слов", "x" * MAX_PASSWORD_BYTES])
def test_any_other_password_is_accepted(password: str) -> None:
    check_password("alice", password)


@pytest.mark.parametrize(
    ("at_ms", "is_over"), [(0, False), (8 * HOUR_MS - 1, False), (8 * HOUR_MS, True), (9 * HOUR_MS, True), (-1, False)]
)
def test_a_login_ends_when_nobody_uses_it(at_ms: int, is_over: bool) -> None:
    session = Session("00", "alice", 0, 0, 168 * HOUR_MS)
    assert session.is_over(at_ms, 8 * HOUR_MS) is is_over


def test_a_login_ends_at_its_end_however_much_it_is_used() -> None:
    session = Session("00", "alice", 0, 168 * HOUR_MS - 1, 168 * HOUR_MS)
    assert not session.is_over(168 * HOUR_MS - 1, 8 * HOUR_MS)
    assert session.is_over(168 * HOUR_MS, 8 * HOUR_MS)
