import io

from rich.console import Console
from rich.table import Table

from tfregkit.report.wide import print_wide


def test_no_number_is_cut_off_on_a_narrow_terminal():
    table = Table(box=None)
    numbers = [f"0.{n}23456" for n in range(1, 8)]
    for n, _ in enumerate(numbers):
        table.add_column(f"column{n}")
    table.add_row(*numbers)
    console = Console(file=io.StringIO(), width=23)
    console.print(table)
    assert not any(number in console.file.getvalue() for number in numbers)
    print_wide(console, table)
    assert console.file.getvalue().splitlines()[-1].split() == numbers
    assert console.width == 23
