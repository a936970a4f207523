"""The operating-system processes of nodes: plan a launch, start, attach, prove, signal, reap, probe.

In come a node's record, its engine, and process identities that the journal kept. Out go process handles,
exit statuses and the results of probes. Nothing here imports ``supervision``, ``state`` or ``limits``.
"""
