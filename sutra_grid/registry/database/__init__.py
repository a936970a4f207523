"""Opens a database: connections, transactions, schema, migrations, integrity checks, driver faults as core errors."""
