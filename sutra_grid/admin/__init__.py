"""The admin: the HTTP API and the web pages of a grid.

Reads come from the shared registry. Commands go to the master over gRPC, so that the master stays the only writer of
the desired state. Imports no other role.
"""
