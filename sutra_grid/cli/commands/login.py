"""``login``, ``logout`` and ``whoami``: the token that the command line shows to a master."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import click

from sutra_grid.cli.client import Credentials, connect, make_client, master_address
from sutra_grid.cli.context import TOKEN_VARIABLE, GridCommand, options_of
from sutra_grid.cli.login_file import Login, remove_login, save_login
from sutra_grid.cli.output.printer import emit, one_text
from sutra_grid.cli.output.times import clock_time
from sutra_grid.client.credentials import who_am_i
from sutra_grid.core.access.principal import PrincipalKind
from sutra_grid.core.access.tokens import TokenKind, parse_token
from sutra_grid.core.errors import Unauthenticated
from sutra_grid.core.types import Reason
from sutra_grid.wire import access_pb2 as pb


@click.command(cls=GridCommand)
@click.option("--token-stdin", "from_stdin", is_flag=True, help="Read the token from the first line of standard input.")
@click.pass_context
def login(ctx: click.Context, from_stdin: bool) -> None:
    """Keep an API token for a master, after the master has accepted it.

    The token is asked for on the terminal, or taken from SUTRA_GRID_TOKEN. It is written to
    a file that only you can read, and shown to this master alone. A grid with TLS also needs
    --tls-ca, which is kept with it.
    """
    options = options_of(ctx)
    given = parse_token(_ask(from_stdin, options.token()))
    if given.kind is not TokenKind.API:
        raise click.UsageError(
            "this token is for joining. Create one with: sutra-grid-cli token create --kind api --role ROLE --name NAME"
        )
    target, source = options.target()
    asked = replace(options, environ={**options.environ, TOKEN_VARIABLE: given.text})
    with make_client(target, source, options.timeout_seconds, Credentials.of(asked)) as client:
        caller = who_am_i(client)
    if caller.kind != PrincipalKind.TOKEN:
        raise Unauthenticated(
            f"the master at {master_address(options)} did not use the token; to it, you are {_who(caller)}",
            reason=Reason.UNAUTHENTICATED,
            hint="Use the master's port for tokens (7002 by default): --master HOST:7002",
        )
    ca = options.tls_paths()[0] or options.dev_tls_paths()[0]
    path = save_login(
        options.environ, master_address(options), Login(given.text, str(Path(ca).absolute()) if ca else "")
    )
    emit(f"logged in to {master_address(options)} as {_who(caller)}; the token is kept in {path}")


@click.command(cls=GridCommand)
@click.pass_context
def logout(ctx: click.Context) -> None:
    """Forget the token for a master. The token itself stays valid until it expires or is revoked."""
    options = options_of(ctx)
    address = master_address(options)
    if remove_login(options.environ, address):
        emit(f"logged out of {address}. To end the token too: sutra-grid-cli token revoke ID")
    else:
        emit(f"not logged in to {address}")


@click.command(cls=GridCommand)
@click.pass_context
def whoami(ctx: click.Context) -> None:
    """Show who you are to the master: your certificate or token, and its role."""
    options = options_of(ctx)
    with connect(options) as client:
        caller = who_am_i(client)
    emit(one_text(options, caller, caller.name or caller.kind, lambda colored: _describe(caller)))


def _ask(from_stdin: bool, from_environment: str) -> str:
    if from_stdin:
        return sys.stdin.readline()
    if from_environment:
        return from_environment
    if not sys.stdin.isatty():
        raise click.UsageError("there is no terminal to ask for the token. Give it with --token-stdin.")
    answer: str = click.prompt("Token", hide_input=True, err=True)
    return answer


def _who(caller: pb.Caller) -> str:
    if caller.kind == PrincipalKind.LOCAL:
        return "this machine, with the role admin (no TLS)"
    name = f"{caller.kind} {caller.name}" if caller.name else caller.kind
    return f"{name} with the role {caller.role}" if caller.role else f"{name} without a role"


def _describe(caller: pb.Caller) -> str:
    rows = [
        ("You are", _who(caller)),
        ("Address", caller.address or "-"),
        ("Grid", caller.grid or "- (no TLS)"),
        *([("Expires", clock_time(caller.expires_at_ms))] if caller.expires_at_ms else []),
    ]
    if caller.insecure:
        rows.append(("Warning", "the master listens without TLS on an address that others reach"))
    return "\n".join(f"{title:<10}{value}" for title, value in rows)
