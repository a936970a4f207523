"""Prints errors: two lines for a person, one object for a program."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from sutra_grid.core.errors import GridError


def print_error(error: GridError, output: str, names: Sequence[str] = ()) -> None:
    """Write ``error`` to stderr; JSON when the output is JSON, with all ``names`` that it happened to."""
    if output == "json":
        import json

        detail: dict[str, object] = {
            "code": error.code,
            "reason": str(error.reason),
            "message": error.message,
            "hint": error.hint,
        }
        if len(names) > 1:
            detail |= {"count": len(names), "names": list(names)}
        print(json.dumps({"error": detail}), file=sys.stderr)
        return
    print(f"error: {error.message}", file=sys.stderr)
    if error.hint:
        print(f"hint: {error.hint}", file=sys.stderr)
