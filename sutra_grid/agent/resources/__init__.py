"""What nodes and host use: CPU time, memory, threads, files, disk.

In come views of nodes and the members of their launches. Out go samples. Nothing here imports ``supervision`` or
``state``.
"""
