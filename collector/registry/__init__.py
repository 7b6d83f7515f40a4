"""The district folder: read whole or not at all, watched while the collector runs, written once."""

from collector.registry.example import EXAMPLE_LINE, ExampleError, write_example
from collector.registry.files import EMPTY, MOST_BYTES, Folder, RegistryError, local_zone, read, targets
from collector.registry.watch import Registry

__all__ = [
    "EMPTY",
    "EXAMPLE_LINE",
    "MOST_BYTES",
    "ExampleError",
    "Folder",
    "Registry",
    "RegistryError",
    "local_zone",
    "read",
    "targets",
    "write_example",
]
