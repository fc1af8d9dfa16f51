"""Tables on the terminal, however narrow it is."""

from __future__ import annotations

from rich.console import Console
from rich.measure import Measurement
from rich.table import Table

WIDEST = 10_000


def print_wide(console: Console, table: Table) -> None:
    """Print a table as wide as its columns: one fitted to 80 characters, as in a pipe, would cut its numbers off."""
    own = console.width
    console.width = max(own, Measurement.get(console, console.options.update(width=WIDEST), table).maximum)
    console.print(table)
    console.width = own
