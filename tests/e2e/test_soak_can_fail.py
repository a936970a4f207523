"""A check that cannot fail proves nothing: the soak run on a small grid, once as it is and once for each sabotage."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from support.daemons import clean_environ

SOAK = Path(__file__).parent.parent / "soak"


def run_soak(report: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SOAK), "--minutes", "0.02", "--agents", "1", "--nodes-per-agent", "1", "--seed", "1"]
    return subprocess.run(
        [*command, "--report", str(report), *arguments],
        capture_output=True,
        text=True,
        timeout=110,
        env={**clean_environ(), "TMPDIR": str(report)},
        check=False,
    )


def report_of(directory: Path) -> str:
    (path,) = directory.glob("soak-*.md")
    return path.read_text()


def test_a_grid_that_keeps_its_promises_passes_and_leaves_only_the_report(tmp_path: Path) -> None:
    done = run_soak(tmp_path)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "passed: no violation" in report_of(tmp_path)
    assert [path.suffix for path in tmp_path.iterdir()] == [".md"]


@pytest.mark.parametrize(
    ("sabotage", "violation"), [("lost-write", "lost write"), ("doubled-process", "doubled process")]
)
def test_a_broken_promise_fails_the_soak_and_stands_in_its_report(
    tmp_path: Path, sabotage: str, violation: str
) -> None:
    done = run_soak(tmp_path, "--sabotage", sabotage)

    assert done.returncode == 1, done.stdout + done.stderr
    assert f"- **{violation}**" in report_of(tmp_path)
