"""Imported first, it keeps gRPC's fork handlers out of the tests' own process.

At each fork, the handlers wait for gRPC's threads, and in the child they may crash or wait for ever. A test that
starts a program as another user forks. gRPC reads the variable when it is imported. Daemons that a test starts
do not inherit it: each of them decides for itself.
"""

import os
import sys

VARIABLE = "GRPC_ENABLE_FORK_SUPPORT"


def import_grpc_without_fork_handlers() -> None:
    """Raises ``RuntimeError`` when gRPC is imported already."""
    if "grpc" in sys.modules:
        raise RuntimeError("import support.grpc_forks before anything that imports grpc")
    before = os.environ.get(VARIABLE)
    os.environ[VARIABLE] = "0"
    import grpc  # noqa: F401  # it reads the variable now

    if before is None:
        del os.environ[VARIABLE]
    else:
        os.environ[VARIABLE] = before


import_grpc_without_fork_handlers()
