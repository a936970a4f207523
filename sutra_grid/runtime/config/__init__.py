"""Configuration: a schema, a TOML file, the environment and flags become checked values.

``schema`` describes what is allowed, ``values`` checks one value, ``document`` reads the file
with the line of each key, ``load`` puts the three sources together and reports every fault at
once. Import from here; nothing heavier than the standard library is loaded before ``load``.
"""

from sutra_grid.runtime.config.errors import ConfigError, Fault
from sutra_grid.runtime.config.load import Config, load
from sutra_grid.runtime.config.schema import REQUIRED, Key, KeyDescription, Kind, Schema, Section
from sutra_grid.runtime.config.values import at_least, between, host, host_port, not_empty

__all__ = [
    "REQUIRED",
    "Config",
    "ConfigError",
    "Fault",
    "Key",
    "KeyDescription",
    "Kind",
    "Schema",
    "Section",
    "at_least",
    "between",
    "host",
    "host_port",
    "load",
    "not_empty",
]
