"""The registry's contract for tokens and issued certificates, on every backend."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest
from support.values.grid_values import an_event

from sutra_grid.core.access.identity import Role
from sutra_grid.core.access.revocations import IssuedCertificate
from sutra_grid.core.access.tokens import Token, TokenKind, hash_secret
from sutra_grid.core.errors import AlreadyExists, NotFound
from sutra_grid.core.types import Reason
from sutra_grid.registry import Registry
from sutra_grid.registry.rows.retention import ENDED_ACCESS_MAX_AGE_MS

HASH = hash_secret("secret")
JOIN = Token(
    "0123abcd",
    TokenKind.JOIN,
    HASH,
    Role.AGENT,
    "",
    "agent-*",
    uses_left=2,
    uses=2,
    created_at_ms=10,
    created_by="user alice",
    expires_at_ms=1_000,
)
API = Token("0000ffff", TokenKind.API, HASH, Role.VIEWER, "grafana", created_at_ms=20, expires_at_ms=5_000)


def certificate(serial: str = "ab", not_after_ms: int = 90_000) -> IssuedCertificate:
    return IssuedCertificate(serial, "agent", "agent-1", 100, not_after_ms, "join with token 0123abcd")


def test_tokens_are_kept_as_they_are(registry: Registry) -> None:
    registry.create_token(JOIN, [an_event("token.created")])
    registry.create_token(API)
    assert registry.tokens() == [JOIN, API]
    assert registry.token("0000ffff") == API
    assert registry.token("0000fff") is None
    assert [event.kind for event in registry.events()] == ["token.created"]
    with pytest.raises(AlreadyExists):
        registry.create_token(JOIN, [an_event("token.created")])
    assert len(registry.events()) == 1


def test_a_use_is_taken_with_the_certificate_that_it_is_taken_for(registry: Registry) -> None:
    registry.create_token(JOIN)
    assert registry.take_token_use("0123abcd", HASH, 500, certificate(), [an_event("agent.joined")])
    assert registry.token("0123abcd") == replace(JOIN, uses_left=1, last_used_at_ms=500)
    assert registry.certificates() == [certificate()]
    assert registry.certificates("agent-1") == [certificate()]
    assert registry.certificates("agent-2") == []
    assert [event.kind for event in registry.events()] == ["agent.joined"]


@pytest.mark.parametrize("why", ["secret", "expired", "used_up", "revoked", "unknown"])
def test_a_token_that_is_not_valid_gives_no_use(registry: Registry, why: str) -> None:
    registry.create_token(replace(JOIN, uses_left=0 if why == "used_up" else 1))
    if why == "revoked":
        registry.revoke_token("0123abcd", 400, "user alice")
    taken = registry.take_token_use(
        "ffffffff" if why == "unknown" else "0123abcd",
        hash_secret("other") if why == "secret" else HASH,
        1_000 if why == "expired" else 500,
        certificate(),
        [an_event("agent.joined")],
    )
    assert not taken
    assert registry.certificates() == []
    assert registry.events() == []


def test_of_many_callers_for_the_last_use_one_gets_it(registry: Registry) -> None:
    registry.create_token(replace(JOIN, uses_left=1))
    ready = threading.Barrier(8)
    taken: list[bool] = []

    def join(number: int) -> None:
        ready.wait(10)
        taken.append(registry.take_token_use("0123abcd", HASH, 500, certificate(f"{number:x}")))

    threads = [threading.Thread(target=join, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(taken) == [False] * 7 + [True]
    assert len(registry.certificates()) == 1


def test_a_token_without_a_limit_stays_without_one(registry: Registry) -> None:
    registry.create_token(replace(JOIN, uses_left=None))
    assert registry.take_token_use("0123abcd", HASH, 500, certificate())
    found = registry.token("0123abcd")
    assert found is not None
    assert found.uses_left is None


def test_a_token_is_revoked_once(registry: Registry) -> None:
    registry.create_token(API)
    revoked = registry.revoke_token("0000ffff", 700, "user alice", [an_event("token.revoked")])
    assert (revoked.revoked_at_ms, revoked.revoked_by) == (700, "user alice")
    assert registry.revoke_token("0000ffff", 900, "user bob", [an_event("token.revoked")]) == revoked
    assert len(registry.events()) == 1
    with pytest.raises(NotFound) as caught:
        registry.revoke_token("ffffffff", 900, "user bob")
    assert caught.value.reason is Reason.UNKNOWN_TOKEN


def test_the_last_use_only_rises(registry: Registry) -> None:
    registry.create_token(API)
    registry.note_token_uses({"0000ffff": 900, "ffffffff": 900})
    registry.note_token_uses({"0000ffff": 800})
    registry.note_token_uses({})
    assert [token.last_used_at_ms for token in registry.tokens()] == [900]


def test_tokens_and_certificates_go_some_time_after_their_end(registry: Registry) -> None:
    now_ms = ENDED_ACCESS_MAX_AGE_MS + 10_000
    ended = {
        "00000001": replace(API, expires_at_ms=9_999),
        "00000002": replace(API, expires_at_ms=0, revoked_at_ms=9_999),
        "00000003": replace(JOIN, expires_at_ms=0, uses_left=0, last_used_at_ms=9_999),
    }
    kept = {
        "00000011": replace(API, expires_at_ms=10_001),
        "00000012": replace(API, expires_at_ms=0, revoked_at_ms=0),
        "00000013": replace(JOIN, expires_at_ms=0, uses_left=1, last_used_at_ms=9_999),
    }
    for token_id, token in (ended | kept).items():
        registry.create_token(replace(token, token_id=token_id))
    registry.record_certificate(certificate("1", 9_999))
    registry.record_certificate(certificate("2", 10_001))
    registry.prune(now_ms, 10**12, 1_000)
    assert {token.token_id for token in registry.tokens()} == kept.keys()
    assert [one.serial for one in registry.certificates()] == ["2"]
