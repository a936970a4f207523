"""Whoever guesses passwords is slowed down, and the right user still gets in."""

from __future__ import annotations

import tracemalloc

import pytest
from support.harness.people import PASSWORD, People, log_in

from sutra_grid.admin.access.attempts import LoginAttempts
from sutra_grid.admin.pages import login
from sutra_grid.admin.services import services_of
from sutra_grid.core.access.attempts import BURST, MAX_ADDRESSES
from sutra_grid.runtime import passwords

WRONG = "wrong horse battery"


def test_an_unknown_user_and_a_wrong_password_are_told_alike_and_cost_alike(
    people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked: list[str | None] = []
    monkeypatch.setattr(login, "is_password", lambda stored, _password: checked.append(stored) or False)
    wrong, unknown = log_in(people.anonymous(), "viewer", WRONG), log_in(people.anonymous(), "viewes", WRONG)
    assert wrong.status_code == unknown.status_code == 401
    strip = lambda answer, name: answer.text.replace(name, "").partition("<form")[0]  # noqa: E731
    assert strip(wrong, "viewer") == strip(unknown, "viewes")
    assert len(checked) == 2  # each is hashed
    assert not passwords.is_password(None, "nobody")


def test_an_address_waits_after_some_failures_and_another_one_does_not(people: People) -> None:
    client = people.anonymous()
    for _ in range(BURST):
        assert log_in(client, "viewer", WRONG, "192.0.2.1").status_code == 401
    refused = log_in(client, "viewer", PASSWORD, "192.0.2.1")
    assert refused.status_code == 429
    assert int(refused.headers["Retry-After"]) > 0
    assert log_in(people.anonymous(), "viewer", PASSWORD, "192.0.2.2").status_code == 303
    people.clock.advance(int(refused.headers["Retry-After"]))
    assert log_in(client, "viewer", PASSWORD, "192.0.2.1").status_code == 303


def test_a_thousand_failures_from_everywhere_keep_the_right_user_in(
    people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = login.is_password
    monkeypatch.setattr(login, "is_password", lambda stored, given: given != WRONG and real(stored, given))
    client = people.anonymous()
    for number in range(1000):
        address = f"198.51.{number % 200}.7"
        assert log_in(client, "viewer", WRONG, address).status_code in {401, 429}
    assert log_in(people.anonymous(), "viewer", PASSWORD, "203.0.113.9").status_code == 303
    assert log_in(people.anonymous(), "operator", PASSWORD, "203.0.113.9").status_code == 303
    counters = people.registry.counters("admin.refused.")
    services_of(people.app).access.guard.refusals.flush(people.registry)
    counters = people.registry.counters("admin.refused.")
    assert counters["admin.refused.login_failed"] + counters["admin.refused.too_many_logins"] == 1000
    assert counters["admin.refused.too_many_logins"] > 500


def test_the_memory_of_failures_is_bounded() -> None:
    attempts = LoginAttempts()
    for number in range(MAX_ADDRESSES + 50):
        attempts.failed(f"user-{number}" * 20, f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}", 0.0)
    tracemalloc.start()
    for number in range(20_000):
        attempts.failed(f"other-{number}" * 20, f"11.{number >> 16}.{number >> 8 & 255}.{number & 255}", 1.0)
    grown, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(attempts) == 3 * MAX_ADDRESSES
    assert grown < 8_000_000


def test_no_password_is_logged(people: People, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("DEBUG"):
        log_in(people.anonymous(), "viewer", WRONG)
        log_in(people.anonymous(), "viewer", PASSWORD)
        log_in(people.anonymous(), PASSWORD, WRONG)
    assert WRONG not in caplog.text
    assert PASSWORD not in caplog.text


def test_refusals_are_logged_at_a_bounded_rate(people: People, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("WARNING"):
        for _ in range(200):
            people.anonymous().get("/status")
    assert sum("request refused" in record.getMessage() for record in caplog.records) == 1
