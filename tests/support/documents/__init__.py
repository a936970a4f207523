"""Readers of documents that tests compare: examples in docs, metrics, PromQL, schemas. Nothing is started here."""
