"""The simulated district: physics to reports, through the real intake. It knows nothing of judging."""
