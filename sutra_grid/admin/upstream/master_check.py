"""Whether the master can be asked: one cheap question a second at most, for all requests of a worker."""

from __future__ import annotations

import threading
from typing import Final

from sutra_grid.client.credentials import who_am_i
from sutra_grid.client.master_client import MasterClient
from sutra_grid.core.errors import GridError
from sutra_grid.runtime.clock import Clock

#: How long a question may take, and so how long a request waits at most for the answer of another one's question.
CHECK_SECONDS: Final = 1.0
MAX_AGE_SECONDS: Final = 1.0
#: A master is open or closed for as long as it runs.
INSECURE_MAX_AGE_SECONDS: Final = 15.0


class MasterCheck:
    """Asks the master's health service, and keeps the answer for a second. Thread-safe."""

    def __init__(self, client: MasterClient, clock: Clock) -> None:
        self._client = client
        self._clock = clock
        self._asking = threading.Lock()  # guards the fields below, and is held while asking: one question at a time
        self._fault: GridError | None = None
        self._fresh_until = clock.monotonic()
        self._is_insecure = False
        self._insecure_until = clock.monotonic()

    def fault(self) -> GridError | None:
        """The error that makes the master unavailable; None while it answers. Takes ``CHECK_SECONDS`` at most."""
        with self._asking:
            if self._clock.monotonic() >= self._fresh_until:
                self._fault = self._ask()
                self._fresh_until = self._clock.monotonic() + MAX_AGE_SECONDS
            return self._fault

    def is_insecure(self) -> bool:
        """Whether the master says that others reach it without TLS; False while that is not known.

        Takes as long as ``fault``, which it asks first.
        """
        if self.fault() is not None:
            return False
        with self._asking:
            if self._clock.monotonic() >= self._insecure_until:
                self._is_insecure = self._ask_whether_insecure()
                self._insecure_until = self._clock.monotonic() + INSECURE_MAX_AGE_SECONDS
            return self._is_insecure

    def _ask_whether_insecure(self) -> bool:
        try:
            return who_am_i(self._client, CHECK_SECONDS).insecure
        except GridError:  # also that of a master of an earlier version
            return False

    def _ask(self) -> GridError | None:
        try:
            self._client.check_health(CHECK_SECONDS)
        except GridError as error:
            return error
        return None
