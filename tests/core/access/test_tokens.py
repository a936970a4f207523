"""The text of tokens, and which are accepted."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sutra_grid.core.access.identity import Role
from sutra_grid.core.access.tokens import (
    DEFAULT_JOIN_SECONDS,
    REASONS,
    Token,
    TokenKind,
    TokenText,
    Verdict,
    check_spec,
    hash_secret,
    judge,
    matches,
    parse_token,
    refused_token,
)
from sutra_grid.core.errors import InvalidArgument

SECRET = "s" * 43
DIGEST = "0a" * 32
JOIN = TokenText(TokenKind.JOIN, "0123abcd", SECRET, DIGEST)
API = TokenText(TokenKind.API, "0123abcd", SECRET)


def stored(kind: TokenKind = TokenKind.JOIN) -> Token:
    return Token("0123abcd", kind, hash_secret(SECRET), Role.AGENT, uses_left=1, uses=1, expires_at_ms=1_000)


@pytest.mark.parametrize("token", [JOIN, API])
def test_a_token_is_read_as_it_is_written(token: TokenText) -> None:
    assert parse_token(f"  {token.text}\n") == token


def test_a_token_shows_its_secret_in_no_text_but_its_own() -> None:
    assert SECRET not in repr(JOIN) + str(JOIN) + repr(stored())
    assert hash_secret(SECRET) not in repr(stored())


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("", "empty"),
        ("hunter2", "begins neither"),
        (JOIN.text[:-1], "120 characters, and 121"),
        (API.text[:-1], "55 characters, and 56"),
        (f"{API.text}_{DIGEST}", "characters"),
        (JOIN.text.removesuffix(f"_{DIGEST}"), "56 characters, and 121"),
        (JOIN.text.replace("0a", "zz"), "121"),
    ],
)
def test_what_is_no_token_is_told_without_its_text(text: str, word: str) -> None:
    with pytest.raises(InvalidArgument, match=word) as caught:
        parse_token(text)
    assert "s" * 10 not in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_a_token_counts_until_its_end_or_its_last_use_or_its_revocation() -> None:
    token = stored()
    assert judge(JOIN, token, TokenKind.JOIN, 999) is Verdict.VALID
    assert judge(JOIN, token, TokenKind.JOIN, 1_000) is Verdict.EXPIRED
    assert judge(JOIN, replace(token, uses_left=0), TokenKind.JOIN, 1) is Verdict.USED_UP
    assert judge(JOIN, replace(token, revoked_at_ms=5), TokenKind.JOIN, 1) is Verdict.REVOKED
    assert judge(JOIN, replace(token, uses_left=None, expires_at_ms=0), TokenKind.JOIN, 10**15) is Verdict.VALID


def test_who_has_not_the_secret_learns_nothing_of_the_token() -> None:
    revoked = replace(stored(), revoked_at_ms=5)
    assert judge(replace(JOIN, secret="x" * 43), revoked, TokenKind.JOIN, 1) is Verdict.UNKNOWN
    assert judge(JOIN, None, TokenKind.JOIN, 1) is Verdict.UNKNOWN


def test_a_token_of_one_kind_is_not_one_of_the_other() -> None:
    assert judge(API, stored(TokenKind.API), TokenKind.JOIN, 1) is Verdict.WRONG_KIND
    assert judge(JOIN, stored(), TokenKind.API, 1) is Verdict.WRONG_KIND
    assert judge(JOIN, stored(TokenKind.API), TokenKind.JOIN, 1) is Verdict.WRONG_KIND


@pytest.mark.parametrize("verdict", [verdict for verdict in Verdict if verdict is not Verdict.VALID])
@pytest.mark.parametrize("kind", list(TokenKind))
def test_every_refusal_has_a_reason_and_says_what_to_do(verdict: Verdict, kind: TokenKind) -> None:
    message, hint = refused_token(verdict, kind)
    assert REASONS[verdict]
    assert message
    assert f"sutra-grid-cli token create --kind {kind}" in hint


@pytest.mark.parametrize(
    ("pattern", "agent_id", "fits"),
    [
        ("*", "agent-1", True),
        ("*", "", True),
        ("agent-?", "agent-1", True),
        ("agent-?", "agent-12", False),
        ("agent-?", "agent-", False),
        ("eu-*-db", "eu-west-1-db", True),
        ("eu-*-db", "eu-west-1-dba", False),
        ("eu-*-db*", "eu-west-1-dba", True),
        ("a.c", "abc", False),
        ("agent-1", "agent-1", True),
        ("agent-1", "Agent-1", False),
        ("", "a", False),
    ],
)
def test_a_pattern_admits_agent_ids(pattern: str, agent_id: str, fits: bool) -> None:
    assert matches(pattern, agent_id) is fits


@given(st.text("ab*?", max_size=8), st.text("ab", max_size=8))
def test_patterns_mean_what_those_of_a_shell_mean(pattern: str, agent_id: str) -> None:
    from fnmatch import fnmatchcase

    assert matches(pattern, agent_id) is fnmatchcase(agent_id, pattern)


def test_a_pattern_made_to_be_slow_is_not() -> None:
    assert not matches("*a" * 64, "a" * 127 + "b")


def test_a_join_token_has_one_use_within_an_hour_unless_asked_otherwise() -> None:
    spec = check_spec("join", "", "", "", 0, 0)
    assert (spec.uses, spec.ttl_seconds, spec.agent_pattern, spec.role) == (1, DEFAULT_JOIN_SECONDS, "*", Role.AGENT)


@pytest.mark.parametrize(
    "wrong",
    [
        ("other", "", "", "", 0, 0),
        ("join", "admin", "", "", 0, 0),
        ("join", "", "", "a/b", 0, 0),
        ("join", "", "", "", 100_001, 0),
        ("join", "", "", "", 1, 91 * 86_400),
        ("join", "", "two words", "", 1, 0),
        ("api", "agent", "n", "", 0, 60),
        ("api", "", "n", "", 0, 60),
        ("api", "admin", "", "", 0, 60),
        ("api", "admin", "n", "", 0, 0),
        ("api", "admin", "n", "*", 0, 60),
        ("api", "admin", "n", "", 3, 60),
    ],
)
def test_what_no_token_can_be_is_refused(wrong: tuple[str, str, str, str, int, int]) -> None:
    with pytest.raises(InvalidArgument):
        check_spec(*wrong)


def test_a_token_of_the_api_is_for_people_who_have_a_name() -> None:
    assert check_spec("api", "viewer", "grafana", "", 0, 60).role is Role.VIEWER
