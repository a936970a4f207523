"""Tests of ``sutra_grid.storage.etcd``, with plain values and with real clients."""
