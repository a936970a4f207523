"""The agent: supervises the storage nodes of one host and reports them to the master.

``agent`` puts the parts together. ``supervision`` decides, ``processes`` starts and watches, ``limits`` enforces
memory limits, and ``state`` is what stays on disk.
"""
