"""What an agent keeps in its state directory: the journal of its nodes, its session, the id of the host.

In come node records and session ids. Out go the same after a restart, with what was damaged. Nothing here
imports ``processes``, ``supervision`` or ``limits``. One thread writes; the lock file keeps other agents out.
"""
