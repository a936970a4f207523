"""``config check``: checks configuration files with the daemons that read them.

The schemas belong to the roles, which do not import each other. So the command runs the daemon
with ``--check-config``.
"""

from __future__ import annotations

import subprocess
import tomllib
from pathlib import Path
from typing import Final

import click

from sutra_grid.cli.commands.each import Many, for_each
from sutra_grid.cli.context import GridGroup, options_of
from sutra_grid.cli.exit_codes import ExitCode
from sutra_grid.cli.scripts import daemon_command
from sutra_grid.core.errors import DeadlineExceeded, Internal, InvalidArgument
from sutra_grid.core.types import Reason

ROLES: Final = ("master", "agent", "admin")


@click.group(cls=GridGroup)
def config() -> None:
    """Check configuration files."""


@config.command()
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--role", type=click.Choice(ROLES), default=None, help="The daemon that reads the file. [default: by its sections]"
)
@click.pass_context
def check(ctx: click.Context, files: tuple[Path, ...], role: str | None) -> None:
    """Check files as the daemon does at its start, and print all faults. Exit code 2 for an invalid file."""
    options = options_of(ctx)

    def check_one(name: str) -> None:
        file = Path(name)
        whose = role or role_of(file)
        warnings = _ask_daemon(whose, file, options.timeout_seconds)
        if warnings:
            click.echo(warnings, err=True)
        click.echo(f"{file}: valid for the {whose}")

    for_each(options, [str(file) for file in files], check_one, many=Many("files", "valid"))


def _ask_daemon(role: str, file: Path, timeout_seconds: float) -> str:
    """The warnings of the daemon. Raises InvalidArgument with the daemon's own message if the file is invalid."""
    command = [*daemon_command(role), "--config", str(file), "--check-config"]
    try:
        result = subprocess.run(
            command, check=False, text=True, errors="replace", capture_output=True, timeout=timeout_seconds
        )
    except subprocess.TimeoutExpired as error:
        raise DeadlineExceeded(
            f"the {role} did not finish checking {file} in {timeout_seconds:g} s",
            reason=Reason.TIMED_OUT,
            hint="Allow more time with --timeout SECONDS",
        ) from error
    if result.returncode == ExitCode.DONE:
        return result.stderr.strip()
    kind = InvalidArgument if result.returncode == ExitCode.USAGE else Internal
    raise kind(result.stderr.strip() or f"the {role} ended with exit code {result.returncode}", reason=Reason.NONE)


def role_of(file: Path) -> str:
    """The daemon whose section the file has. Raises InvalidArgument when there is none or more than one."""
    try:
        sections = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidArgument(
            f"{file} can't be read: {error.strerror}",
            reason=Reason.INVALID_ARGUMENT,
            hint="Check the path and its permissions",
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidArgument(
            f"{file} is not TOML: {error}",
            reason=Reason.INVALID_ARGUMENT,
            hint="Correct the file; https://toml.io describes the format",
        ) from error
    found = [role for role in ROLES if role in sections]
    if len(found) == 1:
        return found[0]
    what = f"has the sections of {' and '.join(found)}" if found else f"has none of the sections {', '.join(ROLES)}"
    raise InvalidArgument(
        f"{file} {what}",
        reason=Reason.INVALID_ARGUMENT,
        hint="Name the daemon with --role master, --role agent or --role admin",
    )
