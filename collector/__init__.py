"""The district's program: takes reports, keeps them, judges them, and answers people."""
