"""Puts the shared helpers of ``tests/support`` on the path of every test, and Ctrl-C into its usual state."""

import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

# A shell starts background jobs with SIGINT ignored, and programs inherit that: a test that interrupts one would wait.
signal.signal(signal.SIGINT, signal.default_int_handler)
