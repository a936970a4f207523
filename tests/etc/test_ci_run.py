"""What .ci/run prints around its parts, with stand-ins for the programs that it calls."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

CI = Path(__file__).parents[2] / ".ci"
PARTS = [
    "Debian packages",
    "tox is installed",
    "tox: style, types, generated code, package, suite",
    "slow tests",
    "one minute of the soak",
]

#: Makes the .venv of the checkout; its tox fails for the arguments that FAIL names.
PYTHON = """#!/bin/sh
mkdir -p .venv/bin
printf '#!/bin/sh\\ntrue\\n' > .venv/bin/pip
printf '#!/bin/sh\\ncase "$*" in "$FAIL"*) exit 3;; esac\\n' > .venv/bin/tox
chmod +x .venv/bin/*
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A directory with .ci/run, and in bin/ what it finds in its PATH first."""
    (tmp_path / ".ci").mkdir()
    (tmp_path / "bin").mkdir()
    for name in ("run", "debian-packages"):
        shutil.copy(CI / name, tmp_path / ".ci" / name)
    for name, text in (("python3", PYTHON), ("dpkg-query", "#!/bin/sh\necho install ok installed\n")):
        program = tmp_path / "bin" / name
        program.write_text(text)
        program.chmod(0o755)
    return tmp_path


def run(checkout: Path, fail: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PATH": f"{checkout / 'bin'}:{os.environ['PATH']}", "FAIL": fail}
    return subprocess.run(
        [checkout / ".ci" / "run"], env=environment, capture_output=True, text=True, timeout=60, check=False
    )


def headings(output: str) -> list[str]:
    return re.findall(r"^===== \d\d:\d\d:\d\d  (.+) =====$", output, re.MULTILINE)


def summary(output: str) -> list[tuple[str, str]]:
    """Verdict and name of each part, as the last lines have them."""
    return re.findall(r"^ +\d+ s  (passed|FAILED) +(.+)$", output, re.MULTILINE)


def test_each_part_has_a_heading_with_the_time_and_its_seconds_in_the_summary(checkout: Path) -> None:
    done = run(checkout, fail="nothing")
    assert done.returncode == 0, done.stdout + done.stderr
    assert headings(done.stdout) == [*PARTS, "summary"]
    assert summary(done.stdout) == [("passed", part) for part in PARTS]
    assert re.search(r"^ +\d+ s  in all$", done.stdout, re.MULTILINE)


def test_a_part_that_fails_ends_the_run_and_is_named_at_the_end(checkout: Path) -> None:
    done = run(checkout, fail="-e slow")
    assert done.returncode == 3
    assert headings(done.stdout) == [*PARTS[:4], "summary"]
    assert summary(done.stdout) == [*[("passed", part) for part in PARTS[:3]], ("FAILED", "slow tests")]
    assert done.stdout.splitlines()[-1] == "FAILED: slow tests (exit code 3)"
