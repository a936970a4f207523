"""An agent that is not root, and programs that it starts and can't look into."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from support.harness.processes import kill_and_wait, processes_below
from support.needs import skip_for

NOBODY = 65534
_MAY_READ_FILES = "+dac_read_search"  # of root, whose directories may hold this Python; it opens no /proc of others
AS_NOBODY = (
    "setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups",
    f"--inh-caps={_MAY_READ_FILES}", f"--ambient-caps={_MAY_READ_FILES}",
)  # fmt: skip
"""The arguments before a command, which becomes the command's process of another user."""

_HIDDEN = 'mount -t proc -o hidepid=invisible proc /proc && exec "$@"'
AS_NOBODY_BLIND = ("unshare", "--mount", "--propagation", "private", "sh", "-c", _HIDDEN, "sh", *AS_NOBODY)
"""The same, with a ``/proc`` that shows only what the user may look into."""


@contextmanager
def directory_of_nobody() -> Iterator[Path]:
    """A directory that the other user can reach and write; with everything below it ended and deleted at the end."""
    if os.geteuid() != 0:
        skip_for("root, to start an agent as another user")
    directory = Path(tempfile.mkdtemp(prefix="sutra-nobody-"))
    try:
        directory.chmod(0o755)
        os.chown(directory, NOBODY, NOBODY)
        yield directory
    finally:
        kill_and_wait(processes_below(directory))
        shutil.rmtree(directory, ignore_errors=True)


def check_or_skip(words: tuple[str, ...]) -> None:
    """Skip the test where no process can be started behind these words."""
    try:
        tried = subprocess.run(
            [*words, sys.executable, "-c", "import grpc"], capture_output=True, text=True, timeout=30, check=False
        )
    except OSError as error:
        skip_for(f"setpriv and unshare: {error}")
    if tried.returncode != 0:
        skip_for(f"a user {NOBODY} that can run this Python: {tried.stderr.strip()[-200:]}")


def unreadable_program(program: str, directory: Path) -> Path:
    """A copy of a program with a file capability: the kernel hides its ``/proc/PID`` files from its own user."""
    copy = directory / "unreadable-program"
    shutil.copy(program, copy)
    copy.chmod(0o755)
    try:
        done = subprocess.run(
            ["setcap", "cap_net_bind_service=+ep", str(copy)], capture_output=True, text=True, timeout=20, check=False
        )
    except OSError as error:
        skip_for(f"setcap (Debian package libcap2-bin): {error}")
    if done.returncode != 0:
        skip_for(f"a file system with file capabilities: {done.stderr.strip()}")
    return copy
