"""Prints errors: two lines for a person, one object for a program."""

from __future__ import annotations

import sys

from sutra_grid.core.errors import GridError


def print_error(error: GridError, output: str) -> None:
    """Write ``error`` to stderr; JSON when the output is JSON."""
    if output == "json":
        import json

        detail = {"code": error.code, "reason": str(error.reason), "message": error.message, "hint": error.hint}
        print(json.dumps({"error": detail}), file=sys.stderr)
        return
    print(f"error: {error.message}", file=sys.stderr)
    if error.hint:
        print(f"hint: {error.hint}", file=sys.stderr)
