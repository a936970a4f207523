"""The gRPC server of every daemon: threads, interceptors, health, metrics of calls. ``serve`` starts one."""

from sutra_grid.wire.server.grpc_server import Adder, RunningServer, ServerLimits, serve

__all__ = ["Adder", "RunningServer", "ServerLimits", "serve"]
