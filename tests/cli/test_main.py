"""The entry point: cold start, help and version."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from support.fakes.fake_master import fake_master
from support.needs import skip_for
from support.texts import mentions
from support.values.cli_records import Ran, node

from sutra_grid import __version__
from sutra_grid.cli.main import COMMANDS, cli, run
from sutra_grid.wire import grid_pb2 as pb

HEAVY = ("grpc", "rich", "yaml", "google.protobuf", "psutil")


@pytest.mark.parametrize("arguments", ["--help", "--version"])
def test_the_first_answer_imports_nothing_heavy(arguments: str) -> None:
    program = (
        "import sys; from sutra_grid.cli.main import run; "
        f"code = run([{arguments!r}]); "
        f"print([m for m in {HEAVY!r} if m in sys.modules], code, file=sys.stderr)"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stderr == "[] 0\n"


def test_the_version_is_the_packages(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == 0
    assert capsys.readouterr().out == f"sutra-grid-cli {__version__}\n"


@pytest.mark.parametrize("name", list(COMMANDS))
def test_every_command_of_the_table_is_there_and_has_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([name, "--help"]) == 0
    assert f"Usage: sutra-grid-cli {name}" in capsys.readouterr().out


def test_help_lines_are_those_of_the_commands() -> None:
    import click

    context = click.Context(cli)
    for name, lazy in COMMANDS.items():
        command = cli.get_command(context, name)
        assert command is not None
        assert command.name == name
        assert lazy.help.endswith(".")


def test_an_argument_that_is_no_text_is_a_usage_error(
    cli: Callable[..., Ran],
) -> None:
    for rest, arguments in (("de", ["nodes", "show", "n\udcf6de"]), ("", ["nodes", "spawn", "--engine", "n\udcf6"])):
        result = cli(*arguments)
        assert result.code == 2, "as the shell of a Latin-1 terminal passes it"
        assert mentions(result.err, f"n\\udcf6{rest}", "LC_ALL=C.UTF-8")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_a_script(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["completion", shell]) == 0
    assert "_SUTRA_GRID_CLI_COMPLETE" in capsys.readouterr().out


def test_zsh_takes_the_script_also_where_nobody_called_compinit(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    if shutil.which("zsh") is None:
        skip_for("the Debian package zsh")
    assert run(["completion", "zsh"]) == 0
    script = tmp_path / "_sutra-grid-cli"
    script.write_text(capsys.readouterr().out)
    asked = 'print -r -- "$_comps[sutra-grid-cli]"'
    ways = {
        f'source "{script}"; {asked}': "_sutra_grid_cli_completion",
        f'autoload -Uz compinit; compinit -D; source "{script}"; {asked}': "_sutra_grid_cli_completion",
        f'fpath=("{tmp_path}" $fpath); autoload -Uz compinit; compinit -D -i; {asked}': script.name,
    }
    for way, registered in ways.items():
        command = ["zsh", "-f", "-c", way]
        environ = {**os.environ, "HOME": str(tmp_path), "ZDOTDIR": str(tmp_path)}
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environ)
        assert (done.stdout, done.stderr) == (f"{registered}\n", ""), way


def test_commands_are_completed_without_a_master() -> None:
    environ = {"_SUTRA_GRID_CLI_COMPLETE": "bash_complete", "COMP_WORDS": "sutra-grid-cli nodes st", "COMP_CWORD": "2"}
    result = subprocess.run(
        [sys.executable, "-c", "from sutra_grid.cli.main import main; main()"],
        capture_output=True, text=True, env=environ, check=False,
    )  # fmt: skip
    assert result.stdout.split() == ["plain,start", "plain,stop"]


def test_ids_are_completed_from_the_master() -> None:
    environ = {
        "_SUTRA_GRID_CLI_COMPLETE": "bash_complete",
        "COMP_WORDS": "sutra-grid-cli nodes stop node-0",
        "COMP_CWORD": "3",
    }
    with fake_master() as master:
        master.answers["ListStorageNodes"] = pb.NodeList(nodes=[node("node-01"), node("node-02"), node("node-11")])
        result = subprocess.run(
            [sys.executable, "-c", "from sutra_grid.cli.main import main; main()"],
            capture_output=True, text=True, env={**environ, "SUTRA_GRID_MASTER": master.address}, check=False,
        )  # fmt: skip
    assert result.stdout.split() == ["plain,node-01", "plain,node-02"]
