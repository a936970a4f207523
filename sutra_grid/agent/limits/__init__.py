"""Memory limits of nodes: control groups where the host allows them, measured memory elsewhere.

In come process identities and views of nodes. Out go nodes over their limit, and kills by the kernel. Nothing
here imports ``supervision`` or ``state``.
"""
