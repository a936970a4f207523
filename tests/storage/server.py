"""A real storage server as a child process, for the tests that kill it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from support.waiting import eventually

READY = re.compile(r'"ready" address=(\S+)')
START_SECONDS = 30.0
STOP_SECONDS = 30.0


class StorageServer:
    """One server over its restarts: the same path, a free port each time. Killed at the end of its context.

    ``prefix`` is a program that runs the server in its own process, such as ``prlimit``.
    """

    def __init__(self, path: Path, *flags: str, log: Path | None = None, prefix: Sequence[str] = ()) -> None:
        self.path = path
        self.log = log or path.with_name(f"{path.name}.log")
        self.address = ""
        self._flags = flags
        self._prefix = prefix
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def process(self) -> subprocess.Popen[bytes]:
        assert self._process is not None, "not started"
        return self._process

    def start(self) -> Self:
        """Start it and wait until it serves."""
        offset = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*self._prefix, *command(self.path), *self._flags],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=clean_environ(),
            )

        def ready() -> str | None:
            text = self.log.read_bytes()[offset:].decode()
            assert self.process.poll() is None, f"ended with {self.process.returncode}:\n{text}"
            match = READY.search(text)
            return match and match.group(1)

        try:
            self.address = eventually(ready, START_SECONDS, "storage server ready") or ""
        except BaseException:
            self.kill()
            raise
        return self

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(STOP_SECONDS)

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(STOP_SECONDS)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.kill()


def command(path: Path, port: int = 0) -> list[str]:
    return [
        *(sys.executable, "-m", "sutra_grid.storage.daemon"),
        *("--port", str(port), "--storage-path", str(path), "--node-id", "node-1", "--memory-limit-mb", "128"),
    ]


def run_to_end(arguments: Sequence[str], **environ: str) -> subprocess.CompletedProcess[str]:
    """For a start that is refused, and for ``--restore``."""
    return subprocess.run(
        [sys.executable, "-m", "sutra_grid.storage.daemon", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        env={**clean_environ(), **environ},
        check=False,
    )


def clean_environ() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("SUTRA_")}
