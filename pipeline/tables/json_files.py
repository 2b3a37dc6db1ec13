"""Small files between stages: JSON for people and git, table rows as plain values, hashes of what a model was made from."""

import hashlib
import json
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from features.errors import DataError

__all__ = ["hash_files", "read_json", "records", "write_json"]

CHUNK = 1 << 20
DIGITS = 6


def write_json(path: Path, content: Any) -> None:
    """Write JSON for people and git: indented, numbers to six digits, NaN as null, folders made as needed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(_rounded(content), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def read_json(path: Path, stage: str) -> Any:
    """Read what a stage wrote.

    Raises
    ------
    DataError
        If the file is missing; the message names the stage that makes it.
    """
    if not path.exists():
        raise DataError(f"{path}: no such file. Run `dvc repro {stage}`.")
    return json.loads(path.read_text(encoding="utf-8"))


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(item) for item in value]
    if isinstance(value, float):
        return round(value, DIGITS) if math.isfinite(value) else None
    return value.item() if hasattr(value, "item") else value


def hash_files(paths: Iterable[Path]) -> str:
    """Hash the contents of files, in their order, to one SHA-256 in hex."""
    digest = hashlib.sha256()
    for path in paths:
        with path.open("rb") as file:
            while chunk := file.read(CHUNK):
                digest.update(chunk)
    return digest.hexdigest()


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Give a frame's rows as mappings of column name to value, in order."""
    columns = [str(column) for column in frame.columns]
    return [dict(zip(columns, row, strict=True)) for row in frame.itertuples(index=False, name=None)]
