"""How requests are read and answered: schemas, errors, origins, correlation ids, long requests. Knows Flask, not the grid."""
