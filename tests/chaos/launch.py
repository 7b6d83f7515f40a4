"""Starts one of our programs, if wanted with a point at which it kills itself.

python -m tests.chaos.launch -|POINT:N box|collector ARGUMENTS...
"""

import sys

from tests.chaos.points import plant


def main() -> None:
    """Be the program that the command line names."""
    where, program, *arguments = sys.argv[1:]
    point, _, nth = where.partition(":")
    if nth:
        plant(point, int(nth))
    if program == "collector":
        from collector.cli import main as collector  # noqa: PLC0415 - each process loads its own half alone

        collector(arguments)
    else:
        from tests.chaos.box import main as box  # noqa: PLC0415

        box(*arguments)


if __name__ == "__main__":
    main()
