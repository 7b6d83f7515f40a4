"""The doors to the machine: its clock, files, commands and network. A parameter everywhere else."""
