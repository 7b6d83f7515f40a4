"""Where the journal goes on to: copies of facts, which can be made again at any time."""
