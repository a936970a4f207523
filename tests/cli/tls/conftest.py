"""The command line in an empty directory, and an authority whose files are there."""

from collections.abc import Callable
from pathlib import Path

import pytest
from support.values.cli_records import Ran

from sutra_grid.cli.main import run
from sutra_grid.runtime.certificates.authority import Authority
from sutra_grid.runtime.certificates.files import read_authority


@pytest.fixture
def cli(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Ran]:
    """The command line in an empty directory, 80 columns wide, without any master."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")

    def call(*arguments: str) -> Ran:
        capfd.readouterr()
        code = run(["tls", *arguments])
        captured = capfd.readouterr()
        return Ran(int(code), captured.out, captured.err)

    return call


@pytest.fixture
def grid(cli: Callable[..., Ran]) -> Authority:
    """The authority whose files are in the current directory."""
    assert cli("ca", "create").code == 0
    return read_authority(Path("ca.pem"), Path("ca-key.pem"))
