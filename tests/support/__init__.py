"""Helpers that several test packages share, in one folder for each kind.

A helper that one test package uses stays beside its tests. At the top are the helpers of every kind: ``waiting``
(conditions with a deadline), ``texts`` (what a test compares of a message), ``needs`` (skips, which CI refuses) and
``grpc_forks`` (a fork of the tests' process waits for no thread of gRPC).

- ``fakes``: parts of the grid that a test scripts, in this process.
- ``harness``: real daemons, grids and servers that a test starts and looks into.
- ``faults``: what goes wrong on purpose.
- ``programs``: programs that run as storage nodes.
- ``browser``: pages and the browser that shows them.
- ``values``: records, messages and strategies that tests begin with.
- ``documents``: readers of docs pages, scrapes and expressions.
"""
