"""Skips for what a test needs and its machine does not have."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest


def skip_for(what: str) -> NoReturn:
    """Skip the running test and say what it needs. CI has everything, so the test fails there."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"needs {what}")
    pytest.skip(f"needs {what}")
