"""Writes who made a call into the events of its command."""

from __future__ import annotations

from dataclasses import replace

from sutra_grid.core.types import Event
from sutra_grid.wire import caller


def by_caller(event: Event) -> Event:
    """The event with the name and the address of who makes the call of this thread."""
    principal = caller.current()
    return replace(event, actor_name=principal.actor_name, actor_address=principal.address)
