"""What the memory limits of an agent's nodes are together, beside the memory of its host. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sutra_grid.core.size import size

_MIB: Final = 1024 * 1024


def limits_text(limits_mb: Sequence[int], host_total_bytes: int) -> str:
    """The limits of the nodes that shall run: ``6.0Gi of 3 nodes``, and whether that is more than the host has.

    ``host_total_bytes``: 0 when it is not known. Empty without nodes.
    """
    if not limits_mb:
        return ""
    total = sum(limits_mb) * _MIB
    text = f"{size(total)} of {len(limits_mb)} node{'s' if len(limits_mb) > 1 else ''}"
    if 0 < host_total_bytes < total:
        return f"{text}, above the {size(host_total_bytes)} of the host: it can run out of memory before they do"
    return text
