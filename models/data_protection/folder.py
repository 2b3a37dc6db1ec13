"""Where keys, mapping table, suppression list and certificates lie: in a folder of their own, never in the data folder."""

import os
import subprocess
from pathlib import Path

__all__ = ["PRIVACY_DIR", "privacy_folder"]

PRIVACY_DIR = "LEAD_PRIVACY_DIR"


def privacy_folder(root: Path) -> Path:
    """Say where the folder is; nothing is created.

    Parameters
    ----------
    root : Path
        The folder that a stage or the service runs in.

    Returns
    -------
    Path
        ``LEAD_PRIVACY_DIR``; else ``privacy`` beside the repository's common git directory, so that experiments in temporary
        workspaces, presets and worktrees obey the same objections; without git, ``privacy`` in `root`.
    """
    named = os.environ.get(PRIVACY_DIR)
    if named:
        return Path(named).absolute()
    command = ["git", "rev-parse", "--path-format=absolute", "--git-common-dir"]
    try:
        answer = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    except OSError:  # no git on this machine
        return root.absolute() / "privacy"
    return (Path(answer.stdout.strip()).parent if answer.returncode == 0 else root.absolute()) / "privacy"
