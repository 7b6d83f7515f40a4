"""Pure readers: what a tool or the kernel wrote, to values. What can't be read is None, never a guess."""
