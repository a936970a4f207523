"""The parts of ``debug bundle``, the redaction of secrets, and the archive."""
