"""``user``: list, add and remove users of the pages, and change their passwords."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import click

from sutra_grid.cli.client import connect
from sutra_grid.cli.commands.options import confirm_or_refuse, yes_option
from sutra_grid.cli.context import GridGroup, options_of
from sutra_grid.cli.output.printer import Listing, emit, list_text, one_text
from sutra_grid.cli.output.table import Column
from sutra_grid.cli.output.times import clock_time
from sutra_grid.client import users as user_calls
from sutra_grid.core.access.identity import PEOPLE
from sutra_grid.core.access.users import MAX_PASSWORD_BYTES, check_password, check_user
from sutra_grid.core.age import age
from sutra_grid.wire import access_pb2 as pb

user_name = click.argument("name", metavar="NAME")
password_option = click.option(
    "--password-stdin", "from_stdin", is_flag=True, help="Read the password from the first line of standard input."
)


def _columns(now_ms: int) -> Sequence[Column[pb.User]]:
    return [
        Column("USER", lambda user: user.name),
        Column("ROLE", lambda user: user.role),
        Column("ADDED", lambda user: age(user.created_at_ms, now_ms)),
        Column("PASSWORD CHANGED", lambda user: age(user.password_changed_at_ms, now_ms)),
        Column("BY", lambda user: user.created_by, wide=True),
        Column("ADDED AT", lambda user: clock_time(user.created_at_ms), wide=True),
    ]


USERS: Final[Listing[pb.User]] = Listing(
    "users",
    _columns,
    lambda user: user.name,
    "No users. Add one with: sutra-grid-cli user add NAME --role admin",
    "No user matches.",
)


@click.group(cls=GridGroup)
def user() -> None:
    """Add, list and remove the users who log in to the pages, and change their passwords.

    Roles: a viewer reads, an operator changes nodes and agents, an admin also manages
    users, tokens and certificates. Passwords have at least 12 characters. They are asked
    for on the terminal, and never given as an argument.
    """


@user.command()
@user_name
@click.option("--role", type=click.Choice([role.value for role in PEOPLE]), required=True, help="What the user may do.")
@password_option
@click.pass_context
def add(ctx: click.Context, name: str, role: str, from_stdin: bool) -> None:
    """Add a user. Asks for the password twice."""
    options = options_of(ctx)
    check_user(name, role)
    password = _new_password(name, from_stdin)
    with connect(options) as client:
        added = user_calls.add_user(client, name, role, password)
    emit(one_text(options, added, name, lambda _colored: f"user {name} is added with the role {added.role}"))


@user.command("list")
@click.pass_context
def list_users(ctx: click.Context) -> None:
    """List all users."""
    options = options_of(ctx)
    with connect(options) as client:
        emit(list_text(options, USERS, user_calls.list_users(client)))


@user.command()
@user_name
@password_option
@click.pass_context
def password(ctx: click.Context, name: str, from_stdin: bool) -> None:
    """Change a user's password. Asks for it twice, and ends all logins of the user."""
    options = options_of(ctx)
    chosen = _new_password(name, from_stdin)
    with connect(options) as client:
        changed = user_calls.set_password(client, name, chosen)
    text = f"the password of {name} is changed, and all logins of {name} have ended"
    emit(one_text(options, changed, name, lambda _colored: text))


@user.command()
@user_name
@yes_option
@click.pass_context
def remove(ctx: click.Context, name: str, yes: bool) -> None:
    """Remove a user, and end all logins of the user."""
    options = options_of(ctx)
    confirm_or_refuse(f"Remove user {name}?", yes=yes)
    with connect(options) as client:
        user_calls.remove_user(client, name)
    emit(one_text(options, pb.User(name=name), name, lambda _colored: f"user {name} is removed"))


def _new_password(name: str, from_stdin: bool) -> str:
    """The password, asked for twice on a terminal or read from standard input. Raises ``InvalidArgument``."""
    import sys

    if from_stdin:
        given = sys.stdin.readline(MAX_PASSWORD_BYTES + 2).rstrip("\r\n")
    elif sys.stdin.isatty() and sys.stderr.isatty():
        given = click.prompt(f"Password for {name}", hide_input=True, err=True)
        check_password(name, given)
        if given != click.prompt("The same again", hide_input=True, err=True):
            raise click.UsageError("the two passwords differ. Run the command again.")
    else:
        raise click.UsageError("there is no terminal to ask for the password. Use --password-stdin.")
    check_password(name, given)
    return given
