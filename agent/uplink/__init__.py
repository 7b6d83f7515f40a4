"""From the spool to the collector and its answers back."""
