"""The district folder: read whole or not at all, watched while the collector runs, written once."""

from collector.registry.files import (
    EMPTY,
    MOST_BYTES,
    Folder,
    RegistryError,
    again,
    local_zone,
    read,
    student,
    targets,
)
from collector.registry.lists import ListError
from collector.registry.watch import Registry
from collector.registry.writing import (
    EXAMPLE_LINE,
    Entry,
    ExampleError,
    check_name,
    correct_example,
    untouched,
    write_example,
    write_folder,
)

__all__ = [
    "EMPTY",
    "EXAMPLE_LINE",
    "MOST_BYTES",
    "Entry",
    "ExampleError",
    "Folder",
    "ListError",
    "Registry",
    "RegistryError",
    "again",
    "check_name",
    "correct_example",
    "local_zone",
    "read",
    "student",
    "targets",
    "untouched",
    "write_example",
    "write_folder",
]
