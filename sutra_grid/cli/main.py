"""The entry point: lists the commands, and maps every result to an exit code.

Loads nothing but click: gRPC, rich and yaml are imported by the commands that need
them, when they run, so that ``--help`` and completion answer at once.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence
from typing import Final, NamedTuple

import click

from sutra_grid import __version__
from sutra_grid.cli.context import GridGroup, Options
from sutra_grid.cli.exit_codes import ExitCode, exit_code
from sutra_grid.cli.output.times import print_in_utc
from sutra_grid.core.errors import GridError, Internal
from sutra_grid.core.types import Reason
from sutra_grid.runtime.standard_output import OutputClosed, OutputFailed, failure_was_told, flush_output, run_program

PROGRAM: Final = "sutra-grid-cli"


class Lazy(NamedTuple):
    """The module of a command and its line in the help, so that the help needs no import."""

    module: str
    attribute: str
    help: str


COMMANDS: Final[dict[str, Lazy]] = {
    "status": Lazy("status", "status", "Show the status of the whole grid."),
    "agents": Lazy("agents", "agents", "List, show, drain and remove agents."),
    "nodes": Lazy("nodes", "nodes", "List, spawn, stop and explain storage nodes."),
    "events": Lazy("events", "events", "Show what happened, when and why."),
    "tls": Lazy("tls", "tls", "Make certificates, look at them, and revoke them."),
    "token": Lazy("token", "token", "Create and revoke tokens for joining and for the API."),
    "whoami": Lazy("login", "whoami", "Show who you are to the master."),
    "login": Lazy("login", "login", "Keep an API token for a master."),
    "logout": Lazy("login", "logout", "Forget the token for a master."),
    "user": Lazy("user", "user", "Add and remove users of the pages."),
    "dev": Lazy("dev", "dev", "Run a whole grid on this machine."),
    "config": Lazy("config", "config", "Check configuration files."),
    "debug": Lazy("debug", "debug", "Collect data to diagnose a problem."),
    "completion": Lazy("completion", "completion", "Print the completion script of a shell."),
}


class LazyGroup(GridGroup):
    """Imports a command's module when the command is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names, in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the module of ``cmd_name``."""
        lazy = COMMANDS.get(cmd_name)
        if lazy is None:
            return None
        module = importlib.import_module(f"sutra_grid.cli.commands.{lazy.module}")
        command: click.Command = getattr(module, lazy.attribute)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Resolve as click does, and suggest a similar command without importing anything."""
        name = args[0]
        if name not in COMMANDS and not name.startswith("-"):
            import difflib

            near = difflib.get_close_matches(name, COMMANDS, n=1)
            suggestion = f" Did you mean '{near[0]}'?" if near else ""
            ctx.fail(f"No such command '{name}'.{suggestion}")
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> object:
        """Run the command. Ctrl-C ends it with the exit code that shells use, and the lines that it was raised with."""
        try:
            answer: object = super().invoke(ctx)
        except KeyboardInterrupt as interrupt:
            if sys.stderr.isatty():
                click.echo(err=True)  # the next prompt does not belong behind ^C
            for line in interrupt.args:
                click.echo(line, err=True)
            raise click.exceptions.Exit(ExitCode.INTERRUPTED) from None
        return answer

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The help lines of the table."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, lazy.help) for name, lazy in COMMANDS.items()])


@click.group(
    cls=LazyGroup, name=PROGRAM, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(__version__, prog_name=PROGRAM, message="%(prog)s %(version)s")
def cli() -> None:
    """Show and change the agents and storage nodes of a Sutra Grid.

    It calls the master over gRPC. Exit codes: 0 done, 1 failed, 2 usage, 3 not found,
    4 unreachable or timed out, 5 denied.
    """


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code. Errors are printed to stderr."""
    # Keep gRPC's own log lines out of the output. The variable is read when grpc is imported.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    options = Options()
    print_in_utc(options.utc())
    try:
        status = _invoke(None if arguments is None else list(arguments), options)
        flush_output()
    except click.ClickException as error:
        _print_usage_error(error)
        return ExitCode.USAGE
    except click.Abort:  # Ctrl-C at a question
        return ExitCode.INTERRUPTED
    except OutputClosed:
        return ExitCode.BROKEN_PIPE
    except OutputFailed as error:
        from sutra_grid.cli.output.errors import print_error

        print_error(Internal(str(error), reason=Reason.NONE), options.output)
        failure_was_told()
        return ExitCode.FAILED
    except GridError as error:
        from sutra_grid.cli.output.errors import print_error

        print_error(error, options.output)
        return exit_code(error)
    return status if isinstance(status, int) else ExitCode.DONE


def _invoke(arguments: list[str] | None, options: Options) -> object:
    """Run the command. Raises ``UsageError`` for an argument with bytes that are no text in this locale."""
    try:
        return cli.main(args=arguments, obj=options, prog_name=PROGRAM, standalone_mode=False)
    except UnicodeEncodeError as error:  # never of output, which replaces characters
        raise click.UsageError(
            f"the argument {error.object!a} is no text in this terminal's encoding. "
            "Use a UTF-8 locale, for example LC_ALL=C.UTF-8"
        ) from error


def _print_usage_error(error: click.ClickException) -> None:
    """Print a usage error in the form of all errors, with the help command as its hint."""
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        click.echo(error.format_message(), err=True)
        return
    click.echo(f"error: {error.format_message()}", err=True)
    if isinstance(error, click.UsageError) and error.ctx is not None:
        click.echo(f"hint: {error.ctx.command_path} --help", err=True)


def main() -> None:
    """Console script ``sutra-grid-cli``."""
    sys.exit(run_program(PROGRAM, run))


if __name__ == "__main__":
    main()
