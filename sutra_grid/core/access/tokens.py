"""Tokens: their text, which agents a join token admits, and whether one is accepted at a moment.

A token is ``sgt_ID_SECRET`` for the API, and ``sgj_ID_SECRET_CADIGEST`` for joining. ID is public: it names the token
in lists. SECRET are 32 random bytes as base64url; only their SHA-256 is stored. CADIGEST is the SHA-256 of the grid's
certificate authority, by which a host that joins knows the right master before it sends the secret.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from sutra_grid.core.access.identity import PEOPLE, Role
from sutra_grid.core.errors import InvalidArgument
from sutra_grid.core.types import Reason

ID_BYTES: Final = 4
SECRET_BYTES: Final = 32
MAX_PATTERN: Final = 128
MAX_TOKEN_NAME: Final = 64
MAX_USES: Final = 100_000
DEFAULT_JOIN_SECONDS: Final = 3600
MAX_JOIN_SECONDS: Final = 90 * 86_400
"""A join token that is valid for longer is a way in that everybody has forgotten."""
ANY_AGENT: Final = "*"

_TEXT: Final = re.compile(r"(sg[tj])_([0-9a-f]{8})_([A-Za-z0-9_-]{43})(?:_([0-9a-f]{64}))?")
_PATTERN: Final = re.compile(r"[A-Za-z0-9._*?-]{1,128}")
_TOKEN_NAME: Final = re.compile(r"[A-Za-z0-9._@-]{1,64}")


class TokenKind(StrEnum):
    """What a token is good for."""

    JOIN = "join"
    API = "api"


class Verdict(StrEnum):
    """Whether a token is accepted, or why not."""

    VALID = "valid"
    EXPIRED = "expired"
    USED_UP = "used_up"
    REVOKED = "revoked"
    UNKNOWN = "unknown"
    WRONG_KIND = "wrong_kind"


_PREFIXES: Final = {TokenKind.API: "sgt", TokenKind.JOIN: "sgj"}
_KINDS: Final = {prefix: kind for kind, prefix in _PREFIXES.items()}

REASONS: Final[dict[Verdict, Reason]] = {
    Verdict.EXPIRED: Reason.TOKEN_EXPIRED,
    Verdict.USED_UP: Reason.TOKEN_USED_UP,
    Verdict.REVOKED: Reason.TOKEN_REVOKED,
    Verdict.UNKNOWN: Reason.UNKNOWN_TOKEN,
    Verdict.WRONG_KIND: Reason.WRONG_TOKEN_KIND,
}


@dataclass(frozen=True, slots=True)
class TokenText:
    """A token as people hand it on. ``ca_digest`` is empty for one of the API."""

    kind: TokenKind
    token_id: str
    secret: str = field(repr=False)
    ca_digest: str = ""

    @property
    def text(self) -> str:
        """The whole text, which is a secret."""
        parts = [_PREFIXES[self.kind], self.token_id, self.secret, *([self.ca_digest] if self.ca_digest else [])]
        return "_".join(parts)

    def __str__(self) -> str:
        return f"token {self.token_id}"


@dataclass(frozen=True, slots=True)
class Token:
    """A token as the registry holds it. Times are 0 for never; ``uses_left`` is None without a limit."""

    token_id: str
    kind: TokenKind
    secret_hash: str = field(repr=False)
    role: Role | None = None
    name: str = ""
    agent_pattern: str = ""
    uses_left: int | None = None
    uses: int = 0
    created_at_ms: int = 0
    created_by: str = ""
    expires_at_ms: int = 0
    revoked_at_ms: int = 0
    revoked_by: str = ""
    last_used_at_ms: int = 0

    def status(self, at_ms: int) -> Verdict:
        """What is shown of it at a moment."""
        if self.revoked_at_ms:
            return Verdict.REVOKED
        if self.uses_left == 0:
            return Verdict.USED_UP
        return Verdict.EXPIRED if self.expires_at_ms and at_ms >= self.expires_at_ms else Verdict.VALID


def parse_token(text: str) -> TokenText:
    """The parts of a token. Raises ``InvalidArgument``, which never repeats the text."""
    found = _TEXT.fullmatch(text.strip())
    kind = _KINDS[found[1]] if found else None
    if found is None or kind is None or (kind is TokenKind.JOIN) is not bool(found[4]):
        raise InvalidArgument(
            f"this is not a whole token: {_what_is_wrong(text)}",
            reason=Reason.INVALID_ARGUMENT,
            hint="Copy the whole line that 'sutra-grid-cli token create' printed",
        )
    return TokenText(kind, found[2], found[3], found[4] or "")


def hash_secret(secret: str) -> str:
    """What is stored of a secret. It has 256 random bits, so a fast hash is enough."""
    return hashlib.sha256(secret.encode()).hexdigest()


def judge(given: TokenText, token: Token | None, kind: TokenKind, at_ms: int) -> Verdict:
    """Whether ``given`` is accepted as a token of ``kind``. Only who has the secret learns more than ``UNKNOWN``."""
    if given.kind is not kind:
        return Verdict.WRONG_KIND
    if token is None or not hmac.compare_digest(hash_secret(given.secret), token.secret_hash):
        return Verdict.UNKNOWN
    return token.status(at_ms) if token.kind is kind else Verdict.WRONG_KIND


def refused_token(verdict: Verdict, kind: TokenKind) -> tuple[str, str]:
    """The message and the hint for a token that is not accepted."""
    new = f"Create another one: 'sutra-grid-cli token create --kind {kind}'"
    match verdict:
        case Verdict.EXPIRED:
            return "the token has expired", new
        case Verdict.USED_UP:
            return "the token has no uses left", f"{new}, with --uses for several agents"
        case Verdict.REVOKED:
            return "the token was revoked", new
        case Verdict.WRONG_KIND:
            other = TokenKind.API if kind is TokenKind.JOIN else TokenKind.JOIN
            return f"this is a token of kind {other}, and one of kind {kind} is needed", new
    return "this grid does not know the token", f"Check that it is a token of this grid, and copy all of it. {new}"


def matches(pattern: str, agent_id: str) -> bool:
    """Whether ``pattern`` admits an agent id. ``*`` stands for any text, ``?`` for one character."""
    at = start = 0
    star, after_star = -1, 0
    while at < len(agent_id):
        if start < len(pattern) and pattern[start] == "*":
            star, after_star = start, at
            start += 1
        elif start < len(pattern) and pattern[start] in ("?", agent_id[at]):
            at, start = at + 1, start + 1
        elif star >= 0:  # let the last star stand for one character more
            after_star += 1
            at, start = after_star, star + 1
        else:
            return False
    return not pattern[start:].strip("*")


@dataclass(frozen=True, slots=True)
class TokenSpec:
    """What a new token is to be; checked by ``check_spec``."""

    kind: TokenKind
    role: Role | None
    name: str
    agent_pattern: str
    uses: int
    ttl_seconds: int


def check_spec(kind: str, role: str, name: str, agent_pattern: str, uses: int, ttl_seconds: int) -> TokenSpec:
    """The specification of a token that somebody asks for, with its defaults. Raises ``InvalidArgument``."""
    if kind not in set(TokenKind):
        raise _invalid(f"invalid kind of token {kind!r}", "Use join or api")
    if name and not _TOKEN_NAME.fullmatch(name):
        raise _invalid(
            f"invalid name {name!r} of a token",
            f"Use 1 to {MAX_TOKEN_NAME} letters, digits, dots, hyphens, underscores and @",
        )
    if TokenKind(kind) is TokenKind.JOIN:
        return _join_spec(role, name, agent_pattern or ANY_AGENT, uses or 1, ttl_seconds or DEFAULT_JOIN_SECONDS)
    if role not in set(PEOPLE):
        raise _invalid(f"invalid role {role!r} of a token", f"Use one of: {', '.join(PEOPLE)}")
    if agent_pattern or uses:
        raise _invalid("a token of kind api has no agent ids and no number of uses", "Leave --agent-id and --uses out")
    if not name:
        raise _invalid("a token of kind api needs a name, which events and lists show", "Give it with --name")
    if ttl_seconds <= 0:
        raise _invalid("a token of kind api needs an expiry", "Give it with --ttl, such as --ttl 90d")
    return TokenSpec(TokenKind.API, Role(role), name, "", 0, ttl_seconds)


def _join_spec(role: str, name: str, agent_pattern: str, uses: int, ttl_seconds: int) -> TokenSpec:
    if role not in ("", Role.AGENT):
        raise _invalid(f"a join token is for agents, not for the role {role!r}", "Leave --role out")
    if not _PATTERN.fullmatch(agent_pattern):
        raise _invalid(
            f"invalid pattern {agent_pattern!r} for agent ids",
            f"Use at most {MAX_PATTERN} letters, digits, dots, hyphens, underscores, and * and ? as wildcards",
        )
    if uses > MAX_USES:
        raise _invalid(f"{uses} uses of a token", f"Use at most {MAX_USES}")
    if not 0 < ttl_seconds <= MAX_JOIN_SECONDS:
        raise _invalid(
            f"a join token can't be valid for {ttl_seconds} seconds", f"Use at most {MAX_JOIN_SECONDS // 86_400} days"
        )
    return TokenSpec(TokenKind.JOIN, Role.AGENT, name, agent_pattern, uses, ttl_seconds)


def _what_is_wrong(text: str) -> str:
    text = text.strip()
    if not text:
        return "it is empty"
    if text[:4] not in ("sgt_", "sgj_"):
        return "it begins neither with 'sgt_' nor with 'sgj_'"
    return f"it has {len(text)} characters, and {'56' if text.startswith('sgt_') else '121'} are expected"


def _invalid(message: str, hint: str) -> InvalidArgument:
    return InvalidArgument(message, reason=Reason.INVALID_ARGUMENT, hint=hint)
