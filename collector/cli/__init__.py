"""The `firstbell` command: one file per noun."""
