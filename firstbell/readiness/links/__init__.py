"""One link, one file: its judgement knows nothing of stores or pages."""
