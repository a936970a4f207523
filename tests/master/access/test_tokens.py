"""API tokens: who their holder is, that a call costs no access to the registry, and that they end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from support.harness.access_harness import AccessHarness

from sutra_grid.core.access.attempts import BURST
from sutra_grid.core.access.identity import Role
from sutra_grid.core.access.principal import Principal, PrincipalKind
from sutra_grid.core.errors import GridError, ResourceExhausted, Unauthenticated
from sutra_grid.core.types import Reason
from sutra_grid.registry import Registry


def check(access: AccessHarness, text: str, address: str = "10.0.0.9") -> Principal:
    return access.access.tokens.check(text, address)


def reason(access: AccessHarness, text: str, address: str = "10.0.0.9") -> Reason:
    with pytest.raises(Unauthenticated) as caught:
        check(access, text, address)
    return caught.value.reason


def counted(monkeypatch: pytest.MonkeyPatch, *names: str) -> list[str]:
    calls: list[str] = []

    def watch(name: str, real: Callable[..., Any]) -> None:
        def method(*arguments: Any) -> Any:
            calls.append(name)
            return real(*arguments)

        monkeypatch.setattr(Registry, name, method)

    for name in names:
        watch(name, getattr(Registry, name))
    return calls


def test_a_token_names_its_holder(access: AccessHarness) -> None:
    text = access.api_token("operator", "ci").text
    assert check(access, text) == Principal(PrincipalKind.TOKEN, Role.OPERATOR, "ci", "10.0.0.9")


def test_a_call_with_a_known_token_costs_nothing_in_the_registry(
    access: AccessHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = access.api_token().text
    calls = counted(monkeypatch, "token", "note_token_uses")
    for _ in range(100):
        check(access, text)
    assert calls == ["token"]
    (shown,) = access.access.tokens.list()
    assert shown.last_used_at_ms == int(access.clock.wall() * 1000)
    assert calls == ["token", "note_token_uses"]


def test_a_known_token_works_while_the_registry_does_not(
    access: AccessHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = access.api_token().text
    check(access, text)
    monkeypatch.setattr(Registry, "token", lambda *_: pytest.fail("the registry was asked"))
    assert check(access, text).name == "ci"


def test_a_token_ends_with_its_time_also_when_it_is_known(access: AccessHarness) -> None:
    text = access.api_token(ttl_seconds=60).text
    check(access, text)
    access.clock.advance(60)
    assert reason(access, text) is Reason.TOKEN_EXPIRED


def test_a_token_ends_with_its_revocation_at_once(access: AccessHarness) -> None:
    token = access.api_token()
    check(access, token.text)
    access.access.tokens.revoke(token.token_id, "user alice")
    assert reason(access, token.text) is Reason.TOKEN_REVOKED
    assert [event.kind for event in access.registry.events(kind="token")] == ["token.created", "token.revoked"]


def test_tokens_outlive_the_master(access: AccessHarness) -> None:
    text = access.api_token().text
    access.restart()
    assert check(access, text).name == "ci"


def test_a_wrong_secret_or_kind_is_refused(access: AccessHarness) -> None:
    token = access.api_token()
    check(access, token.text)  # so that it is known
    assert reason(access, token.text.replace(token.secret, "x" * 43)) is Reason.UNKNOWN_TOKEN
    assert reason(access, access.join_token().text) is Reason.WRONG_TOKEN_KIND
    assert reason(access, "hunter2") is Reason.UNKNOWN_TOKEN
    assert reason(access, "") is Reason.UNKNOWN_TOKEN


def test_who_guesses_is_slowed_down_and_the_right_user_still_gets_in(access: AccessHarness) -> None:
    text = access.api_token().text
    check(access, text)
    refused: list[type[GridError]] = []
    for _ in range(1_000):
        try:
            check(access, "hunter2")
        except GridError as error:
            refused.append(type(error))
    assert refused.count(Unauthenticated) == BURST
    assert refused.count(ResourceExhausted) == 1_000 - BURST
    assert check(access, text).name == "ci"
    assert access.access.attempts.refused == BURST


def test_no_secret_is_stored_or_logged(access: AccessHarness, capfd: pytest.CaptureFixture[str]) -> None:
    token = access.api_token()
    join = access.join_token()
    access.join(join)
    stored = repr(access.registry.tokens()) + repr(access.registry.events()) + repr(access.registry.certificates())
    out, err = capfd.readouterr()
    for secret in (token.secret, join.secret):
        assert secret not in stored + out + err
        assert access.registry.token(token.token_id) is not None
