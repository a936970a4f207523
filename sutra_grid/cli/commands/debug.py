"""``debug bundle``: collects data to diagnose a problem in one archive, without secrets."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final

import click

from sutra_grid.cli.bundle.archive import Archive
from sutra_grid.cli.bundle.grid_parts import add_grid
from sutra_grid.cli.bundle.host_parts import add_config, add_host, add_log, add_state
from sutra_grid.cli.client import connect
from sutra_grid.cli.context import DEV_DIRECTORY, GridCommand, GridGroup, options_of
from sutra_grid.cli.output.formats import to_json, to_yaml
from sutra_grid.cli.output.printer import emit
from sutra_grid.cli.output.progress import progress
from sutra_grid.core.size import size

MAX_LOG_LINES: Final = 5000
#: The files that are collected when none is given: those of an installation and of a dev grid.
CONFIGS: Final = ("/etc/sutra-grid/*.toml", f"{DEV_DIRECTORY}/config/*.toml")
LOGS: Final = ("/var/log/sutra-grid-*.log", "/var/log/sutra-grid/*.log", f"{DEV_DIRECTORY}/log/*.log")

path_type: Final = click.Path(path_type=Path)


@click.group(cls=GridGroup)
def debug() -> None:
    """Collect data to diagnose a problem."""


@debug.command(cls=GridCommand)
@click.option(
    "--file", "file", type=path_type, default=None, help="Path of the archive. [default: sutra-grid-debug-TIME.tar.gz]"
)
@click.option("--config", "configs", type=path_type, multiple=True, help="A configuration file; may be repeated.")
@click.option("--state-path", "states", type=path_type, multiple=True, help="An agent's state directory on this host.")
@click.option("--log", "logs", type=path_type, multiple=True, help="A daemon's log on this host; may be repeated.")
@click.option("--log-lines", type=click.IntRange(1, MAX_LOG_LINES), default=200, show_default=True, metavar="N",
              help="How many lines from the end of each log.")  # fmt: skip
@click.pass_context
def bundle(
    ctx: click.Context,
    file: Path | None,
    configs: tuple[Path, ...],
    states: tuple[Path, ...],
    logs: tuple[Path, ...],
    log_lines: int,
) -> None:
    """Collect versions, configuration, registry, journals and logs in one archive, without secrets.

    Parts that can't be collected are listed in its manifest.json, with the reason. Check
    the archive before you share it: logs contain whatever the programs wrote.
    """
    options = options_of(ctx)
    path = (file or Path(time.strftime("sutra-grid-debug-%Y%m%dT%H%M%SZ.tar.gz", time.gmtime()))).absolute()
    with progress(options, "collecting"), Archive(path) as archive, connect(options) as client:
        add_host(archive)
        for config in configs or _found(CONFIGS):
            add_config(archive, config)  # before the parts that may have secrets of it
        add_grid(archive, client, log_lines)
        for state in states:
            add_state(archive, state)
        for log in logs or _found(LOGS):
            add_log(archive, log, log_lines)
    facts = {"file": str(path), "parts": archive.manifest.parts, "missing": archive.manifest.missing}
    match options.output:
        case "json":
            emit(to_json(facts))
        case "yaml":
            emit(to_yaml(facts))
        case "name":
            emit(str(path))
        case _:
            emit(f"{path}  {size(path.stat().st_size)}, {len(archive.manifest.parts)} parts")
            for missing in archive.manifest.missing:
                emit(f"  missing  {missing['name']}: {missing['why']}")


def _found(patterns: tuple[str, ...]) -> list[Path]:
    """The files that are there, in order."""
    found = []
    for pattern in patterns:
        directory, name = Path(pattern).parent, Path(pattern).name
        found += sorted(directory.glob(name))
    return found
