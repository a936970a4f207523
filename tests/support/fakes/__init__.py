"""Parts of the grid that a test scripts, in this process: clock, processes, journals, agents and masters.

A fake answers as its script says. What starts a real daemon belongs to ``harness``.
"""
