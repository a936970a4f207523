"""The gRPC server of every daemon: threads, interceptors, health, metrics of calls. ``serve`` starts one."""

from sutra_grid.wire.server.access_guard import Access
from sutra_grid.wire.server.grpc_server import Adder, RunningServer, Security, ServerLimits, TlsPort, serve

__all__ = ["Access", "Adder", "RunningServer", "Security", "ServerLimits", "TlsPort", "serve"]
