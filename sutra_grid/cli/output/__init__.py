"""Formats of the output: tables, machine-readable formats, ages and colours."""
