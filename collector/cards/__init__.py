"""From a shelf to a wall: what a new box is given, on its card, on its label and in a list."""
