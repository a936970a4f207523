"""One operating-system process of a node: start, prove, signal, watch, probe. Imports nothing of supervision."""
