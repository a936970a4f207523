"""Hooks of schemathesis that shorten every wait of a request.

Only values that are right are replaced, by others that are: what is sent stays as right or as wrong as it was made.
"""

from typing import Any

import schemathesis


@schemathesis.hook
def before_call(context: schemathesis.HookContext, case: schemathesis.Case, kwargs: dict[str, Any]) -> None:
    """No long waits, for events and between restarts, no hundreds of nodes, and no cursor that nobody gave out."""
    if isinstance(case.query, dict) and _is_right(case.query.get("wait_seconds"), 60):
        case.query["wait_seconds"] = 0
    if isinstance(case.query, dict) and _is_text(case.query.get("cursor")):
        del case.query["cursor"]  # only one that was given out is taken
    for wait in ("pause_seconds", "min_ready_seconds"):
        if isinstance(case.body, dict) and _is_right(case.body.get(wait), 86_400):
            case.body[wait] = 0
    if isinstance(case.body, dict) and _is_right(case.body.get("count"), 100):
        case.body["count"] = 2


def _is_text(value: object) -> bool:
    """Whether it is a text that the document allows."""
    return isinstance(value, str) and 0 < len(value) <= 1024 and value.isprintable()


def _is_right(value: object, high: int) -> bool:
    """Whether it is a number of that range, or, as in a query, a text that writes one."""
    number = int(value) if isinstance(value, str) and value.isascii() and value.isdecimal() else value
    return isinstance(number, int | float) and not isinstance(number, bool) and 0 < number <= high
