"""Backups of the whole data folder off this machine, and the way back."""
