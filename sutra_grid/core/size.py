"""Formats a number of bytes for people."""

from __future__ import annotations

_UNITS = ("B", "Ki", "Mi", "Gi", "Ti", "Pi")


def size(count_bytes: int) -> str:
    """``512B``, ``44Mi``, ``1.5Gi``: at most three digits."""
    value = float(count_bytes)
    for unit in _UNITS:
        if value < 999.5 or unit == _UNITS[-1]:
            break
        value /= 1024
    return f"{value:.1f}{unit}" if value < 9.95 and unit != "B" else f"{value:.0f}{unit}"
