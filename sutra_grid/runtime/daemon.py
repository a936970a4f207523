"""The command of a daemon: flags, configuration, logging, exit codes.

    main = daemon_command(
        "sutra-grid-master", help="…", schema=SCHEMA, run=run, flags=[Flag("--listen", "master.listen")]
    )

``run`` imports its heavy modules itself, so that ``--help``, ``--version`` and
``--check-config`` are fast.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NoReturn

import click

from sutra_grid import __version__
from sutra_grid.core.errors import GridError
from sutra_grid.runtime import hangup
from sutra_grid.runtime.config import Config, ConfigError, Fault, Key, Schema, Section, load
from sutra_grid.runtime.descriptors import raise_descriptor_limit
from sutra_grid.runtime.hangup import HangupHandler
from sutra_grid.runtime.inherited_signals import reset_inherited_signals
from sutra_grid.runtime.known_secrets import without_secrets
from sutra_grid.runtime.logging import FORMATS, LEVELS, get_logger, setup_logging
from sutra_grid.runtime.standard_output import run_program

EXIT_FAILED: Final = 1
EXIT_CONFIG: Final = 2

LOGGING_SECTION: Final = Section(
    "logging",
    [
        Key("level", "str", "info", help="Lowest level of records to write", choices=LEVELS),
        Key("format", "str", "text", help="Lines for people, or JSON objects for log collectors", choices=FORMATS),
    ],
    help="What the daemon writes to standard error",
)
"""For the schema of every daemon."""

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Flag:
    """A command-line flag that overrides the key ``section.key``. Its value is parsed as the key's kind.

    ``environ`` names variables that replace a missing flag; the first one that is set wins.
    """

    option: str
    key: str
    help: str = ""
    environ: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Mode:
    """A flag without a value, for a single start: its ``run`` replaces that of the daemon."""

    option: str
    run: Callable[[Config], int | None]
    help: str


@dataclass(frozen=True, slots=True)
class Checks:
    """What is looked at in a configuration whose keys are valid.

    ``build`` makes whatever the daemon makes of it, and raises ``ConfigError`` for faults that only show between keys.
    ``warnings`` returns what is valid and likely to be a mistake: ``--check-config`` prints it and exits 0, a start
    logs it.
    """

    build: Callable[[Config], object]
    warnings: Callable[[Config], Sequence[Fault]] = lambda config: ()


class DaemonCommand(click.Command):
    """A command whose call is the whole program: it guards the output and ends the process."""

    def __call__(self, *args: Any, **settings: Any) -> NoReturn:
        """Run the program."""
        sys.exit(run_program(str(self.name), lambda: self.main(*args, **settings)))


class DaemonGroup(DaemonCommand, click.Group):
    """The command of a daemon that has others beside its start. Without one of their names, it starts the daemon."""


def with_commands(daemon: click.Command, *commands: click.Command) -> click.Command:
    """The command of a daemon, with ``commands`` that are called by their names instead of its start."""
    start = daemon.callback
    assert start is not None

    def main(**given: Any) -> None:
        if click.get_current_context().invoked_subcommand is None:
            start(**given)

    return DaemonGroup(
        daemon.name,
        commands={str(command.name): command for command in commands},
        invoke_without_command=True,
        subcommand_metavar="[COMMAND]",
        callback=main,
        params=daemon.params,
        help=daemon.help,
        context_settings=daemon.context_settings,
    )


def daemon_command(
    name: str,
    *,
    help: str,
    schema: Schema,
    run: Callable[[Config], int | None],
    checks: Checks | None = None,
    flags: Sequence[Flag] = (),
    modes: Sequence[Mode] = (),
) -> click.Command:
    """A click command with ``--config``, ``--check-config``, ``--version``, ``flags`` and ``modes``.

    ``--check-config`` ends after ``checks``. The process's limit of open files is
    raised as far as the system allows. ``run`` blocks until the
    daemon's end and returns its exit code (None is 0). The process exits 2 for a wrong
    configuration or flag and 1 for any other failure, with one message on standard error.
    """

    def main(config_file: Path | None, check_config: bool, **given: Any) -> None:
        overrides: dict[str, str | None] = {flag.key: given[_parameter(flag)] for flag in flags}
        chosen = next((mode.run for mode in modes if given[_parameter(mode)]), run)
        options = {flag.key: flag.option for flag in flags}

        def read() -> Config:
            config = load(schema, config_file, environ=os.environ, overrides=overrides, flags=options)
            if checks is not None:
                checks.build(config)
            return config

        try:
            config = read()
        except ConfigError as error:
            _end(name, error, EXIT_CONFIG)
        notes = checks.warnings(config) if checks is not None else ()
        if check_config:
            for note in notes:
                click.echo(f"warning: {note}", err=True)
            click.echo(f"{config_file or 'defaults and environment'}: ok")
            return
        reset_inherited_signals()
        _setup_logging(schema, config)
        for note in notes:
            log.warning(note.problem, key=note.key, source=note.where)
        handler = HangupHandler(lambda: _take_up(schema, config, read()))
        hangup.set_current(handler)
        with handler:
            code = _run(name, chosen, config)
        sys.exit(code)

    return DaemonCommand(
        name,
        callback=main,
        params=_parameters(flags, modes, name),
        help=help,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    )


def disable_grpc_fork_support() -> None:
    """Set ``GRPC_ENABLE_FORK_SUPPORT=0`` for this process. Call it before anything imports grpc.

    gRPC's fork handlers run at every fork of the process and can break the child of a multi-threaded
    agent. Only for a daemon that starts other programs: one that forks workers which use gRPC
    (gunicorn) needs the handlers. A value that the operator has set stays.
    """
    if "grpc" in sys.modules:
        raise RuntimeError("grpc is already imported: GRPC_ENABLE_FORK_SUPPORT would have no effect")
    os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")


def _parameters(flags: Sequence[Flag], modes: Sequence[Mode], name: str) -> list[click.Parameter]:
    file = click.Path(dir_okay=False, path_type=Path)
    parameters: list[click.Parameter] = [
        click.Option(["--config", "config_file"], type=file, metavar="FILE", help="Configuration file (TOML)."),
        click.Option(["--check-config"], is_flag=True, help="Check the configuration and exit: 0 valid, 2 invalid."),
    ]
    # Values stay text here: the schema parses them, so that errors look the same for every source.
    parameters += [
        click.Option(
            [flag.option, _parameter(flag)],
            metavar=_metavar(flag),
            help=_flag_help(flag),
            envvar=flag.environ or None,
            show_envvar=bool(flag.environ),
        )
        for flag in flags
    ]
    parameters += [click.Option([mode.option, _parameter(mode)], is_flag=True, help=mode.help) for mode in modes]
    decorate: Callable[[Any], Any] = click.version_option(__version__, "--version", prog_name=name)
    holder = decorate(lambda: None)
    return parameters + list(holder.__click_params__)


def _parameter(flag: Flag | Mode) -> str:
    return flag.option.lstrip("-").replace("-", "_")


def _metavar(flag: Flag) -> str:
    return flag.key.rpartition(".")[2].upper()


def _flag_help(flag: Flag) -> str:
    return f"{flag.help.removesuffix('.')}.  [{flag.key}]" if flag.help else f"Overrides {flag.key}."


def _setup_logging(schema: Schema, config: Config) -> None:
    if schema.section(LOGGING_SECTION.name) is None:
        setup_logging()
        return
    values = config.section(LOGGING_SECTION.name)
    setup_logging(values["level"], fmt=values["format"])


def _take_up(schema: Schema, started_with: Config, config: Config) -> None:
    """Take up what can change while the daemon runs, and say which changes wait for a restart."""
    _setup_logging(schema, config)
    section = f"{LOGGING_SECTION.name}."
    waiting = [key for key in started_with.changed_keys(config) if not key.startswith(section)]
    log.info("configuration read again")
    if waiting:
        log.warning("these keys have changed and need a restart", keys=",".join(waiting))


def _run(name: str, run: Callable[[Config], int | None], config: Config) -> int:
    raise_descriptor_limit()
    try:
        return run(config) or 0
    except ConfigError as error:
        _end(name, error, EXIT_CONFIG)
    except (GridError, OSError) as error:
        _end(name, error, EXIT_FAILED)
    except Exception as error:
        log.exception("daemon failed", daemon=name, error=f"{type(error).__name__}: {error}")
        return EXIT_FAILED


def _end(name: str, error: Exception, code: int) -> NoReturn:
    click.echo(without_secrets(f"{name}: {error}"), err=True)
    sys.exit(code)
