"""What is asked of the C library for memory that was given back is what it knows."""

import platform
import subprocess
import sys

import pytest


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="needs glibc")
def test_glibc_takes_all_settings() -> None:
    program = "from sutra_grid.runtime.allocator import return_memory_early; print(return_memory_early())"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout == "True\n"
