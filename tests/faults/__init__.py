"""Tests of faults with real processes: one or more for each row of docs/reliability.md."""
