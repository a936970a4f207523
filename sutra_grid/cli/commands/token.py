"""``token``: create, list and revoke tokens for joining and for the API."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import click

from sutra_grid.cli.client import connect
from sutra_grid.cli.commands.each import Many, for_each
from sutra_grid.cli.commands.spans import SPAN
from sutra_grid.cli.context import GridGroup, Options, options_of
from sutra_grid.cli.output.formats import message_to_dict, to_json, to_yaml
from sutra_grid.cli.output.printer import Listing, emit, list_text
from sutra_grid.cli.output.table import Column
from sutra_grid.cli.output.times import clock_time
from sutra_grid.client import credentials
from sutra_grid.core.access.identity import PEOPLE
from sutra_grid.core.access.tokens import TokenKind
from sutra_grid.core.age import age, duration
from sutra_grid.wire import access_pb2 as pb

KINDS: Final = [str(kind) for kind in TokenKind]
ROLES: Final = [str(role) for role in PEOPLE]


@click.group(cls=GridGroup)
def token() -> None:
    """Create, list and revoke tokens.

    A token of kind join lets hosts join as agents. One of kind api stands for a person or
    a program: in the variable SUTRA_GRID_TOKEN, or kept by 'sutra-grid-cli login'.
    """


@token.command()
@click.option(
    "--kind", type=click.Choice([str(kind) for kind in TokenKind]), required=True, help="What the token is good for."
)
@click.option("--role", type=click.Choice(ROLES), help="What its holder may do, for kind api.")
@click.option("--name", metavar="NAME", default="", help="Whose it is; events show it. Kind api needs one.")
@click.option(
    "--ttl",
    "ttl_seconds",
    type=SPAN,
    metavar="TIME",
    default=None,
    help="How long it is valid, such as 30m, 12h or 90d. [default: 1h for kind join]",
)
@click.option("--uses", type=click.IntRange(1), metavar="N", help="How many agents may join with it. [default: 1]")
@click.option("--agent-id", "pattern", metavar="PATTERN", default="",
              help="The agent ids that may join; * and ? match. [default: *]")  # fmt: skip
@click.pass_context
def create(
    ctx: click.Context,
    kind: str,
    role: str | None,
    name: str,
    ttl_seconds: int | None,
    uses: int | None,
    pattern: str,
) -> None:
    """Create a token and print it once. Only its hash is stored.

    With -o name the token stands alone on standard output.
    """
    options = options_of(ctx)
    request = pb.CreateTokenRequest(
        kind=kind, role=role or "", name=name, agent_pattern=pattern, uses=uses or 0, ttl_seconds=ttl_seconds or 0
    )
    with connect(options) as client:
        made = credentials.create_token(client, request)
    emit(_created_text(options, made))


@token.command("list")
@click.pass_context
def list_tokens(ctx: click.Context) -> None:
    """List all tokens, without their secrets. They are listed until 90 days after their end."""
    options = options_of(ctx)
    with connect(options) as client:
        found = credentials.list_tokens(client)
    emit(list_text(options, TOKENS, found))


@token.command()
@click.argument("token_ids", metavar="ID...", nargs=-1, required=True)
@click.pass_context
def revoke(ctx: click.Context, token_ids: tuple[str, ...]) -> None:
    """Revoke tokens at once. Agents that have joined with one stay: 'sutra-grid-cli tls revoke' is for them."""
    options = options_of(ctx)
    revoked: list[pb.Token] = []
    people = options.output in ("table", "wide")
    with connect(options) as client:

        def revoke_one(token_id: str) -> None:
            revoked.append(credentials.revoke_token(client, token_id))
            if people:
                emit(f"token {token_id} revoked")

        try:
            for_each(options, token_ids, revoke_one, many=Many("tokens", "revoked"))
        finally:
            if revoked and not people:
                emit(list_text(options, TOKENS, revoked))


def _created_text(options: Options, made: pb.CreateTokenResponse) -> str:
    match options.output:
        case "json":
            return to_json(message_to_dict(made))
        case "yaml":
            return to_yaml(message_to_dict(made))
        case "name":
            return made.secret
    return "\n".join([made.secret, "", *_notes(made.token)])


def _notes(made: pb.Token) -> list[str]:
    ends = f"until {clock_time(made.expires_at_ms)} (for {_span(made)})"
    keep = "It is secret, and is printed only now."
    if made.kind == TokenKind.JOIN:
        uses = "one agent" if made.uses == 1 else f"{made.uses} agents"
        ids = "" if made.agent_pattern == "*" else f" with ids like {made.agent_pattern}"
        return [
            f"Token {made.token_id}: {uses}{ids} may join with it {ends}.",
            keep,
            "On the host of the agent: sutra-grid-agent join MASTER:7002 TOKEN",
        ]
    return [
        f"Token {made.token_id} of {made.name}, role {made.role}, is valid {ends}.",
        keep,
        "Use it with the variable SUTRA_GRID_TOKEN, or keep it with: sutra-grid-cli login",
    ]


def _span(made: pb.Token) -> str:
    return duration((made.expires_at_ms - made.created_at_ms) / 1000)


def _uses(made: pb.Token) -> str:
    return f"{made.uses_left}/{made.uses}" if made.kind == TokenKind.JOIN else ""


def _columns(now_ms: int) -> Sequence[Column[pb.Token]]:
    return [
        Column("TOKEN", lambda t: t.token_id),
        Column("KIND", lambda t: t.kind),
        Column("STATUS", lambda t: t.status),
        Column("ROLE", lambda t: t.role),
        Column("FOR", lambda t: t.name or t.agent_pattern, cut="middle", min_width=10),
        Column("LEFT", _uses),
        Column("EXPIRES", lambda t: clock_time(t.expires_at_ms) if t.expires_at_ms else "never"),
        Column("USED", lambda t: age(t.last_used_at_ms, now_ms) if t.last_used_at_ms else ""),
        Column("AGENTS", lambda t: t.agent_pattern, wide=True),
        Column("CREATED", lambda t: clock_time(t.created_at_ms), wide=True),
        Column("BY", lambda t: t.created_by, wide=True),
    ]


TOKENS: Final[Listing[pb.Token]] = Listing(
    "tokens",
    _columns,
    lambda made: made.token_id,
    "No tokens. Create one with: sutra-grid-cli token create --kind join",
    "No token matches.",
)
