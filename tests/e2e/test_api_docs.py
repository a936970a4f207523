"""Every example of docs/api.md is carried out by curl, in order, on a real grid, and prints what it says."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from support.documents.page_examples import Example, difference, documents, examples, learned
from support.harness.grid import PATIENT, Grid, GridSpec

PAGE = Path(__file__).parents[2] / "docs" / "api.md"
LEFT_IN_TIME = 28
"""curl's exit code for -m: it left while the answer went on."""


def curl_or_skip() -> None:
    if shutil.which("curl") is None:
        if os.environ.get("CI") == "true":
            pytest.fail("Debian's package curl is needed")
        pytest.skip("Debian's package curl is not there")


def run(example: Example, names: dict[str, str], address: str) -> subprocess.CompletedProcess[str]:
    command = example.command.replace("localhost:7080", address)
    for said, here in names.items():
        command = re.sub(rf"\b{re.escape(said)}\b", here, command)
    return subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.e2e
@pytest.mark.soak
def test_every_example_of_the_page_does_what_it_says(tmp_path: Path) -> None:
    curl_or_skip()
    found = list(examples(PAGE.read_text()))
    assert len(found) > 20
    names: dict[str, str] = {}
    with Grid(
        tmp_path, GridSpec(agents=2, heartbeat_seconds=0.2, master_extra=PATIENT, health_check_seconds=0.2)
    ) as grid:
        for example in found:
            done = run(example, names, grid.admin_address)
            where = f"docs/api.md:{example.line}: {example.command}"
            assert done.returncode in (0, LEFT_IN_TIME), f"{where}\n{done.stderr}"
            if not example.output.startswith("{"):
                assert done.stdout.strip(), where
                continue
            said, printed = documents(example.output), documents(done.stdout)
            assert len(said) == len(printed), f"{where}\n{done.stdout}"
            for before, now in zip(said, printed, strict=True):
                assert difference(before, now) == "", f"{where}\n{done.stdout}"
                names |= learned(before, now)
