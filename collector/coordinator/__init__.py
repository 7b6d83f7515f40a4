"""Who may load a line now: leases, budgets, quiet times."""
