"""Rolling restarts that run in the background of a worker, and whose progress every worker of an admin can read.

``runner`` carries one out, ``store`` keeps its ``record`` as a file. The file of a rolling restart is locked while it
runs: when its worker dies, the kernel releases the lock, so nobody takes it for one that is still running.
"""
