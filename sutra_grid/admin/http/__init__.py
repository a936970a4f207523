"""Request parsing, responses, errors, cross-site checks and correlation ids. Knows Flask, not the grid."""
