"""The gRPC wire: generated code, conversions, errors, connections, server. Imports core and runtime."""
