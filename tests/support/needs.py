"""What a test needs of its machine and does not find there."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest


def skip_for(what: str) -> NoReturn:
    """Skip the test that runs now and say what it needs; CI has everything, so there it fails."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"needs {what}")
    pytest.skip(f"needs {what}")
