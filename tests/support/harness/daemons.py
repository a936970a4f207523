"""One real daemon as a child process: started, killed, paused and started again by a test."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import toml
from grpc_health.v1 import health_pb2, health_pb2_grpc

from support.harness.http import HttpClient
from support.waiting import eventually

START_SECONDS = 20.0
STOP_SECONDS = 15.0
LOG_TAIL_LINES = 40
READY_EVENT = b' "ready" '


class Daemon:
    """A daemon with a fixed command line, whose output goes to one log over all of its starts.

    ``run_in`` are the arguments before the command, of a program that becomes the daemon (as nsenter does).
    """

    def __init__(
        self, name: str, program: str, config: Path, *, ready: Callable[[], bool], run_in: Sequence[str] = ()
    ) -> None:
        self.name = name
        self.config = config
        self.log = config.with_suffix(".log")
        self._command = [*run_in, str(script(program)), "--config", str(config)]
        self._ready = ready
        self._log_offset = 0
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        if self._process is None:
            raise AssertionError(f"{self.name} was not started")
        return self._process.pid

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self, *arguments: str) -> None:
        """Start the process, with more ``arguments`` for this once; does not wait until it serves."""
        if self.is_running:
            raise AssertionError(f"{self.name} runs already, as pid {self.pid}")
        self._log_offset = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*self._command, *arguments], stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=clean_environ()
            )

    def wait_ready(self, timeout_seconds: float = START_SECONDS) -> None:
        """Return when the daemon serves. Raises ``AssertionError`` with its log when it ends or does not come up."""

        def ready_or_ended() -> bool:
            return not self.is_running or (self._has_said_ready() and self._ready())

        try:
            eventually(ready_or_ended, timeout_seconds, f"{self.name} serving")
        except AssertionError as error:
            raise AssertionError(f"{error}; its log ends:\n{self.log_tail()}") from None
        if not self.is_running:
            raise AssertionError(f"{self.name} ended with {self.exit_code()}; its log ends:\n{self.log_tail()}")

    def _has_said_ready(self) -> bool:
        """Whether this start got so far: what a killed one left behind may still answer on the port."""
        return READY_EVENT in self.log.read_bytes()[self._log_offset :]

    def kill(self) -> None:
        """End it as a power cut would: SIGKILL, and wait until it is gone."""
        self.signal(signal.SIGKILL)
        self.exit_code()

    def stop(self) -> int:
        """End it as an operator would: SIGTERM; the exit code."""
        self.signal(signal.SIGTERM)
        return self.exit_code()

    def signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(number)

    def exit_code(self, timeout_seconds: float = STOP_SECONDS) -> int:
        """Wait for the end; raises ``AssertionError`` when it does not come in time."""
        if self._process is None:
            raise AssertionError(f"{self.name} was not started")
        try:
            return self._process.wait(timeout_seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(
                f"{self.name} did not end in {timeout_seconds} s; its log ends:\n{self.log_tail()}"
            ) from None

    def log_text(self) -> str:
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def log_tail(self) -> str:
        return "\n".join(self.log_text().splitlines()[-LOG_TAIL_LINES:])


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a program ended and what it wrote."""

    exit_code: int
    stdout: str
    stderr: str


def run_program(program: str, *arguments: str, environ: Mapping[str, str] | None = None) -> Outcome:
    """Run one of the programs to its end; for what is refused at the start, and for single commands."""
    done = subprocess.run(
        [str(script(program)), *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        env={**clean_environ(), **(environ or {})},
        check=False,
    )
    return Outcome(done.returncode, done.stdout, done.stderr)


def clean_environ() -> dict[str, str]:
    """This process's environment without settings of a grid, which would override a test's configuration."""
    return {name: value for name, value in os.environ.items() if not name.startswith("SUTRA_GRID_")}


def write_config(path: Path, sections: Mapping[str, Mapping[str, Any]]) -> Path:
    path.write_text(toml.dumps(sections))
    return path


def script(name: str) -> Path:
    """The installed console script of that name, beside the interpreter that runs the tests."""
    return Path(sys.executable).parent / name


def serves_grpc(
    address: str, services: Sequence[str] = ("",), open_: Callable[[str], grpc.Channel] = grpc.insecure_channel
) -> bool:
    """Whether the health service at ``address`` answers SERVING for each of the services."""
    with open_(address) as channel:
        health: Any = health_pb2_grpc.HealthStub(channel)
        try:
            answers = [health.Check(health_pb2.HealthCheckRequest(service=name), timeout=2) for name in services]
        except grpc.RpcError:
            return False
    return all(answer.status == health_pb2.HealthCheckResponse.SERVING for answer in answers)


def serves_http(address: str, path: str = "/readyz?exclude=master") -> bool:
    try:
        return HttpClient(address, timeout_seconds=2).get(path).status == 200
    except OSError:
        return False
