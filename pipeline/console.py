"""The one console of the offline side: messages, tables and progress bars for people."""

import sys
from collections.abc import Callable

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from threadpoolctl import threadpool_limits

from features.errors import LeadQualificationError

__all__ = [
    "BUSY",
    "RECOMMENDED",
    "REFUSED",
    "console",
    "progress",
    "run_main",
]

# Piped into a file or a log there is no width to ask for; tables of metrics need about a hundred columns.
console = Console(highlight=False, width=None if sys.stdout.isatty() else 110)

REFUSED, RECOMMENDED, BUSY = 3, 4, 5
"""Exit codes beside 0 and 1 (an error): the gate kept the champion; retraining is recommended; another run is at work."""


def progress() -> Progress:
    """Make a progress bar with counts, elapsed and remaining time; use as a context manager."""
    return Progress(
        TextColumn("[bold]{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console,
    )


def run_main(main: Callable[[], None]) -> None:
    """Run a stage; an error that the product raises on purpose becomes one clear message and exit code 1.

    Linear algebra has one thread: its systems are small, and threads that wait for one another take processor time that others
    need. So no figure depends on the number of processors, either.

    Raises
    ------
    SystemExit
        With code 1 after such an error. Any other exception is a defect and keeps its traceback.
    """
    try:
        with threadpool_limits(limits=1, user_api="blas"):
            main()
    except LeadQualificationError as error:
        console.print(f"[bold red]{type(error).__name__}[/bold red]", end=": ")
        console.print(str(error), markup=False)
        raise SystemExit(1) from error
