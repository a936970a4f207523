"""The parts of ``debug bundle``, and the archive."""
