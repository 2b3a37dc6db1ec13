"""Results of a long run, kept as it goes, so that it can be stopped and taken up again."""

import hashlib
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from features.errors import DataError

__all__ = ["Results", "code_hash"]

OWN = ("bench", "features", "models", "pipeline")


def code_hash() -> str:
    """Hash the source of our own modules that are imported by now: another code's results are not these."""
    files = {
        str(module.__file__)
        for name, module in list(sys.modules.items())
        if name.partition(".")[0] in OWN and getattr(module, "__file__", None)
    }
    return hashlib.sha256(b"".join(Path(file).read_bytes() for file in sorted(files))).hexdigest()[:16]


class Results:
    """Results by key, one JSON line each.

    Parameters
    ----------
    path : Path, optional
        File, made when first written; None: nothing is kept.

    Raises
    ------
    DataError
        The file's results are those of other code.
    """

    def __init__(self, path: Path | None) -> None:
        self._path, self._code = path, code_hash()
        self._known: dict[str, Any] = {}
        if path is None or not path.exists():
            return
        for line in path.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            if row["code"] != self._code:
                raise DataError(
                    f"{path} holds results of other code ({row['code']}; this is {self._code}). Name another file."
                )
            self._known[row["key"]] = row["result"]

    def get(self, key: str, compute: Callable[[], Any]) -> Any:
        """Give the result of a key; compute and keep it where there is none yet."""
        if key not in self._known:
            result = self._known[key] = compute()
            if self._path is not None:
                with self._path.open("a", encoding="utf-8") as file:
                    file.write(json.dumps({"key": key, "code": self._code, "result": result}) + "\n")
        return self._known[key]
