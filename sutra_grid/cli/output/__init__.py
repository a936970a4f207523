"""How answers look: tables, machine-readable formats, ages and colours."""
