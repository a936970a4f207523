"""The options that every command takes, before or after the subcommand.

The group and each command carry the same parameters; the last one given wins, and
what was not given keeps the default. Reads the environment, prints nothing.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import click

from sutra_grid.cli.output.times import print_in_utc

OUTPUTS: Final = ("table", "wide", "json", "yaml", "name")
DEFAULT_MASTER: Final = "127.0.0.1:7000"
DEFAULT_TIMEOUT_SECONDS: Final = 60.0
MASTER_VARIABLE: Final = "SUTRA_GRID_MASTER"
TOKEN_VARIABLE: Final = "SUTRA_GRID_TOKEN"
CA_VARIABLE: Final = "SUTRA_GRID_TLS_CA"
CERT_VARIABLE: Final = "SUTRA_GRID_TLS_CERT"
KEY_VARIABLE: Final = "SUTRA_GRID_TLS_KEY"
UTC_VARIABLE: Final = "SUTRA_GRID_UTC"
#: What people of other tools type.
ALIASES: Final = {"ls": "list", "rm": "remove"}
DEV_DIRECTORY: Final = "sutra-grid-dev"
DEV_ADDRESS_FILE: Final = "master.address"
#: Beside it while the dev grid runs with TLS: the paths of CA, certificate and key, one a line.
DEV_TLS_FILE: Final = "master.tls"

_DEV_ADDRESS: Final = Path(DEV_DIRECTORY, DEV_ADDRESS_FILE)


@dataclass
class Options:
    """The values of the global options. ``master`` is empty unless it is given.

    ``timeout_seconds`` is for the whole command if it is given, else for each of the nodes and agents that it changes.
    """

    master: str = ""
    tls_ca: str = ""
    tls_cert: str = ""
    tls_key: str = ""
    output: str = "table"
    timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS
    timeout_given: bool = False
    no_color: bool = False
    environ: dict[str, str] = field(default_factory=lambda: dict(os.environ))

    def target(self) -> tuple[str, str]:
        """The master's ``host:port`` and, for messages, where it comes from.

        In this order: ``--master``, the environment, the dev grid that runs below the
        current directory, the default.
        """
        if self.master:
            return self.master, "--master"
        if from_environment := self.environ.get(MASTER_VARIABLE, ""):
            return from_environment, f"environment variable {MASTER_VARIABLE}"
        try:
            return _DEV_ADDRESS.read_text(encoding="utf-8").strip() or DEFAULT_MASTER, str(_DEV_ADDRESS)
        except (OSError, UnicodeDecodeError):
            return DEFAULT_MASTER, "default"

    def token(self) -> str:
        """The token to show; empty without one. It is no option, because others can read the arguments of a command."""
        return self.environ.get(TOKEN_VARIABLE, "").strip()

    def tls_paths(self) -> tuple[str, str, str]:
        """The files of CA, certificate and key, each as an option or the environment names it; else empty."""
        return (
            self.tls_ca or self.environ.get(CA_VARIABLE, ""),
            self.tls_cert or self.environ.get(CERT_VARIABLE, ""),
            self.tls_key or self.environ.get(KEY_VARIABLE, ""),
        )

    def dev_tls_paths(self) -> tuple[str, str, str]:
        """The same of the dev grid below the current directory if that is the target and has TLS; else empty."""
        if self.target()[1] != str(_DEV_ADDRESS):
            return "", "", ""
        try:
            ca, cert, key = Path(DEV_DIRECTORY, DEV_TLS_FILE).read_text(encoding="utf-8").splitlines()
        except (OSError, ValueError):  # without TLS, or a file of something else
            return "", "", ""
        return ca, cert, key

    def utc(self) -> bool:
        """Whether the environment asks for times in UTC."""
        return self.environ.get(UTC_VARIABLE, "").lower() not in ("", "0", "false", "no", "off")

    def colored(self) -> bool:
        """Whether stdout is coloured."""
        from sutra_grid.cli.output.colors import colors_wanted

        return colors_wanted(self.no_color)


def options_of(ctx: click.Context) -> Options:
    """The one ``Options`` of this invocation."""
    options: Options = ctx.ensure_object(Options)
    return options


def _store_seconds(ctx: click.Context, param: click.Parameter, value: float | None) -> None:
    """Keep a positive number of seconds."""
    if value is not None and not 0 < value < float("inf"):
        raise click.BadParameter(f"{value:g} is not a positive number of seconds.", ctx, param)
    _store(ctx, param, value)
    options_of(ctx).timeout_given |= value is not None


def _choose_zone(_ctx: click.Context, _param: click.Parameter, value: bool | None) -> None:
    """Print times in UTC; an option that is not given changes nothing."""
    if value is not None:
        print_in_utc(value)


def _store(ctx: click.Context, param: click.Parameter, value: Any) -> None:
    """Keep a value that is given; an option that is not given changes nothing."""
    if value is not None:
        setattr(options_of(ctx), str(param.name), value)


class GlobalOption(click.Option):
    """An option of all commands; help shows it in a section of its own."""


def _global_options() -> list[click.Parameter]:
    def option(*names: str, **settings: Any) -> GlobalOption:
        return GlobalOption(names, expose_value=False, **{"callback": _store, "default": None, **settings})

    return [
        option(
            "--master",
            metavar="HOST:PORT",
            help=f"The master's address. [default: {MASTER_VARIABLE}, a dev grid here, or {DEFAULT_MASTER}]",
        ),
        option("--tls-ca", metavar="FILE", help=f"CA of a grid with TLS, ca.pem; or the variable {CA_VARIABLE}."),
        option("--tls-cert", metavar="FILE", help=f"Certificate to show to the master; or {CERT_VARIABLE}."),
        option("--tls-key", metavar="FILE", help=f"Key of that certificate; or {KEY_VARIABLE}."),
        option("-o", "--output", type=click.Choice(OUTPUTS), help="Format of the output. [default: table]"),
        option(
            "--timeout",
            "timeout_seconds",
            type=float,
            callback=_store_seconds,
            metavar="SECONDS",
            help=f"How long the whole command may take. [default: {DEFAULT_TIMEOUT_SECONDS:g}, for each of many]",
        ),
        option(
            "--no-color", is_flag=True, flag_value=True, help="Print no colours; the variable NO_COLOR does the same."
        ),
        option(
            "--utc",
            is_flag=True,
            flag_value=True,
            is_eager=True,
            callback=_choose_zone,
            help=f"Print times in UTC, otherwise local; the variable {UTC_VARIABLE}=1 does the same.",
        ),
    ]


class GridCommand(click.Command):
    """A command that takes the global options too."""

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.params.extend(_global_options())

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The command's own options first, the global ones below."""
        own = [
            record
            for p in self.get_params(ctx)
            if not isinstance(p, GlobalOption) and (record := p.get_help_record(ctx))
        ]
        everywhere = [record for p in self.params if isinstance(p, GlobalOption) and (record := p.get_help_record(ctx))]
        for title, records in (("Options", own), ("Global options", everywhere)):
            if records:
                with formatter.section(title):
                    formatter.write_dl(records)


class GridGroup(GridCommand, click.Group):
    """A group whose options and commands are all ``GridCommand``s."""

    command_class = GridCommand
    group_class = type

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of a name or of an alias."""
        return super().get_command(ctx, cmd_name) or super().get_command(ctx, ALIASES.get(cmd_name, ""))

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The commands with their aliases."""
        alias_of = {name: alias for alias, name in ALIASES.items()}
        shown = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        rows = [
            (f"{name}, {alias_of[name]}" if name in alias_of else name, command.get_short_help_str(formatter.width))
            for name, command in shown
            if command is not None and not command.hidden
        ]
        with formatter.section("Commands"):
            formatter.write_dl(rows)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The options, then the commands."""
        GridCommand.format_options(self, ctx, formatter)
        self.format_commands(ctx, formatter)
