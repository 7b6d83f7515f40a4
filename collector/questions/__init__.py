"""Everything that CLI, API and pages ever say: each question a function from the store to an answer."""
