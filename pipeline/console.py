"""The one console of the offline side: messages, tables and progress bars for people."""

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

__all__ = ["console", "progress"]

console = Console(stderr=False, highlight=False)


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
