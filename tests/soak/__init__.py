"""The soak: a grid under load and random kills. Run it with ``tox -e soak -- --minutes N``."""
