"""Counters that several workers add to, on every backend."""

from __future__ import annotations

import threading

from sutra_grid.registry import Registry


def test_counters_add_up_whoever_adds(registry: Registry) -> None:
    def add() -> None:
        for _ in range(10):
            registry.add_to_counters({"a.x": 1, "a.y": 2})

    threads = [threading.Thread(target=add) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    registry.add_to_counters({"b_x": 5})
    assert registry.counters("a.") == {"a.x": 30, "a.y": 60}
    assert registry.counters("b_") == {"b_x": 5}
    assert registry.counters("_") == {}
