"""The admin: an HTTP API over the shared registry.

Reads come from the registry; commands go to the master over gRPC, so that the master
stays the only writer of what is desired. Imports no other role.
"""
