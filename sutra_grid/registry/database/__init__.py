"""Opens a database: transactions, schema and migrations, faults of the drivers, what differs by backend."""
