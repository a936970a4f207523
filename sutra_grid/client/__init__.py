"""What whoever commands the master has in common: waiting for an outcome, draining, rolling restarts, words and advice.

The command line and the admin use it, each with its own way of calling the master (``caller``). Imports
core and wire only.
"""
