"""Compares what agents report with what is desired, and carries out what follows."""
