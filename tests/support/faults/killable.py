"""A launcher that runs a daemon which ends or stops itself at a named step when a test orders it.

    python -P killable.py ORDERS SCRIPT [ARGUMENT …]

SCRIPT is an installed console script and runs as it is. Every step that it reaches is noted in ORDERS.trace; while a
file ORDERS is there, the process sends itself the signal that it names at the step that it names.
See ``support.faults.kill_points``.
"""

from __future__ import annotations

import json
import os
import runpy
import sys
import threading
from pathlib import Path

from sutra_grid.runtime import steps

TRACE_SUFFIX = ".trace"


class StepSignal:
    """Sends the ordered signal at the ordered step, once. Many threads reach steps."""

    def __init__(self, orders: Path) -> None:
        self._orders = orders
        self._trace = open(orders.with_name(orders.name + TRACE_SUFFIX), "a", buffering=1)  # noqa: SIM115 -- to the end
        self._lock = threading.Lock()
        # guarded by _lock:
        self._order = ""
        self._seen = 0

    def __call__(self, step: steps.Step, about: str) -> None:
        with self._lock:
            self._trace.write(json.dumps([step, about]) + "\n")
            try:
                order = self._orders.read_text()
            except FileNotFoundError:
                return
            if order != self._order:
                self._order, self._seen = order, 0
            wanted = json.loads(order)
            if [wanted["step"], wanted["about"]] == [step, about]:
                self._seen += 1
            if self._seen == wanted["times"]:
                self._orders.unlink()
                os.kill(os.getpid(), wanted["signal"])


def main() -> None:
    orders, script, *arguments = sys.argv[1:]
    steps.on_step = StepSignal(Path(orders))
    sys.argv = [script, *arguments]
    runpy.run_path(script, run_name="__main__")


if __name__ == "__main__":
    main()
