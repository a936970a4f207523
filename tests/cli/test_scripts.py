"""The names that the command line gives to itself and its sisters."""

import sys
from pathlib import Path

import pytest

from sutra_grid.cli.scripts import this_command


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    script = tmp_path / "bin" / "sutra-grid-cli"
    script.parent.mkdir()
    script.write_text("#!/bin/sh\n")
    script.chmod(0o755)
    monkeypatch.setattr(sys, "argv", [str(script), "dev"])
    return script


def test_a_command_that_the_shell_finds_is_told_by_its_name(script: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(script.parent))
    assert this_command() == "sutra-grid-cli"


def test_a_command_of_an_environment_that_is_not_activated_is_told_as_it_was_typed(
    script: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert this_command() == str(script)


def test_a_module_run_by_the_interpreter_is_told_by_the_commands_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["/somewhere/sutra_grid/cli/main.py"])
    assert this_command() == "sutra-grid-cli"
