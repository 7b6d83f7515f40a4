"""The reference server: the other end of a box's throughput test, in a process of its own."""
