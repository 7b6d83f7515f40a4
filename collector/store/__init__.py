"""The journal and what is read from it. SQLite is behind this door and nowhere else."""
