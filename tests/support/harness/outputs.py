"""All that programs of a grid tell: what a search for a secret looks through. Each output has a name."""

from __future__ import annotations

import os
import stat
import tarfile
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from support.harness.daemons import run_program
from support.harness.processes import processes_below

Outputs = dict[str, str]


def parts_of_bundle(file: Path) -> Outputs:
    """The texts in a debug bundle, by name."""
    with tarfile.open(file) as archive:
        names = [member for member in archive.getmembers() if member.isfile()]
        read = {f"bundle, {one.name}": archive.extractfile(one) for one in names}
        return {name: stream.read().decode(errors="replace") for name, stream in read.items() if stream is not None}


def make_bundle(file: Path, before: Sequence[str], after: Sequence[str], environ: Mapping[str, str]) -> Outputs:
    """Run ``debug bundle``, with options before and after these words, and read what it made."""
    command = [*before, "debug", "bundle", *after, "--file", str(file)]
    done = run_program("sutra-grid-cli", *command, environ=environ)
    assert done.exit_code == 0, done.stderr
    return {"output of bundle": done.stdout + done.stderr, **parts_of_bundle(file)}


def told_by_processes(root: Path, *, except_variables: Iterable[str] = ()) -> Outputs:
    """The arguments of all processes below ``root``, and the environments of the nodes."""
    arguments, inherited = "", ""
    for pid in processes_below(root):
        with suppress(OSError):
            proc = Path(f"/proc/{pid}")
            arguments += (proc / "cmdline").read_text()
            environment = (proc / "environ").read_text()
            if "SUTRA_GRID_LAUNCH=" in environment:
                inherited += environment
    assert "SUTRA_GRID_LAUNCH=" in inherited
    for assignment in except_variables:
        inherited = inherited.replace(assignment, "")
    return {"arguments of processes": arguments, "environment of nodes": inherited}


def readable_files(root: Path) -> Outputs:
    """What users of the host may read of what the grid has written."""
    told = {}
    for path in regular_files(root):
        if path.lstat().st_mode & stat.S_IROTH:
            told[f"file {path.name}"] = path.read_bytes().decode(errors="replace")
    return told


def regular_files(root: Path) -> list[Path]:
    """All files below ``root``."""
    found = (Path(folder) / name for folder, _, names in os.walk(root) for name in names)
    return [path for path in found if stat.S_ISREG(path.lstat().st_mode)]


def key_lines(text: str) -> list[str]:
    """The lines of a private key in PEM that tell something of it; none in a text without one."""
    if "PRIVATE KEY-----" not in text:
        return []
    body = text.partition("PRIVATE KEY-----")[2].partition("-----END")[0]
    return [line for line in body.splitlines() if len(line) >= 32]
