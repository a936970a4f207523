"""A fake master, and the command line run against it in this process."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest
from support.fakes.fake_master import FakeMaster, fake_master
from support.values.cli_records import Ran

from sutra_grid.cli.main import run


@pytest.fixture
def master() -> Iterator[FakeMaster]:
    with fake_master() as fake:
        yield fake


@pytest.fixture
def cli(master: FakeMaster, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Ran]:
    """Run a command line against the fake; neither stdin nor stdout is a terminal, as wide as 80 columns."""
    monkeypatch.setenv("SUTRA_GRID_MASTER", master.address)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.delenv("NO_COLOR", raising=False)

    def call(*arguments: str) -> Ran:
        capfd.readouterr()
        code = run(arguments)
        captured = capfd.readouterr()
        return Ran(int(code), captured.out, captured.err)

    return call


@pytest.fixture
def start_cli(master: FakeMaster) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start a command line as a process of its own; it is ended after the test."""
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str) -> subprocess.Popen[str]:
        environ = {**os.environ, "SUTRA_GRID_MASTER": master.address, "COLUMNS": "80", "PYTHONUNBUFFERED": "1"}
        process = subprocess.Popen(
            [sys.executable, "-m", "sutra_grid.cli.main", *arguments],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environ,
        )  # fmt: skip
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()
