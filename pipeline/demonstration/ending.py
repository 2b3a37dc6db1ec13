"""What a person can look at when the demonstration is done."""

import os
import sys
from pathlib import Path

__all__ = ["PAGES", "ending"]

PAGES = "http://127.0.0.1:3000/app"


def ending(
    who: str, repository: Path, workspace: Path, report: Path, leads: tuple[Path, Path], seconds: float
) -> list[str]:
    """Say where the report and the leads are, three commands to go on with, and where people see today's leads.

    Parameters
    ----------
    who : str
        Whom the lists are of: leads, customers.
    repository, workspace : Path
        The repository's root, and where the pipeline ran: there, or in ``runs/<name>``.
    report : Path
        The report for people, relative to the workspace or absolute.
    leads : tuple of Path
        The list of scored leads, for people and for programs.
    seconds : float
        What the demonstration took.

    Returns
    -------
    list of str
        One per line. Addresses of files can be clicked and opened as they are.

    Examples
    --------
    >>> root = Path("/srv/lead qualification")
    >>> lists = (Path("data/leads.xlsx"), Path("data/scores.csv"))
    >>> for line in ending("leads", root, root, Path("reports/report.html"), lists, 61.2)[:4]:
    ...     print(line)
    Done in 61 s. Look at:
      the report          file:///srv/lead%20qualification/reports/report.html
      today's leads       file:///srv/lead%20qualification/data/leads.xlsx
      for programs        file:///srv/lead%20qualification/data/scores.csv
    """
    looked_at = (("the report", report), (f"today's {who}", leads[0]), ("for programs", leads[1]))
    if workspace == repository:
        commands = (
            ("make serve", "the scoring service; README.md has a request"),
            ("make ui", "runs, models and their reports in MLflow"),
            (
                "source .venv/bin/activate && dvc exp run -S train.learning_rate=0.05",
                "an experiment; then `dvc exp show`",
            ),
        )
    else:
        python = os.path.relpath(sys.executable, workspace)
        commands = (
            (f"cd {os.path.relpath(workspace, repository)} && {python} -m serving", "the scoring service"),
            ("make ui", "runs, models and their reports in MLflow"),
            ("make demo", "the simulated company of params.yaml"),
        )
    return [
        f"Done in {seconds:.0f} s. Look at:",
        *(f"  {name:<19} {(workspace / file).as_uri()}" for name, file in looked_at),
        "Go on with:",
        *(line for command, meaning in commands for line in (f"  {command}", f"      {meaning}")),
        f"Today's {who}, with a page for each: {commands[0][0]}, then open {PAGES}",
    ]
