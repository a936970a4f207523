"""The shared registry on SQLAlchemy; sessions never leave this package. Imports core only."""
