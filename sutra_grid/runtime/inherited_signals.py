"""What a parent left for signals: ignored ones and blocked ones, which every program that is started inherits.

``nohup`` ignores SIGHUP, a shell ignores SIGINT and SIGQUIT for a job in its background, and a parent may have blocked
any signal. A program that is started in turn inherits all of this: a stop signal that the daemon inherited as ignored
would never end a node. Python restores the dispositions that it changed itself, but no others.
"""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Final

_FIXED: Final = frozenset({signal.SIGKILL, signal.SIGSTOP})  # the kernel lets nobody ignore or block them
# The interpreter ignores these for itself. ``subprocess`` gives their default back to what it starts.
_IGNORED_BY_PYTHON: Final = frozenset({signal.SIGPIPE, signal.SIGXFSZ})


def reset_inherited_signals() -> None:
    """Give programs that this process starts default dispositions and an empty mask. Call it before threads start.

    A signal that was ignored stays without effect on this process: it is caught and dropped. The kernel resets caught
    signals when a program is executed, but not ignored ones. SIGCHLD gets its default, because the kernel discards the
    exit statuses of children while it is ignored. Does nothing outside the main thread.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    for number in signal.valid_signals() - _FIXED - _IGNORED_BY_PYTHON:
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL if number == signal.SIGCHLD else _drop)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def is_ignored(number: int) -> bool:
    """Whether a signal has no effect on this process, because its parent wanted that or it does itself."""
    return signal.getsignal(number) in (signal.SIG_IGN, _drop)


def _drop(_number: int, _frame: FrameType | None) -> None:
    """Handle a signal that the parent wants this process to ignore."""
