"""The gRPC wire: generated code, conversions, errors, channels. Imports core and runtime."""
