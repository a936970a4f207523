"""One row of the table of failures a test, with real processes."""
