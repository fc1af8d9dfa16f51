"""`python -m tfregkit` is `tfregkit`."""

from tfregkit.cli.main import main

main()
