"""`python -m collector.cli`: as `firstbell up` starts the collector."""

from collector.cli import main

main()
