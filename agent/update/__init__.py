"""How a box that nobody can reach takes a new version of its program, and goes back from a bad one."""
