"""Supervises all nodes of an agent: admits, recovers, steps their state machines, and carries out what follows.

In come assignments, journal entries, found processes, exits, probe results and memory alarms. Out go views and
reports through the inventory. ``supervisor`` has the thread, and ``node_manager`` the same without threads.
"""
