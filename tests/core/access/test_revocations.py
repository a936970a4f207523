"""Which certificates a list of revocations covers."""

from __future__ import annotations

import pytest

from sutra_grid.core.access.identity import Role
from sutra_grid.core.access.principal import LOCAL, Principal, PrincipalKind
from sutra_grid.core.access.revocations import RevocationList, Revoked, revoked_of, serial_text
from sutra_grid.core.errors import InvalidArgument

AGENT = Principal(PrincipalKind.CERTIFICATE, Role.AGENT, "agent-1", "10.0.0.1", "ab12")


def listed(*revoked: Revoked) -> RevocationList:
    return RevocationList.of(1, revoked)


def test_a_certificate_is_covered_by_its_number_or_by_its_identity() -> None:
    assert listed(Revoked(serial="ab12")).covers(AGENT)
    assert listed(Revoked(role="agent", name="agent-1")).covers(AGENT)
    assert not listed(Revoked(serial="ab13"), Revoked(role="agent", name="agent-2")).covers(AGENT)
    assert not listed(Revoked(role="operator", name="agent-1")).covers(AGENT)
    assert not RevocationList().covers(AGENT)


def test_a_caller_without_a_certificate_is_never_covered() -> None:
    token = Principal(PrincipalKind.TOKEN, Role.AGENT, "agent-1")
    assert not listed(Revoked(role="agent", name="agent-1"), Revoked(serial="")).covers(token)
    assert not listed(Revoked()).covers(LOCAL)


@pytest.mark.parametrize("text", ["00ab12", "AB12", "0xab12", "AB:12", "00:AB:12"])
def test_a_serial_number_is_taken_as_other_tools_print_it(text: str) -> None:
    assert revoked_of(text, "", "") == Revoked(serial="ab12")


def test_a_serial_number_of_zeros_is_one() -> None:
    assert serial_text("00") == "0"
    assert serial_text("") is None


@pytest.mark.parametrize(
    "wrong",
    [
        ("", "", ""),
        ("xyz", "", ""),
        ("ab12", "agent", "a"),
        ("", "agent", ""),
        ("", "boss", "a"),
        ("", "agent", "a b"),
        ("a" * 41, "", ""),
    ],
)
def test_what_names_no_certificate_is_refused(wrong: tuple[str, str, str]) -> None:
    with pytest.raises(InvalidArgument):
        revoked_of(*wrong)
