"""`metrics/split.json`: what the stage `split` decided and counted, for the stages after it."""

import json
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from features.errors import DataError
from models.params import SplitParams

__all__ = ["read_split", "split_facts"]

NAME = "split.json"


def split_facts(metrics_dir: Path) -> dict[str, Any]:
    """Read all that the stage wrote.

    Raises
    ------
    DataError
        The file is missing.
    """
    path = metrics_dir / NAME
    if not path.exists():
        raise DataError(f"{path}: no such file. Run `dvc repro split` first.")
    facts: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return facts


def read_split(metrics_dir: Path) -> SplitParams:
    """Read the settings that the stage decided; later stages use these and not `params.yaml`.

    Raises
    ------
    DataError
        The file is missing, or was written by an older version.
    """
    try:
        return SplitParams(**split_facts(metrics_dir)["settings"])
    except (KeyError, ValidationError) as error:
        raise DataError(
            f"{metrics_dir / NAME}: it does not say which settings were decided. Run `dvc repro split` again."
        ) from error
