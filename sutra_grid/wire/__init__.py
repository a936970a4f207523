"""The gRPC wire: generated code, conversions, errors, connections, server. Imports core and runtime."""

import os

# gRPC writes a line to standard error for each failed handshake, so a stranger could fill the disk with them, and the
# command line would print them between its own words. What fails is told by the errors of calls. It reads the variable
# when it is imported, which every module does after this one. A value that somebody has set stays.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")
