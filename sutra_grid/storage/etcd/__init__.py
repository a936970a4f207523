"""etcd's v3 protocol over a store: checks of requests, their effect, and the services.

Requests come in from gRPC; writes leave through ``Store.write``, reads come from ``Store.state``. Nothing below
the services knows this package.
"""
