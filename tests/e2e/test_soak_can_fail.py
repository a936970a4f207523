"""A check that cannot fail proves nothing: the soak run on a small grid, once as it is and once for each sabotage."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from support.harness import processes
from support.harness.daemons import clean_environ

TESTS = Path(__file__).parent.parent


def command(report: Path, minutes: float = 0.02) -> list[str]:
    small = ["--agents", "1", "--nodes-per-agent", "1", "--seed", "1"]
    return [sys.executable, "-m", "soak", "--minutes", str(minutes), *small, "--report", str(report)]


def environ(report: Path) -> dict[str, str]:
    return {**clean_environ(), "TMPDIR": str(report), "PYTHONPATH": str(TESTS)}


def run_soak(report: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*command(report), *arguments],
        capture_output=True,
        text=True,
        timeout=110,
        env=environ(report),
        check=False,
    )


def report_of(directory: Path) -> str:
    (path,) = directory.glob("soak-*.md")
    return path.read_text()


@pytest.mark.soak
def test_a_grid_without_violations_passes_and_leaves_only_the_report(tmp_path: Path) -> None:
    done = run_soak(tmp_path)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "passed: no violation" in report_of(tmp_path)
    assert [path.suffix for path in tmp_path.iterdir()] == [".md"]


@pytest.mark.parametrize(
    ("sabotage", "violation"),
    [
        ("lost-write", "lost write"),
        pytest.param("doubled-process", "doubled process", marks=pytest.mark.soak),
        pytest.param("cut-link", "wrong status", marks=pytest.mark.soak),
    ],
)
@pytest.mark.soak
def test_a_violation_fails_the_soak_and_is_in_its_report(tmp_path: Path, sabotage: str, violation: str) -> None:
    done = run_soak(tmp_path, "--sabotage", sabotage)

    assert done.returncode == 1, done.stdout + done.stderr
    assert f"- **{violation}**" in report_of(tmp_path)


@pytest.mark.soak
def test_a_soak_that_is_interrupted_ends_its_grid_and_reports_what_it_saw(tmp_path: Path) -> None:
    with subprocess.Popen(
        command(tmp_path, minutes=10), stdout=subprocess.PIPE, text=True, env=environ(tmp_path)
    ) as soak:
        assert soak.stdout is not None
        for line in soak.stdout:
            if "nodes on" in line:
                soak.send_signal(signal.SIGINT)
                break
        rest = soak.stdout.read()
        assert soak.wait(60) == 1

    assert "by SIGINT" in rest
    assert "- **soak aborted**" in report_of(tmp_path)
    assert not processes.processes_below(tmp_path)
    assert not [line for line in Path("/proc/mounts").read_text().splitlines() if str(tmp_path) in line]
