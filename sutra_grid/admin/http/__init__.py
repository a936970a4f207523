"""How requests are read and answered: schemas, errors, origins, correlation ids. Knows Flask, not the grid."""
