"""The subject of First Bell, pure: reports, targets, districts, and what follows from them.

Nothing in this package opens a socket or a file, reads a clock or starts a thread.
"""

__version__ = "0.1.0"
