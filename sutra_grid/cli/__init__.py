"""The command line. Imports core, runtime and wire; never another role, never the registry."""
